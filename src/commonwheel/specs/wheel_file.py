"""What the outside of a distribution file says: wheel and sdist file names (PEP 427, 425, 625), and the WHEEL file.

A variant wheel (PEP 817, 825: one more part at the end of its name) is recognised, so that whoever chooses files can
pass it over; to everybody who does not choose by variants it must be as if it were not there.
"""

from commonwheel.model import Value
from commonwheel.specs import headers
from commonwheel.specs.names import is_valid, normalize
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SDIST_SUFFIXES = (".tar.gz", ".zip")
# What pip and old indexes also knew; recognised to be named in an explanation, never built from (uv 0.12 refuses them too).
LEGACY_SDIST_SUFFIXES = (".tar.bz2", ".tgz", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tar.Z", ".tar", ".tar.zst")
PLAIN_PARTS = 5
# No real name stands for more than some dozens; a hostile one could stand for millions.
MOST_TAGS = 4096
_LONGEST_NAME = 255  # bytes that file systems allow


class InvalidWheelName(Malformed):
    """A file name is not that of a wheel."""

    code = "invalid-wheel-name"


class InvalidWheelFile(Malformed):
    """A WHEEL file cannot be understood."""

    code = "invalid-wheel-file"


class UnsupportedWheelVersion(InvalidWheelFile):
    """A wheel follows a later major version of the format, which must not be installed (PEP 427)."""

    code = "unsupported-wheel-version"


class WheelName(Value):
    """The parts of a wheel's file name.

    `name` is normalised; `version` is as written, escapes undone (`_` is read as `-`, which PEP 440 normalises further);
    `build` is "" or digits and a rest; `python`, `abi` and `platform` are compressed tag sets; `variant` is a label or "".
    """

    __slots__ = ("abi", "build", "name", "platform", "python", "variant", "version")

    def __init__(
        self, name: str, version: str, python: str, abi: str, platform: str, *, build: str = "", variant: str = ""
    ) -> None:
        self.name: Final = name
        self.version: Final = version
        self.python: Final = python
        self.abi: Final = abi
        self.platform: Final = platform
        self.build: Final = build
        self.variant: Final = variant

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the tags that the compressed sets stand for."""
        return expand_tags(self.python, self.abi, self.platform)

    @property
    def build_key(self) -> tuple[int, str]:
        """Return what builds of one version are ordered by (PEP 427); no build tag comes first."""
        return build_key(self.build)


class WheelFile(Value):
    """What `.dist-info/WHEEL` says; `tags` are expanded, in the order of the file."""

    __slots__ = ("build", "generator", "purelib", "tags", "wheel_version")

    def __init__(
        self,
        wheel_version: tuple[int, int],
        purelib: bool,
        tags: tuple[str, ...] = (),
        build: str = "",
        generator: str = "",
    ) -> None:
        self.wheel_version: Final = wheel_version
        self.purelib: Final = purelib
        self.tags: Final = tags
        self.build: Final = build
        self.generator: Final = generator


def split_filename(filename: str) -> tuple[str, str, str, str, str, str] | None:
    """Return (name, version, build, python, abi, platform) as written, or None for a variant wheel and for no wheel.

    For the hot loop over an index page: 0.4 us, nothing is normalised and names are not validated.
    """
    if not filename.endswith(".whl"):
        return None
    parts = filename[:-4].split("-")
    if len(parts) == PLAIN_PARTS:
        return parts[0], parts[1], "", parts[2], parts[3], parts[4]
    if len(parts) == PLAIN_PARTS + 1 and parts[2][:1].isdigit():
        return parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]
    return None


def parse_filename(filename: str) -> WheelName:
    """Parse a wheel's file name (no directory); raise InvalidWheelName."""
    stem = filename.removesuffix(".whl")
    if stem == filename:
        raise InvalidWheelName(f"`{filename}` is not the name of a wheel", issues=("it does not end in `.whl`",))
    parts = stem.split("-")
    if not PLAIN_PARTS <= len(parts) <= PLAIN_PARTS + 2:
        raise InvalidWheelName(
            f"`{filename}` is not the name of a wheel",
            issues=(f"it has {len(parts)} parts between hyphens where 5 to 7 are possible",),
            hint="a wheel is named `name-version[-build]-python-abi-platform.whl`",
        )
    build = parts.pop(2) if len(parts) > PLAIN_PARTS and parts[2][:1].isdigit() else ""
    variant = parts.pop() if len(parts) == PLAIN_PARTS + 1 else ""
    issues = _name_issues(parts, build, variant)
    if issues:
        raise InvalidWheelName(f"`{filename}` is not the name of a wheel", issues=issues)
    name, version, python, abi, platform = parts
    return WheelName(normalize(name), version.replace("_", "-"), python, abi, platform, build=build, variant=variant)


def _name_issues(parts: list[str], build: str, variant: str) -> list[str]:
    if len(parts) != PLAIN_PARTS:
        return ["the third of its seven parts is not a build tag, which begins with a digit"]
    name, version, *sets = parts
    issues = []
    if not is_valid(name.strip("_") or name):
        issues.append(f"`{name}` is not a project name")
    if not _word(version, "._+!"):
        issues.append(f"`{version}` is not a version")
    if build and not _word(build, "._"):
        issues.append(f"`{build}` is not a build tag")
    if variant and not _word(variant, "._"):
        issues.append(f"`{variant}` is not a variant label")
    if (sets[0].count(".") + 1) * (sets[1].count(".") + 1) * (sets[2].count(".") + 1) > MOST_TAGS:
        issues.append(f"it stands for more than {MOST_TAGS} tags")
    issues.extend(
        f"`{tags}` is not a set of {what} tags"
        for what, tags in zip(("interpreter", "ABI", "platform"), sets, strict=True)
        if not all(_word(tag, "_") for tag in tags.split("."))
    )
    return issues


def _word(text: str, marks: str) -> bool:
    for mark in marks:
        text = text.replace(mark, "")
    return text.isalnum() and text.isascii()


def expand_tags(python: str, abi: str, platform: str) -> tuple[str, ...]:
    """Return every tag of three compressed sets, as `py3-none-any`."""
    if "." not in platform and "." not in python and "." not in abi:
        return (f"{python}-{abi}-{platform}",)
    return tuple(f"{p}-{a}-{s}" for p in python.split(".") for a in abi.split(".") for s in platform.split("."))


def build_key(build: str) -> tuple[int, str]:
    """Return what build tags are ordered by: the leading number, then the rest; `(-1, "")` for none."""
    rest = build.lstrip("0123456789")
    number = whole(build[: len(build) - len(rest)])
    return (-1 if number is None else number, rest)


def sdist_stem(filename: str) -> str | None:
    """Return the name of an sdist without its suffix, or None for what is no sdist that can be built from."""
    for suffix in SDIST_SUFFIXES:
        if filename.endswith(suffix):
            return filename[: -len(suffix)]
    return None


def parse_sdist_filename(filename: str, project: str) -> str | None:
    """Return the version in an sdist's file name, knowing its (normalised) project, or None when it is not one of it.

    Knowing the project is what makes old names safe: `a-b-1.0-2.zip` is version `1.0-2` of `a-b`.
    """
    stem = sdist_stem(filename)
    if stem is None or len(stem) > _LONGEST_NAME:
        return None
    if stem[len(project) : len(project) + 1] == "-" and normalize(stem[: len(project)]) == project:
        return stem[len(project) + 1 :] or None
    start = stem.find("-")
    while start >= 0:  # a run such as `a__b`, whose normal form is shorter
        if normalize(stem[:start]) == project:
            return stem[start + 1 :] or None
        start = stem.find("-", start + 1)
    return None


def split_sdist_filename(filename: str) -> tuple[str, str] | None:
    """Return the (normalised) name and the version of an sdist by PEP 625, where neither is known; a guess for old names."""
    stem = sdist_stem(filename)
    if stem is None:
        return None
    name, hyphen, version = stem.rpartition("-")
    if not hyphen or not version or not is_valid(name):
        return None
    return normalize(name), version


def parse(data: bytes | str) -> WheelFile:
    """Parse the text of a WHEEL file; raise UnsupportedWheelVersion for a major version above 1, else InvalidWheelFile.

    A higher minor version is accepted (PEP 427: warn); a missing `Root-Is-Purelib` reads as false, as pip does.
    """
    fields, _ = headers.read(headers.decode(data))
    tags: list[str] = []
    single: dict[str, str] = {}
    for name, value in fields:
        if name == "tag":
            tags.extend(_tag(value, MOST_TAGS - len(tags)))
        else:
            single.setdefault(name, value)
    return WheelFile(
        _wheel_version(single.get("wheel-version")),
        single.get("root-is-purelib", "").lower() == "true",
        tuple(tags),
        single.get("build", ""),
        single.get("generator", ""),
    )


def _tag(value: str, most: int) -> tuple[str, ...]:
    parts = value.split("-")
    if len(parts) != len(("python", "abi", "platform")):
        return ()  # pip reads no tags from here at all; the file name is what counts
    if (parts[0].count(".") + 1) * (parts[1].count(".") + 1) * (parts[2].count(".") + 1) > most:
        raise InvalidWheelFile(f"the tags of the WHEEL file stand for more than {MOST_TAGS} combinations")
    return expand_tags(*parts)


def _wheel_version(text: str | None) -> tuple[int, int]:
    if text is None:
        raise InvalidWheelFile("the WHEEL file has no `Wheel-Version`")
    first, _, second = text.partition(".")
    major, minor = whole(first), whole(second.partition(".")[0] or "0")
    if major is None or minor is None:
        raise InvalidWheelFile(f"the WHEEL file has the `Wheel-Version` `{text[:40]}`, which is no version")
    if major > 1:
        raise UnsupportedWheelVersion(
            f"the wheel has format version `{text}`, and version 1 is what is understood",
            hint="ask for an older release of the package, or upgrade Commonwheel",
        )
    return major, minor
