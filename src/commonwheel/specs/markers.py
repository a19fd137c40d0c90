"""PEP 508 environment markers: text to a small tree, the tree against an environment, and back to text.

Laws of this file: pure, and lean (no `packaging`, `re` or `typing`), since every dependency of every package that a
resolution meets passes through here. `packaging.markers` is the reference, and the tests hold the two against each
other. What a comparison means is decided in one place, `Comparison.holds`; negation and disjointness are not done
on trees but on sets of worlds (`resolve.marker_sets`), where they are exact.
"""

from commonwheel.specs.names import normalize
from commonwheel.specs.parse_errors import Malformed, underline
from commonwheel.specs.versions import contains, is_specifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Final, TypeAlias

    Marker: TypeAlias = "Comparison | Both | Either"

VARIABLES = (
    "implementation_name", "implementation_version", "os_name", "platform_machine", "platform_python_implementation",
    "platform_release", "platform_system", "platform_version", "python_full_version", "python_version", "sys_platform",
)  # fmt: skip
"""The variables of an environment, in the order of the alphabet."""

_SETS = ("extras", "dependency_groups")
_ALIASES = {
    **{name: name for name in (*VARIABLES, "extra", *_SETS)},
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_VERSIONED = frozenset(("implementation_version", "platform_release", "python_full_version", "python_version"))
# every reader of the tree calls itself once a level
_DEEPEST = 100
_SYMBOLS = ("===", "==", "~=", "!=", "<=", ">=", "<", ">")


class InvalidMarker(Malformed):
    """A text is no PEP 508 marker; the context shows where reading stopped."""

    code = "invalid-marker"
    exit_status = 2


# --- the tree ------------------------------------------------------------------------------------------------------


class Comparison:
    """Compare a variable with a text; `reversed` when the text stands on the left (`"linux" in sys_platform`)."""

    __slots__ = ("operator", "reversed", "value", "variable")

    def __init__(self, variable: str, operator: str, value: str, reversed: bool = False) -> None:  # noqa: A002 - says it
        self.variable: Final = variable
        self.operator: Final = operator
        self.value: Final = value
        self.reversed: Final = reversed

    def holds(self, environment: "Mapping[str, str]", extras: "Collection[str]", groups: "Collection[str]") -> bool:
        """Return whether this comparison is true; `extras` and `groups` are normalised names."""
        if self.variable == "extra":
            return self._holds_for_extras(extras)
        if self.variable in _SETS:
            chosen = normalize(self.value) in (extras if self.variable == "extras" else groups)
            return self.reversed and chosen == (self.operator == "in") and self.operator in ("in", "not in")
        actual = environment.get(self.variable, "")
        if self.variable == "python_full_version" and actual.endswith("+"):
            actual += "local"  # what an untagged build of CPython calls itself is no PEP 440 version
        left, right = (self.value, actual) if self.reversed else (actual, self.value)
        if self.variable in _VERSIONED and "," not in right and is_specifier(self.operator + right):
            return contains(self.operator + right, left)
        return _compare_texts(left, self.operator, right)

    def _holds_for_extras(self, extras: "Collection[str]") -> bool:
        """Compare each extra that is asked for; none at all counts as the extra with the empty name."""
        answers = (
            _compare_texts(*((self.value, self.operator, e) if self.reversed else (e, self.operator, self.value)))
            for e in extras or ("",)
        )
        return all(answers) if self.operator in ("!=", "not in") else any(answers)

    def __str__(self) -> str:
        quote = "'" if '"' in self.value else '"'
        value = f"{quote}{self.value}{quote}"
        if self.reversed:
            return f"{value} {self.operator} {self.variable}"
        return f"{self.variable} {self.operator} {value}"


class Both:
    """Demand every part; without parts it is always true."""

    __slots__ = ("parts",)

    def __init__(self, parts: "tuple[Marker, ...]") -> None:
        self.parts: Final = parts

    def __str__(self) -> str:
        return " and ".join(
            f"({part})" if isinstance(part, Either) and len(part.parts) > 1 else str(part) for part in self.parts
        )


class Either:
    """Demand one of the parts; without parts it is never true."""

    __slots__ = ("parts",)

    def __init__(self, parts: "tuple[Marker, ...]") -> None:
        self.parts: Final = parts

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts)) or _NEVER


ALWAYS: "Final[Marker]" = Both(())
NEVER: "Final[Marker]" = Either(())
# PEP 508 has no word for "never"; no Python calls itself the empty version
_NEVER = 'python_version < "0"'


def both(*parts: "Marker") -> "Marker":
    """Return the conjunction, flattened, without doubles, and without what says nothing."""
    flat: dict[str, Marker] = {}
    for part in parts:
        for inner in part.parts if isinstance(part, Both) else (part,):
            if isinstance(inner, Either) and not inner.parts:
                return NEVER
            flat.setdefault(str(inner), inner)
    return next(iter(flat.values())) if len(flat) == 1 else Both(tuple(flat.values()))


def either(*parts: "Marker") -> "Marker":
    """Return the disjunction, flattened, without doubles, and without what says nothing."""
    flat: dict[str, Marker] = {}
    for part in parts:
        for inner in part.parts if isinstance(part, Either) else (part,):
            if isinstance(inner, Both) and not inner.parts:
                return ALWAYS
            flat.setdefault(str(inner), inner)
    return next(iter(flat.values())) if len(flat) == 1 else Either(tuple(flat.values()))


def comparisons(marker: "Marker") -> "Iterator[Comparison]":
    """Yield every comparison of a tree, from left to right."""
    if isinstance(marker, Comparison):
        yield marker
    else:
        for part in marker.parts:
            yield from comparisons(part)


# --- asking --------------------------------------------------------------------------------------------------------


def _compare_texts(left: str, operator: str, right: str) -> bool:
    """Compare what are no versions; the order of texts is undefined, so `<` and `>` are false, as in packaging."""
    if operator == "in":
        return left in right
    if operator == "not in":
        return left not in right
    if operator == "!=":
        return left != right
    return operator in ("==", "===", "<=", ">=") and left == right


def holds(
    marker: "Marker",
    environment: "Mapping[str, str]",
    extras: "Collection[str]" = (),
    groups: "Collection[str]" = (),
) -> bool:
    """Return whether a marker tree is true of an environment."""
    if isinstance(marker, Comparison):
        return marker.holds(environment, extras, groups)
    answers = (holds(part, environment, extras, groups) for part in marker.parts)
    return all(answers) if isinstance(marker, Both) else any(answers)


def evaluate(
    text: str,
    environment: "Mapping[str, str]",
    extras: "Collection[str]" = (),
    groups: "Collection[str]" = (),
) -> bool:
    """Return whether a marker is true of an environment (PEP 508 variables to values); "" always is.

    `extras` are the normalised extras asked for: `extra == "x"` is true when `x` is among them, `extra != "x"` when it
    is not. A variable that the environment lacks counts as empty. Raises InvalidMarker.
    """
    return not text or holds(parse(text), environment, extras, groups)


def depends_on_extras(marker: "Marker") -> bool:
    """Return whether a marker asks for an extra."""
    return any(comparison.variable in ("extra", "extras") for comparison in comparisons(marker))


def without_extras(marker: "Marker", extras: "Collection[str]" = ()) -> "Marker":
    """Return what remains of a marker once it is known which extras are asked for."""
    if isinstance(marker, Comparison):
        if marker.variable not in ("extra", "extras"):
            return marker
        return ALWAYS if marker.holds({}, extras, ()) else NEVER
    parts = tuple(without_extras(part, extras) for part in marker.parts)
    return both(*parts) if isinstance(marker, Both) else either(*parts)


# --- reading -------------------------------------------------------------------------------------------------------

_parsed: "dict[str, Marker]" = {"": ALWAYS}


def parse(text: str) -> "Marker":
    """Parse a marker; "" is ALWAYS. Raises InvalidMarker."""
    try:
        return _parsed[text]
    except KeyError:
        marker = _parsed[text] = _Reader(text).whole()
        return marker


def is_marker(text: str) -> bool:
    """Return whether a text is a valid marker."""
    try:
        parse(text)
    except InvalidMarker:
        return False
    return True


class _Reader:
    """Read a marker by recursive descent; `at` is where the next token begins."""

    __slots__ = ("at", "depth", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def whole(self) -> "Marker":
        marker = self.disjunction()
        if self.at != len(self.text):
            raise self.fault("Expected `and`, `or` or the end of the marker")
        return marker

    def disjunction(self) -> "Marker":
        parts = [self.conjunction()]
        while self.took_word("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def conjunction(self) -> "Marker":
        parts = [self.atom()]
        while self.took_word("and"):
            parts.append(self.atom())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def atom(self) -> "Marker":
        self.skip_blanks()
        if not self.text.startswith("(", self.at):
            return self.comparison()
        opened = self.at
        self.at += 1
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fault(f"Expected no more than {_DEEPEST} parentheses within each other", opened)
        marker = self.disjunction()
        self.depth -= 1
        if not self.text.startswith(")", self.at):
            raise self.fault("Expected a closing parenthesis", opened)
        self.at += 1
        self.skip_blanks()
        return marker

    def comparison(self) -> "Marker":
        start = self.at
        left, left_is_variable = self.operand()
        operator = self.operator()
        self.skip_blanks()
        right, right_is_variable = self.operand()
        if left_is_variable == right_is_variable:
            raise self.fault("Expected a comparison of a variable with a quoted text", start)
        variable, value = (left, right) if left_is_variable else (right, left)
        if variable == "extra" or (variable in _SETS and right_is_variable):
            value = normalize(value)
        return Comparison(variable, operator, value, right_is_variable)

    def operand(self) -> tuple[str, bool]:
        """Take a quoted text or a variable, and the blanks behind it; tell whether it is a variable."""
        text, start = self.text, self.at
        quote = text[start : start + 1]
        if quote in ('"', "'") and quote:
            end = text.find(quote, start + 1)
            if end < 0 or "\n" in text[start:end]:
                raise self.fault("Expected a closing quotation mark", start, len(text))
            self.at = end + 1
            self.skip_blanks()
            return text[start + 1 : end], False
        end = start
        while end < len(text) and (_is_word(text[end]) or text[end] == "."):
            end += 1
        variable = _ALIASES.get(text[start:end])
        if variable is None:
            raise self.fault("Expected a marker variable or a quoted text", start, end)
        self.at = end
        self.skip_blanks()
        return variable, True

    def operator(self) -> str:
        for symbol in _SYMBOLS:
            if self.text.startswith(symbol, self.at):
                self.at += len(symbol)
                return symbol
        if self.took_word("in"):
            return "in"
        if self.took_word("not") and self.text[self.at - 1] in " \t" and self.took_word("in"):
            return "not in"
        raise self.fault("Expected a comparison: <, <=, ==, !=, >=, >, ~=, ===, in, not in")

    def took_word(self, word: str) -> bool:
        """Take a whole word and the blanks behind it, if it is what comes next."""
        end = self.at + len(word)
        if not self.text.startswith(word, self.at) or (end < len(self.text) and _is_word(self.text[end])):
            return False
        self.at = end
        self.skip_blanks()
        return True

    def skip_blanks(self) -> None:
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1

    def fault(self, expected: str, start: int | None = None, end: int | None = None) -> InvalidMarker:
        start = self.at if start is None else start
        return InvalidMarker(
            f"`{self.text}` is not a valid environment marker (PEP 508)",
            issues=(expected,),
            context=underline(self.text, start, self.at if end is None else end),
        )


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
