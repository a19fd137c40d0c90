"""How files get into an environment: which ways to try for which package, and why.

Laws of this file: it decides what to *try*; each file falls back by itself (`disk.place`), since a file system that can
link need not link this file. A strict choice (`hardlink!`) has one way only, and fails instead.
"""

from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Final

    from commonwheel.model import Entry, Environment

MODES = ("auto", "clone", "hardlink", "copy", "symlink", "fold")
# for the files of a folded package that lie outside of its links: some file systems take eight times as long to make a symbolic
# link, which is an inode, as to give one another name
_LOOSE = ("hardlink", "symlink", "clone", "copy")
# a file server is asked for every part of the path of the file that gets another name
_LOOSE_FAR = ("symlink", "hardlink", "clone", "copy")

_UNSTEADY = "its store is temporary, or others may replace it (`cw doctor` tells which)"


class LinkRefused(CommonwheelError):
    """The requested link mode (such as `hardlink!`) is not possible here."""

    code = "link-refused"


class LinkChoice(Value):
    """What to try: `ways` for the files of each package (by name, in order), and which packages are `folded`.

    `mode` is what was asked for, without `!`; `why` says, for each way that was left out, the reason.
    """

    __slots__ = ("folded", "mode", "strict", "ways", "why")

    def __init__(
        self,
        mode: str,
        ways: "Mapping[str, tuple[str, ...]]",
        folded: "Collection[str]" = (),
        why: "tuple[str, ...]" = (),
        *,
        strict: bool = False,
    ) -> None:
        self.mode: Final = mode
        self.ways: Final = ways
        self.folded: Final = frozenset(folded)
        self.why: Final = why
        self.strict: Final = strict


def choose(
    setting: str,
    environment: "Environment",
    entries: "Sequence[Entry]",
    *,
    recommended: str = "",
    no_fold: "Collection[str]" = (),
) -> LinkChoice:
    """Return what to try for each entry under a setting of MODES, with `!` for its strict form.

    `auto` is clone, else hard link if the entry is mine, else what the store recommends, else copy. `no_fold` exempts
    packages from folding; so does an entry that says itself why it cannot be folded.
    """
    mode, strict = setting.removesuffix("!"), setting.endswith("!")
    if mode not in MODES:
        raise LinkRefused(f"`{setting}` is no link mode", hint=f"choose one of {', '.join(MODES)}")
    reasons = _Reasons(environment.paths["purelib"])
    exempt = frozenset(no_fold)
    ways: dict[str, tuple[str, ...]] = {}
    folded = []
    for entry in entries:
        wanted = recommended or "copy" if mode == "auto" else mode
        folds = wanted == "fold" and not reasons.against_folding(entry, exempt)
        if folds:
            folded.append(entry.name)
        ways[entry.name] = _strict_way(mode, entry, exempt) if strict else _ways(mode, wanted, entry, reasons)
    return LinkChoice(mode, ways, folded, reasons.told(), strict=strict)


def _ways(mode: str, wanted: str, entry: "Entry", reasons: "_Reasons") -> tuple[str, ...]:
    if mode == "auto":
        tried = ["clone", "hardlink", "symlink" if wanted in {"fold", "symlink"} else wanted, "copy"]
        if wanted == "fold":
            tried = list(reasons.loose)
    elif mode == "hardlink":
        tried = ["hardlink", "clone", "copy"]
    elif mode == "fold":
        tried = list(reasons.loose)
    elif mode == "symlink":
        tried = ["symlink", "clone", "copy"]
    else:
        # who asks for clones wants files of her own: a hard link would be the opposite
        tried = ["clone", "copy"] if mode == "clone" else ["copy"]
    return tuple(dict.fromkeys(way for way in tried if way == "copy" or not reasons.against(way, entry)))


def _strict_way(mode: str, entry: "Entry", exempt: "Collection[str]") -> tuple[str, ...]:
    reason = ""
    if mode == "hardlink" and not entry.mine:
        reason = "its files in the store belong to another user"
    elif mode in {"symlink", "fold"} and not entry.trusted:
        reason = _UNSTEADY
    elif mode == "fold" and entry.unfolded and entry.name not in exempt:
        reason = entry.unfolded
    if reason:
        raise LinkRefused(
            f"`{entry.name}` cannot be installed with `{mode}!`: {reason}",
            hint=f"use `{mode}` without `!`, which falls back package by package",
        )
    if mode == "auto":
        return ("clone", "hardlink", "copy") if entry.mine else ("clone", "copy")
    return ("symlink",) if mode == "fold" else (mode,)


def prevailing(used: "Mapping[str, int]") -> str:
    """Return the way most files went, given how many went each; "" for none. A fold is one link for any number of them."""
    return "fold" if used.get("fold") else max(used, key=lambda way: used[way], default="")


class _Reasons:
    """What is known against a way before it is tried: asked once for each store, since the answer reads the mount table."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._known: dict[str, dict[str, str]] = {}
        self._told: dict[str, None] = {}

    @property
    def loose(self) -> tuple[str, ...]:
        """Return the ways for the files of a folded package that lie outside of its links."""
        return _LOOSE_FAR if facts.is_shared(self._target) else _LOOSE

    def against(self, way: str, entry: "Entry") -> str:
        """Return why a way is not worth trying for the files of an entry, or ""."""
        reason = ""
        if way == "hardlink" and not entry.mine:
            reason = "the files in the store belong to another user"
        elif way == "symlink" and not entry.trusted:
            reason = _UNSTEADY
        else:
            reason = self._known_against(way, entry)
        if reason:
            self._told[f"no {way}: {reason}"] = None
        return reason

    def _known_against(self, way: str, entry: "Entry") -> str:
        # entries of one store lie in one file system: three directories up is its root
        store = entry.root.rsplit("/", 3)[0]
        if store not in self._known:
            self._known[store] = facts.link_reasons(store, self._target)
        return self._known[store][way]

    def against_folding(self, entry: "Entry", exempt: "Collection[str]") -> str:
        """Return why an entry is not folded, or ""."""
        reason = entry.unfolded
        if not entry.trusted:
            reason = _UNSTEADY
        elif entry.name in exempt:
            reason = "exempted by --no-fold"
        reason = reason or self._known_against("symlink", entry)
        if reason:
            self._told[f"`{entry.name}` is not folded: {reason}"] = None
        return reason

    def told(self) -> tuple[str, ...]:
        """Return all reasons that mattered."""
        return tuple(self._told)
