"""Requirement and constraint files, as pip reads them.

Nothing is opened here: `read` gives the bytes of a file that is included, by absolute path or http(s) URL. Differences from
pip, on purpose: every faulty line is told, not the first; what `-c` includes can never be installed, also by a `-r` in it;
relative paths are relative to the file that has them, also for `--find-links`; words that pip drops in silence (`-r a b`) are
errors.
"""

from posixpath import dirname, isabs, join, normpath

from commonwheel.model import Origin, PathSource, Requirement, SafeUrl, Value, VcsSource
from commonwheel.specs import digests, file_url, headers, requirement, sources, urls
from commonwheel.specs.names import normalize
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Final

    from commonwheel.model import Digest

    Reader = Callable[[str], bytes | str]

_BLANK = " \t"
# longer ones first: the mark of UTF-16 begins that of UTF-32
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip
_FLAGS = frozenset(("no-index", "require-hashes", "no-require-hashes", "pre", "prefer-binary"))
_VALUED = frozenset(
    (
        "index-url", "extra-index-url", "find-links", "no-binary", "only-binary", "trusted-host", "use-feature",
        "all-releases", "only-final", "requirement", "constraint", "editable", "hash", "config-settings",
    )
)  # fmt: skip
_SPELLINGS = {
    **{f"--{name}": name for name in _FLAGS | _VALUED},
    "--pypi-url": "index-url", "--config-setting": "config-settings", "-i": "index-url", "-f": "find-links",
    "-r": "requirement", "-c": "constraint", "-e": "editable", "-C": "config-settings",
}  # fmt: skip
_URLS = frozenset(("index-url", "extra-index-url", "find-links"))
_LISTS = frozenset(("no-binary", "only-binary", "all-releases", "only-final"))
_OF_REQUIREMENTS = frozenset(("hash", "config-settings"))
_VARIABLE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

# files within files; each level takes some frames of the stack
_DEEPEST = 100


class InvalidRequirementsFile(Malformed):
    """A requirements file cannot be read, or what is wrong in which of its lines."""

    code = "invalid-requirements-file"
    exit_status = 2


class Option(Value):
    """One option that a file sets: its long name without hyphens, its value ("" for a flag), and where it stands.

    For `index-url`, `extra-index-url` and `find-links` the place is in `url` (a URL, or an absolute path), and `value` is the
    masked text of it. A comma list (`no-binary`, `only-binary`) comes as one option per member, names normalised.
    """

    __slots__ = ("name", "origin", "url", "value")

    def __init__(self, name: str, value: str, origin: Origin, url: SafeUrl | None = None) -> None:
        self.name: Final = name
        self.value: Final = value
        self.origin: Final = origin
        self.url: Final = url


class RequirementsFile(Value):
    """What a file and everything that it includes ask for.

    `options` stand in the order of the files, a later one wins where there can be only one. `config_settings` are
    (requirement, key, value); `files` are the paths and URLs of all included files; `notes` are remarks for the user.
    """

    __slots__ = ("config_settings", "constraints", "files", "notes", "options", "requirements")

    def __init__(
        self,
        requirements: tuple[Requirement, ...] = (),
        constraints: tuple[Requirement, ...] = (),
        options: tuple[Option, ...] = (),
        config_settings: tuple[tuple[Requirement, str, str], ...] = (),
        files: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self.requirements: Final = requirements
        self.constraints: Final = constraints
        self.options: Final = options
        self.config_settings: Final = config_settings
        self.files: Final = files
        self.notes: Final = notes

    def every(self, name: str) -> tuple[Option, ...]:
        """Return all options of a name, in order."""
        return tuple(option for option in self.options if option.name == name)

    def last(self, name: str) -> Option | None:
        """Return the option of a name that wins, or None."""
        return next((option for option in reversed(self.options) if option.name == name), None)


def parse(
    data: bytes | str,
    *,
    name: str,
    base: str,
    read: "Reader",
    environ: "Mapping[str, str]",
    constraint: bool = False,
) -> RequirementsFile:
    """Parse a requirements file, or with `constraint` a constraints file, and all that it includes.

    `name` is how messages call it; `base` is the directory that its relative paths are relative to, or its own http(s)
    URL; `read` may raise OSError or any CommonwheelError. Raises InvalidRequirement for a single bad requirement, else
    InvalidRequirementsFile.
    """
    reading = _Reading(read, environ)
    where = base if sources.scheme_of(base) else join(base, name.rpartition("/")[2])
    reading.file(data, _File(name, base, where, constraint, None, None))
    return reading.result()


def decode(data: bytes | str, name: str) -> str:
    """Return the text of a requirements file: a byte order mark, a `coding:` comment, or UTF-8; raise InvalidRequirementsFile."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    encoding, start = next(((e, len(mark)) for mark, e in _MARKS if data.startswith(mark)), (_declared(data), 0))
    try:
        text = str(data[start:], encoding)
    except (UnicodeDecodeError, LookupError) as error:
        reason = (
            f"`{encoding}` is no known encoding" if isinstance(error, LookupError) else f"it is not {encoding.upper()}"
        )
        raise InvalidRequirementsFile(
            f"cannot read `{name}` as text: {reason}",
            hint="save it as UTF-8, or name its encoding in the first line: `# -*- coding: latin-1 -*-`",
        ) from error
    if "\x00" in text:
        raise InvalidRequirementsFile(
            f"`{name}` is no text file", hint="give a wheel or an sdist as it is, without `-r`"
        )
    return text


def _declared(data: bytes) -> str:
    """Return the encoding that a comment in the first two lines declares (PEP 263), or UTF-8."""
    for line in data.split(b"\n", 2)[:2]:
        _, word, rest = line.partition(b"coding")
        if line.startswith(b"#") and word and rest[:1] in (b":", b"="):
            value = str(rest[1:], "ascii", "replace").lstrip(_BLANK)
            return (
                value[: len(value) - len(value.lstrip(f"{_VARIABLE_CHARACTERS}{_VARIABLE_CHARACTERS.lower()}-."))]
                or "utf-8"
            )
    return "utf-8"


# --- lines ---------------------------------------------------------------------------------------------------------


def logical_lines(text: str) -> "Iterator[tuple[int, str]]":
    """Yield the number and text of every line that says something: continued lines joined, comments cut off.

    As in pip, a line whose last character is a backslash goes on in the next, within a name, a specifier or an option;
    a line that is a comment ends it; a `#` begins a comment only at the start or after a blank.
    """
    number = 0
    pieces: list[str] = []
    for at, line in enumerate(headers.lines_of(text), 1):
        is_comment = line.lstrip().startswith("#")
        if not pieces:
            number = at
        if line.endswith("\\") and not is_comment:
            pieces.append(line.rstrip("\\"))
            continue
        pieces.append(" " + line if is_comment else line)
        joined = _without_comment("".join(pieces))
        pieces = []
        if joined:
            yield number, joined
    joined = _without_comment("".join(pieces))
    if joined:
        yield number, joined


def _without_comment(line: str) -> str:
    at = line.find("#")
    while at > 0 and not line[at - 1].isspace():
        at = line.find("#", at + 1)
    return (line if at < 0 else line[:at]).strip()


def expand(line: str, environ: "Mapping[str, str]") -> tuple[str, tuple[str, ...]]:
    """Replace `${NAME}` (capitals, digits, `_`) by what the environment has; return also the names that it lacks.

    As in pip a variable that is unset or empty stays as it is, and nothing else that begins with `$` means anything.
    """
    if "${" not in line:
        return line, ()
    first, *rest = line.split("${")
    pieces, missing = [first], []
    for piece in rest:
        name, brace, tail = piece.partition("}")
        value = environ.get(name, "") if brace and name and not name.strip(_VARIABLE_CHARACTERS) else ""
        if value:
            pieces.append(value + tail)
            continue
        if brace:
            missing.append(name)
        pieces.append("${" + piece)
    return "".join(pieces), tuple(missing)


def _split_options(line: str) -> tuple[str, str]:
    """Split a line before its first word that begins with a hyphen."""
    if line.startswith("-"):
        return "", line
    at = line.find("-")
    while at > 0 and line[at - 1] not in _BLANK:
        at = line.find("-", at + 1)
    return (line, "") if at < 0 else (line[:at].rstrip(_BLANK), line[at:])


def _word(text: str) -> tuple[str, str]:
    """Take one word as a shell does (quotes, backslashes) off a text; return it and the rest. Raises ValueError."""
    text = text.lstrip(_BLANK)
    word: list[str] = []
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'" and at + 1 < len(text):
            # within double quotes a backslash quotes only itself and the quote
            if quote and text[at + 1] not in '"\\':
                word.append(character)
            at += 1
            word.append(text[at])
        elif quote:
            quote = "" if character == quote else quote
            word.extend(character if quote else "")
        elif character in "\"'":
            quote = character
        elif character in _BLANK:
            break
        else:
            word.append(character)
        at += 1
    if quote:
        raise ValueError(quote)
    return "".join(word), text[at:].lstrip(_BLANK)


# --- files ---------------------------------------------------------------------------------------------------------


class _File(Value):
    """A file being read: what messages call it, what its paths are relative to, its identity, and who included it."""

    __slots__ = ("base", "constraint", "included_at", "name", "parent", "where")

    def __init__(
        self, name: str, base: str, where: str, constraint: bool, parent: "_File | None", included_at: Origin | None
    ) -> None:
        self.name: Final = name
        self.base: Final = base
        self.where: Final = where
        self.constraint: Final = constraint
        self.parent: Final = parent
        self.included_at: Final = included_at

    @property
    def base_directory(self) -> str:
        """Return what paths are relative to, or "" in a file from the network, where they have no meaning."""
        return "" if sources.scheme_of(self.base) else self.base

    def chain(self) -> "list[_File]":
        """Return this file, the one that includes it, and so on."""
        return [self, *(self.parent.chain() if self.parent else ())]

    def include(self, target: str, origin: Origin, constraint: bool) -> "_File":
        """Describe the file that a line of this one includes."""
        if sources.scheme_of(self.base) or sources.scheme_of(target) in ("http", "https"):
            url = urls.join(self.base, target)
            return _File(SafeUrl(url).shown, url, url, constraint, self, origin)
        path = file_url.to_path(target) or target
        shown = path if isabs(path) else normpath(join(dirname(self.name), path))
        whole = normpath(join(self.base, path))
        return _File(shown, dirname(whole), whole, constraint, self, origin)


class _Line:
    """One logical line, taken apart word by word."""

    __slots__ = ("file", "hashes", "origin", "rest", "settings", "text")

    def __init__(self, text: str, file: _File, number: int) -> None:
        self.text: Final = text
        self.file: Final = file
        self.origin: Final = Origin(file.name, number)
        self.rest = ""
        self.hashes: list[Digest] = []
        self.settings: list[tuple[str, str]] = []

    def fault(self, message: str, hint: str | None = None) -> InvalidRequirementsFile:
        """Make the error that shows this line."""
        return InvalidRequirementsFile(f"{message} at {self.origin}", issues=(sources.mask(self.text),), hint=hint)

    def option(self) -> tuple[str, str]:
        """Take the next option and its value off the rest; `-e` takes all up to the next word with a hyphen."""
        spelling, equals, glued = self._spelling()
        name = _SPELLINGS.get(spelling) or self._abbreviated(spelling)
        if name in _FLAGS:
            if equals or glued:
                raise self.fault(f"`{spelling}` takes no value")
            return name, ""
        if equals or glued:
            self.rest = glued + self.rest
        if not self.rest:
            raise self.fault(f"`{spelling}` needs a value")
        if name == "editable" and self.rest[0] not in "\"'":
            value, self.rest = _split_options(self.rest)
            if not value:
                raise self.fault(f"`{spelling}` needs a value")
            return name, value
        return name, self.word()

    def word(self) -> str:
        """Take the next word off the rest."""
        try:
            word, self.rest = _word(self.rest)
        except ValueError as error:
            raise self.fault(f"the quote `{error}` is not closed") from error
        return word

    def _spelling(self) -> tuple[str, str, str]:
        """Take `--name`, `--name=`, `-x` or `-xvalue`; the value stays to be read as a word."""
        end = next((at for at, c in enumerate(self.rest) if c in " \t="), len(self.rest))
        spelling, rest = self.rest[:end], self.rest[end:]
        if not spelling.startswith("-"):
            raise self.fault(
                f"`{sources.mask(self.rest)}` is not expected", "put quotes around a value that has blanks"
            )
        if not spelling.startswith("--"):
            # optparse takes the value of a short option with or without a blank, and `=` as its first character
            self.rest = ""
            glued = spelling[2:] + rest
            if glued[:1] in ("", *_BLANK):
                self.rest, glued = glued.lstrip(_BLANK), ""
            return spelling[:2], "", glued
        self.rest = rest[1:] if rest.startswith("=") else rest.lstrip(_BLANK)
        return spelling, rest[:1] if rest.startswith("=") else "", ""

    def _abbreviated(self, spelling: str) -> str:
        matches = {name for long, name in _SPELLINGS.items() if spelling.startswith("--") and long.startswith(spelling)}
        if len(matches) != 1 or spelling == "--":
            raise self.fault(f"the option `{spelling}` is not known in requirement files")
        return matches.pop()


class _Reading:
    """What is gathered while a file and its includes are read."""

    def __init__(self, read: "Reader", environ: "Mapping[str, str]") -> None:
        self._read = read
        self._environ = environ
        self._requirements: list[Requirement] = []
        self._constraints: list[Requirement] = []
        self._options: list[Option] = []
        self._settings: list[tuple[Requirement, str, str]] = []
        self._notes: list[str] = []
        self._seen: dict[tuple[str, bool], None] = {}
        self._faults: list[Malformed] = []

    def file(self, data: bytes | str, file: _File) -> None:
        """Read a file; what is wrong in it is gathered, too."""
        self._seen[file.where, file.constraint] = None
        try:
            lines = list(logical_lines(decode(data, file.name)))
        except InvalidRequirementsFile as fault:
            self._faults.append(fault)
            return
        for number, text in lines:
            line, missing = expand(text, self._environ)
            try:
                self._line(_Line(line, file, number))
            except Malformed as fault:
                self._faults.append(_with_missing(fault, missing))

    def result(self) -> RequirementsFile:
        """Return what was gathered, or raise what was wrong."""
        if len(self._faults) == 1:
            raise self._faults[0]
        if self._faults:
            issues = [line for fault in self._faults for line in (fault.message, *(f"  {c}" for c in fault.context))]
            raise InvalidRequirementsFile(f"{len(self._faults)} lines cannot be read", issues=issues)
        return RequirementsFile(
            tuple(self._requirements),
            tuple(self._constraints),
            tuple(self._options),
            tuple(self._settings),
            tuple(dict.fromkeys(where for where, _ in self._seen)),
            tuple(self._notes),
        )

    def _line(self, line: _Line) -> None:
        text, line.rest = _split_options(line.text)
        editable = False
        while line.rest:
            name, value = line.option()
            if name == "editable":
                if text:
                    raise line.fault("`-e` stands before a requirement, and once on a line")
                text, editable = value, True
            elif name in _OF_REQUIREMENTS:
                self._of_requirement(line, name, value)
            elif text:
                raise line.fault(f"`--{name}` cannot stand on the line of a requirement", "give it a line of its own")
            else:
                self._option(line, name, value)
        if text:
            self._requirement(line, text, editable)
        elif line.hashes or line.settings:
            self._notes.append(f"`{sources.mask(line.text)}` at {line.origin} belongs to no requirement and is ignored")

    def _of_requirement(self, line: _Line, name: str, value: str) -> None:
        if name == "hash":
            digest = digests.parse(value)
            if digest is None:
                raise line.fault(f"`{value}` is no hash", "write `--hash=sha256:` and 64 hexadecimal digits")
            line.hashes.append(digest)
            return
        key, equals, setting = value.partition("=")
        if not equals or not key:
            raise line.fault(f"`{value}` is no setting of a build backend", "write `--config-settings KEY=VALUE`")
        line.settings.append((key, setting))

    def _option(self, line: _Line, name: str, value: str) -> None:
        if name in ("requirement", "constraint"):
            self._include(line, value, constraint=name == "constraint" or line.file.constraint)
        elif name in _URLS:
            url = SafeUrl(_place(value, line))
            self._options.append(Option(name, url.shown, line.origin, url))
        elif name in _LISTS:
            members = [member.strip() for member in value.split(",")]
            self._options.extend(
                Option(name, member if member.startswith(":") else normalize(member), line.origin)
                for member in members
                if member
            )
        else:
            self._options.append(Option(name, value, line.origin))

    def _include(self, line: _Line, target: str, *, constraint: bool) -> None:
        if target.endswith((".toml", ".cfg", ".py")):
            raise line.fault(f"`{target}` is no requirements file", f"give it on the command line: `-r {target}`")
        included = line.file.include(target, line.origin, constraint)
        chain = line.file.chain()
        if any(file.where == included.where for file in chain):
            names = [file.name for file in reversed(chain)]
            raise line.fault(f"the file includes itself: {' → '.join([*names, included.name])}")
        if (included.where, constraint) in self._seen:
            return
        if len(chain) > _DEEPEST:
            raise line.fault(f"more than {_DEEPEST} files include each other", "put them into fewer files")
        try:
            data = self._read(included.where)
        except OSError as error:
            raise line.fault(f"cannot read `{included.name}` ({error.strerror or error}), included") from error
        self.file(data, included)

    def _requirement(self, line: _Line, text: str, editable: bool) -> None:
        reading = requirement.parse_editable if editable else requirement.parse
        found = reading(text, line.origin, base_directory=line.file.base_directory, digests=tuple(line.hashes))
        if not line.file.constraint:
            self._requirements.append(found)
        elif found.name and not _is_editable(found):
            self._constraints.append(found)
        else:
            what = "editable" if _is_editable(found) else "without a name"
            raise line.fault(f"a constraint cannot be {what}", "write `name @ …`, or move it to the requirements")
        self._settings.extend((found, key, value) for key, value in line.settings)


def _is_editable(found: Requirement) -> bool:
    return isinstance(found.source, (PathSource, VcsSource)) and found.source.editable


def _place(value: str, line: _Line) -> str:
    """Return the URL or the absolute path of an index or a place of links."""
    if sources.scheme_of(value):
        if odd := sources.control_in(value):
            raise line.fault(f"a URL cannot hold {odd!r}", "write special characters as percent escapes")
        return value
    if sources.scheme_of(line.file.base):
        return urls.join(line.file.base, value)
    return normpath(join(line.file.base, value))


def _with_missing(fault: Malformed, missing: tuple[str, ...]) -> Malformed:
    """Add to an error that the line names variables which are not set: that is what is wrong then."""
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        fault.context += (f"not set in the environment: {names}",)
    return fault
