"""The next version of a project (PEP 440): `bump("1.2.3", ["minor", "beta"])` is `1.3.0b1`. Cold."""

from packaging.version import Version

from commonwheel.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: From the largest step to the smallest; several are made in this order.
PARTS = ("major", "minor", "patch", "stable", "alpha", "beta", "rc", "post", "dev")
_LABELS = {"alpha": "a", "beta": "b", "rc": "rc"}


class BadBump(UsageError):
    """A version cannot be increased as asked; the message says what it would become."""

    code = "bad-version-bump"


def bump(version: str, parts: "Sequence[str]") -> str:
    """Return a version increased by parts, each with or without `=N`. Raises BadBump for one that is not newer then."""
    wanted: dict[str, int | None] = {}
    for text in parts:
        name, equals, number = text.partition("=")
        if name not in PARTS or (equals and not number.isdecimal()) or (equals and name == "stable"):
            raise BadBump(
                f"`{text}` is no part of a version", hint=f"use one of {', '.join(PARTS)}, with or without `=N`"
            )
        if name in wanted:
            raise BadBump(f"`{name}` is given twice")
        wanted[name] = int(number) if equals else None
    if "stable" in wanted and len(wanted) > 1:
        raise BadBump("`stable` cannot be combined with other parts")
    found = version
    for name in PARTS:
        if name in wanted:
            found = _step(found, name, wanted[name])
    if Version(found) <= Version(version):
        hint = "give the version itself to set it all the same"
        if wanted.keys() & {"alpha", "beta", "rc", "dev"}:
            hint = "increase `major`, `minor` or `patch` too: a pre-release comes before its release"
        raise BadBump(f"{found} is not newer than {version}", hint=hint)
    return found


def _step(text: str, name: str, number: int | None) -> str:
    version = Version(text)
    release = list(version.release)
    epoch = f"{version.epoch}!" if version.epoch else ""
    if name in ("major", "minor", "patch"):
        at = PARTS.index(name)
        release += [0] * (at + 1 - len(release))
        release[at] = release[at] + 1 if number is None else number
        release[at + 1 :] = [0] * (len(release) - at - 1)
        return epoch + ".".join(map(str, release))
    base = epoch + ".".join(map(str, release))
    if name == "stable":
        return base
    pre = "".join(map(str, version.pre)) if version.pre else ""
    if name in _LABELS:
        label = _LABELS[name]
        known = version.pre[1] if version.pre and version.pre[0] == label else 0
        return f"{base}{label}{known + 1 if number is None else number}"
    if name == "post":
        return f"{base}{pre}.post{(version.post or 0) + 1 if number is None else number}"
    post = f".post{version.post}" if version.post is not None else ""
    return f"{base}{pre}{post}.dev{(version.dev or 0) + 1 if number is None else number}"
