"""Turn the words of a command line into values, by the table of `settings`.

Not argparse: its import and the building of sixty options cost more than a whole no-op install (docs/decisions/0003).
The rules are those of clap, which uv's users know: `--name value`, `--name=value`, `-n value`, `-nvalue`, bundled
switches (`-qq`), options and positional words in any order, `--` ends options, no abbreviations.

Laws of this file: pure. It knows no command and prints nothing.
"""

from commonwheel.errors import UsageError
from commonwheel.model import Value
from commonwheel.settings.options import OPTIONS
from commonwheel.settings.settings import Parsed, checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from commonwheel.settings.options import Option


_USAGE = "`--help` shows the usage"


class Arguments(Value):
    """What one command takes: positional words and groups of options, in the order that help shows.

    `positional` is shown in the usage line; `least` and `most` bound the number of positional words (`most` None: any);
    `groups` are (heading, keys of `OPTIONS`); `formats` are the words that `--format` takes; with `trailing`, options end at the
    first positional word, and all that follows belongs to the program that it names.
    """

    __slots__ = ("about", "formats", "groups", "least", "most", "positional", "trailing")

    def __init__(
        self,
        about: str,
        positional: str = "",
        least: int = 0,
        most: int | None = 0,
        groups: "tuple[tuple[str, str], ...]" = (),
        formats: str = "text json",
        *,
        trailing: bool = False,
    ) -> None:
        self.about: Final = about
        self.positional: Final = positional
        self.least: Final = least
        self.most: Final = most
        self.groups: Final = groups
        self.formats: Final = tuple(formats.split())
        self.trailing: Final = trailing

    def names(self) -> "tuple[str, ...]":
        """Return the keys of all options, in order."""
        return tuple(key for _, keys in self.groups for key in keys.split())

    def spellings(self) -> "dict[str, tuple[Option, bool]]":
        """Map every spelling to its option and the value that a flag gets; an earlier option keeps a contested one."""
        found: dict[str, tuple[Option, bool]] = {}
        for key in self.names():
            option = OPTIONS[key]
            for spelling in option.flags:
                found.setdefault(spelling, (option, True))
            for spelling in option.off:
                found.setdefault(spelling, (option, False))
        return found


#: The options of every command.
GLOBAL = (
    "Global options",
    (
        "quiet verbose color no-color json offline no-progress no-cache cache-dir layers trust refresh refresh-package directory project "
        "config-file no-config preview preview-features help"
    ),
)
EVERYWHERE = Arguments("", groups=(GLOBAL,))


class _Reader:
    """Walk over the words once."""

    def __init__(self, words: "Sequence[str]", spellings: "Mapping[str, tuple[Option, bool]]") -> None:
        self.words = list(words)
        self.at = 0
        self.spellings = spellings
        self.positional: list[str] = []
        self.given: dict[str, object] = {}

    def run(self, *, stop_at_positional: bool) -> int:
        """Read to the end (or to the first positional word) and return how many words were read."""
        while self.at < len(self.words):
            word = self.words[self.at]
            if word == "--":
                self.positional += self.words[self.at + 1 :]
                return len(self.words)
            if word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and len(word) > 1:
                self._short(word)
            elif stop_at_positional:
                return self.at
            else:
                self.positional.append(word)
            self.at += 1
        return self.at

    def _long(self, word: str) -> None:
        spelling, equals, value = word.partition("=")
        known = self.spellings.get(spelling)
        if known is None:
            raise UnknownOption(spelling, self.spellings)
        option, switch = known
        if option.takes_value:
            self._take(option, value if equals else self._next(spelling), spelling)
        elif equals:
            raise UsageError(f"`{spelling}` takes no value, but `{value}` was given", hint=_USAGE)
        else:
            self._switch(option, switch)

    def _short(self, word: str) -> None:
        rest = word[1:]
        while rest:
            spelling, rest = "-" + rest[0], rest[1:]
            known = self.spellings.get(spelling)
            if known is None:
                raise UnknownOption(spelling if spelling != word else word, self.spellings)
            option, switch = known
            if option.takes_value:
                self._take(option, rest.removeprefix("=") if rest else self._next(spelling), spelling)
                return
            self._switch(option, switch)

    def _next(self, spelling: str) -> str:
        self.at += 1
        if self.at >= len(self.words):
            raise UsageError(f"`{spelling}` needs a value", hint=_USAGE)
        return self.words[self.at]

    def _take(self, option: "Option", value: str, spelling: str) -> None:
        if option.many:
            before = self.given.get(option.key)
            words = [*before, value] if isinstance(before, list) else [value]
        else:
            if option.key in self.given and not option.hidden:
                raise UsageError(f"`{spelling}` is given twice", hint="leave one of them out")
            words = [value]
        self.given[option.key] = checked(option, words, spelling)

    def _switch(self, option: "Option", on: bool) -> None:
        if option.kind == "count":
            before = self.given.get(option.key)
            self.given[option.key] = (before if isinstance(before, int) else 0) + 1
        else:
            self.given[option.key] = on


class UnknownOption(UsageError):
    """A command has no such option, and which it may have been."""

    code = "unknown-option"

    def __init__(self, spelling: str, spellings: "Mapping[str, object]") -> None:
        hint = _INSTEAD.get(spelling) or likely(spelling, spellings) or "`--help` lists them"
        super().__init__(f"unexpected option `{spelling}`", hint=hint)


# What pip and uv have and cw has not, and what to type instead.
_INSTEAD = {
    "--user": "make an environment with `cw venv`, or name a directory with `--target`",
    "--root": "name a directory with `--target` or `--prefix`",
    "--platform": "`--python-platform` names a platform, `--python-version` a Python",
    "--abi": "`--python-version` names a Python, `--python-platform` a platform",
    "--implementation": "`--python` names an interpreter",
    "--require-build-hashes": "`--build-constraints` pins what builds use; `--no-build` forbids them",
}


def likely(word: str, known: "Mapping[str, object]") -> str:
    """Return a sentence that names the nearest known word, or "".

    Nearness is the share of common neighbouring letters: enough for a typing error, and no import.
    """
    pairs = {word[i : i + 2] for i in range(len(word) - 1)}

    def score(other: str) -> float:
        others = {other[i : i + 2] for i in range(len(other) - 1)}
        return 2 * len(pairs & others) / max(1, len(pairs) + len(others))

    best = max(known, key=score, default="")
    nearness = 0.6
    return f"did you mean `{best}`?" if best and score(best) >= nearness else ""


def parse(arguments: Arguments, words: "Sequence[str]", given: "Mapping[str, object] | None" = None) -> Parsed:
    """Read the words after a command; `given` holds options that stood before it.

    Raises UsageError for an unknown option, a missing value, too few or too many words.
    """
    reader = _Reader(words, arguments.spellings())
    reader.given.update(given or {})
    taken = reader.run(stop_at_positional=arguments.trailing)
    if arguments.trailing:
        reader.positional += words[taken:]
    count = len(reader.positional)
    style = reader.given.get("format")
    if style is not None and style not in arguments.formats:
        raise UsageError(f"`--format` is `{style}`", hint=f"choose one of {', '.join(arguments.formats)}")
    if not reader.given.get("help"):
        if count < arguments.least:
            raise UsageError(f"missing {arguments.positional}", hint=_USAGE)
        if arguments.most is not None and count > arguments.most:
            raise UsageError(f"unexpected argument `{reader.positional[arguments.most]}`", hint=_USAGE)
    return Parsed(tuple(reader.positional), reader.given)


def leading(
    arguments: Arguments, words: "Sequence[str]", given: "Mapping[str, object] | None" = None
) -> "tuple[dict[str, object], int]":
    """Read the options before a command, and between its words; return their values and how many words they took."""
    reader = _Reader(words, arguments.spellings())
    reader.given.update(given or {})
    taken = reader.run(stop_at_positional=True)
    return reader.given, taken
