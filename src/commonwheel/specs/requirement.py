"""Requirements: PEP 508 text, and the bare paths and URLs that requirement files and command lines take beside it.

Complete, and by string methods alone: resolving reads tens of thousands of such texts. `packaging.requirements` is the
oracle of the tests; nothing is handed on to it, since `versions` and `markers` understand all of their grammars.
Where pip is more liberal than PEP 508 and means one thing, that is taken: `name @ url; marker` without a space.
"""

from commonwheel.model import PathSource, Requirement, VcsSource
from commonwheel.specs import markers, sources, versions
from commonwheel.specs.names import normalize
from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed, underline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from commonwheel.model import Digest, Origin

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
_BLANK = " \t"
_OPERATORS = ("===", "~=", "==", "!=", "<=", ">=", "<", ">")
# by text, unbounded: a process reads some thousand distinct ones, and the solver asks for the same again
_specifiers: dict[str, str] = {"": ""}


class InvalidRequirement(Malformed):
    """A text is no requirement, and where in it; `what` is the fault alone, without text and origin."""

    code = "invalid-requirement"
    exit_status = 2
    what = ""


class _Fault(Exception):
    """Carry what is wrong and the span of it up to where text and origin are known."""

    def __init__(
        self, message: str, start: int, end: int, hint: str | None = None, drawn: "tuple[str, ...]" = ()
    ) -> None:
        super().__init__(message)
        self.message: Final = message
        self.span: Final = (start, end)
        self.hint: Final = hint
        self.drawn: Final = drawn


def parse(
    text: str, origin: "Origin | None" = None, *, base_directory: str = "", digests: "tuple[Digest, ...]" = ()
) -> Requirement:
    """Parse one requirement as a requirements file or a command line has it; raise InvalidRequirement.

    Takes PEP 508, `name @ ./path`, and what has no name: URLs, paths, repositories. `base_directory` is what relative
    paths are relative to.
    """
    text = text.strip()
    if not sources.is_place(text):
        return parse_dependency(text, origin, base_directory=base_directory, digests=digests)
    try:
        return _unnamed(text, origin, base_directory, digests, editable=False)
    except _Fault as fault:
        raise _error(text, origin, fault) from fault


def parse_editable(
    text: str, origin: "Origin | None" = None, *, base_directory: str = "", digests: "tuple[Digest, ...]" = ()
) -> Requirement:
    """Parse what stands after `-e`: a directory (no `./` needed), a repository, or `name @` either; raise InvalidRequirement."""
    text = text.strip()
    try:
        head, at, _ = text.partition("@")
        named = at and not sources.scheme_of(text) and not head.startswith((".", "/", "~")) and "/" not in head
        if named and head.rstrip(_BLANK).strip(_NAME + "[], \t") == "":
            found = _dependency(text, origin, base_directory, digests)
            return found.replaced(source=_editable(found))
        return _unnamed(text, origin, base_directory, digests, editable=True)
    except _Fault as fault:
        raise _error(text, origin, fault) from fault


def _editable(found: Requirement) -> "PathSource | VcsSource":
    source = found.source
    if isinstance(source, VcsSource) or (
        isinstance(source, PathSource) and not source.path.lower().endswith(sources.ARCHIVES)
    ):
        return source.replaced(editable=True)
    raise _Fault("only a directory or a repository can be editable", 0, len(found.text), "drop `-e`")


def parse_dependency(
    text: str, origin: "Origin | None" = None, *, base_directory: str = "", digests: "tuple[Digest, ...]" = ()
) -> Requirement:
    """Parse a requirement that has a name, as metadata and pyproject.toml demand it; raise InvalidRequirement."""
    text = text.strip()
    try:
        return _dependency(text, origin, base_directory, digests)
    except _Fault as fault:
        raise _error(text, origin, fault) from fault


# --- named ---------------------------------------------------------------------------------------------------------


def _dependency(text: str, origin: "Origin | None", base_directory: str, digests: "tuple[Digest, ...]") -> Requirement:
    head, semicolon, marker = text.partition(";")
    rest = head.lstrip(_NAME)
    name = head[: len(head) - len(rest)]
    if not name or not name[0].isalnum() or not name[-1].isalnum():
        raise _no_name(text, name)
    rest = rest.strip(_BLANK)
    extras: tuple[str, ...] = ()
    if rest[:1] == "[":
        inner, bracket, rest = rest[1:].partition("]")
        if not bracket:
            raise _Fault("the bracket of the extras is not closed", text.find("["), len(head))
        extras = _extras(inner, text)
        rest = rest.lstrip(_BLANK)
    if rest[:1] == "@":
        return _direct(text, normalize(name), extras, origin, base_directory, digests)
    if rest[:1] == "(":
        if rest[-1] != ")":
            raise _Fault("the parenthesis of the version specifier is not closed", text.find("("), len(head))
        rest = rest[1:-1].strip(_BLANK)
    specifier = _specifiers.get(rest)
    if specifier is None:
        specifier = _specifiers[rest] = _specifier(rest, text)
    if semicolon:
        marker = _marker(marker, len(head) + 1)
    return Requirement(normalize(name), extras, specifier, marker, None, digests, origin, text)


def _no_name(text: str, name: str) -> _Fault:
    if not text:
        return _Fault("there is nothing here", 0, 0)
    if name and name[0].isalnum():
        return _Fault(f"a name cannot end in `{name[-1]}`", len(name) - 1, len(name))
    return _Fault(
        "a name is expected here: letters, digits, `-`, `_` and `.`, a letter or digit first", 0, max(len(name), 1)
    )


def _extras(inner: str, text: str) -> tuple[str, ...]:
    try:
        return sources.extras_of(inner)
    except sources.SourceFault as fault:
        start = text.find("[") + 1
        raise _Fault(fault.message, start, start + len(inner), fault.hint) from fault


def _specifier(raw: str, text: str) -> str:
    """Check a list of comparisons and return it without blanks."""
    clauses = []
    # a comma at the end is let pass, as `packaging` and so pip have it
    for part in raw.removesuffix(",").split(","):
        part = part.strip(_BLANK)
        if not part:
            start = text.find(raw) + raw.find(",")
            raise _Fault("a comparison is missing beside the comma", start, start + 1)
        if not versions.is_specifier(part) or part != part.strip():
            raise _bad_clause(part, text)
        operator = next(operator for operator in _OPERATORS if part.startswith(operator))
        clauses.append(operator + part[len(operator) :].lstrip())
    return ",".join(clauses)


def _bad_clause(part: str, text: str) -> _Fault:
    start = text.find(part)
    end = start + len(part)
    operator = next((operator for operator in _OPERATORS if part.startswith(operator)), "")
    if not operator:
        if part.startswith("="):
            return _Fault("`=` is not an operator", start, start + 1, "write `==`")
        hint = f"write `=={part}`" if part[0].isdigit() else None
        return _Fault("a comparison such as `>=1.0`, a `;` or the end is expected here", start, end, hint)
    version = part[len(operator) :].strip(_BLANK)
    start = end - len(version)
    if version.endswith(".*") and operator not in ("==", "!="):
        return _Fault("`.*` goes with `==` and `!=` only", end - 2, end)
    if any(blank in version for blank in _BLANK):
        rest = version.split(None, 1)[1]
        return _Fault("a comma, a `;` or the end is expected after the version", end - len(rest), end)
    if operator == "~=" and versions.parsed_key(version) is not None:
        hint = (
            None
            if "." in version
            else f"write `>={version},<{int(version) + 1}` or `~={version}.0`"
            if whole(version) is not None
            else None
        )
        return _Fault(f"`~=` does not go with `{version}`", start, end, hint)
    if "+" in version and versions.parsed_key(version) is not None:
        return _Fault("a local version (after `+`) goes with `==` and `!=` only", start + version.find("+"), end)
    return _Fault(f"`{version}` is not a version" if version else "a version is missing", start, end)


def _marker(raw: str, start: int) -> str:
    marker = raw.strip(_BLANK)
    if not marker:
        raise _Fault("a marker is expected after `;`", start - 1, start)
    try:
        markers.parse(marker)
    except markers.InvalidMarker as error:
        raise _Fault(error.message, start, start + len(raw), error.hint, error.context) from error
    return marker


# --- with a source -------------------------------------------------------------------------------------------------


def _direct(
    text: str,
    name: str,
    extras: tuple[str, ...],
    origin: "Origin | None",
    base_directory: str,
    digests: "tuple[Digest, ...]",
) -> Requirement:
    start = text.find("@") + 1
    where, marker = _split_marker(text, start)
    start = text.find(where, start)
    if not where:
        raise _Fault("a URL or a path is expected after `@`", len(text), len(text))
    found = _place(where, start, base_directory, editable=False)
    if isinstance(found.source, PathSource) and not sources.scheme_of(where) and found.extras:
        raise _Fault(
            "extras stand after the name", start, start + len(where), f"write `{name}[{','.join(found.extras)}] @ …`"
        )
    if found.name and found.name != name and sources.file_is_wheel(found.source):
        raise _Fault(f"the wheel is of `{found.name}`, not of `{name}`", start, start + len(where))
    return Requirement(name, extras, "", marker, found.source, digests, origin, sources.mask(text))


def _unnamed(
    text: str, origin: "Origin | None", base_directory: str, digests: "tuple[Digest, ...]", *, editable: bool
) -> Requirement:
    where, marker = _split_marker(text, 0)
    found = _place(where, 0, base_directory, editable=editable)
    return Requirement(found.name, found.extras, "", marker, found.source, digests, origin, sources.mask(text))


def _place(where: str, start: int, base_directory: str, *, editable: bool) -> sources.Place:
    try:
        return sources.place(where, base_directory, editable=editable)
    except sources.SourceFault as fault:
        raise _Fault(fault.message, start, start + len(where), fault.hint) from fault


def _split_marker(text: str, start: int) -> tuple[str, str]:
    """Split a URL or path from the marker after it.

    In a URL `;` is an ordinary character: the separator has a blank beside it. In a path it is a separator, as in pip.
    """
    where = text[start:].lstrip(_BLANK)
    start = len(text) - len(where)
    cut = where.find(";")
    if sources.scheme_of(where):
        while cut >= 0 and where[cut - 1 : cut] not in tuple(_BLANK) and where[cut + 1 : cut + 2] not in tuple(_BLANK):
            cut = where.find(";", cut + 1)
    if cut < 0:
        return where.rstrip(_BLANK), ""
    return where[:cut].rstrip(_BLANK), _marker(where[cut + 1 :], start + cut + 1)


# --- telling -------------------------------------------------------------------------------------------------------


def _error(text: str, origin: "Origin | None", fault: _Fault) -> InvalidRequirement:
    where = f" at {origin}" if origin is not None else ""
    shown = sources.mask(text)
    # where credentials were masked the columns no longer fit
    drawn = (shown,) if shown != text else fault.drawn or underline(text, *fault.span)
    error = InvalidRequirement(f"invalid requirement{where}: {fault.message}", context=drawn, hint=fault.hint)
    error.what = fault.message
    return error
