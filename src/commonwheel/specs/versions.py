"""PEP 440 without regular expressions: versions as tuples that compare, specifiers as slices of a sorted list.

A version becomes a flat key `(epoch, release, phase, number, post, dev, local)` whose tuple order is the order of PEP 440.
Every specifier except `===` is then one or two half-open intervals between such keys, so that "which of these 2,500
versions does it admit" is two bisections instead of 2,500 comparisons, and parses a dozen versions instead of all.

Laws of this file: text in, values out; everything is memoised by its text, since a resolution asks the same few
thousand strings again and again; nothing here imports `packaging` (50 ms), `re` or `typing`. The tests hold every
function against `packaging.version` and `packaging.specifiers`, which are the reference.
"""

# the functions themselves: `bisect` is a file around them, which every command would read
from _bisect import bisect_left

from commonwheel.specs.numbers import whole
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    Local = tuple[tuple[int, int, str], ...]
    Key = tuple[int | float, tuple[int, ...], int, int, int | float, int | float, Local]
    Bound = tuple[object, ...]

# Phases of a release in ascending order. `1.0.dev1` is before `1.0a1`, hence a phase of its own.
_DEV_ONLY, _ALPHA, _BETA, _CANDIDATE, _FINAL = -1, 0, 1, 2, 3
_PHASES = {"a": _ALPHA, "b": _BETA, "rc": _CANDIDATE}
_PHASE_NAMES = ("a", "b", "rc")
# Longest first: `preview` must not be read as `pre` + rubbish, nor `rc` as the post-release letter `r`.
_PRE_LABELS = (
    ("preview", _CANDIDATE), ("alpha", _ALPHA), ("beta", _BETA), ("pre", _CANDIDATE), ("rc", _CANDIDATE),
    ("a", _ALPHA), ("b", _BETA), ("c", _CANDIDATE),
)  # fmt: skip
_POST_LABELS = ("post", "rev", "r")
_NO_POST = -1
# Above every number that a version can hold; an int compares exactly with it, whatever its size.
_INFINITY = float("inf")
# Above every local segment (their first element is 0 for text, 1 for a number), and below every one.
_AFTER_LOCALS: "Local" = ((2, 0, ""),)
_NEXT_LOCAL: "Local" = ((-1, 0, ""),)

LOWEST: "Final[Bound]" = ()
HIGHEST: "Final[Bound]" = (_INFINITY,)


class InvalidVersion(Malformed):
    """A text is no PEP 440 version."""

    code = "invalid-version"
    exit_status = 2


class InvalidSpecifier(Malformed):
    """A text is no list of PEP 440 version specifiers."""

    code = "invalid-specifier"
    exit_status = 2


# --- versions ------------------------------------------------------------------------------------------------------

_keys: "dict[str, Key | None]" = {}


def version_key(text: str) -> "Key":
    """Return the key by which versions sort; equal keys are equal versions (`1.0` and `1.0.0`).

    Raises InvalidVersion.
    """
    key = parsed_key(text)
    if key is None:
        raise InvalidVersion(f"`{text}` is not a valid version (PEP 440)")
    return key


def parsed_key(text: str) -> "Key | None":
    """Return the key of a version, or None when the text is no version."""
    try:
        return _keys[text]
    except KeyError:
        key = _keys[text] = _simple_key(text) or _full_key(text)
        return key


def _simple_key(text: str) -> "Key | None":
    """Read a version that is only digits and dots: nineteen of twenty are."""
    if not text.isascii() or not text.replace(".", "").isdigit():
        return None
    try:
        release = tuple(map(int, text.split(".")))
    except ValueError:  # `1..2`, or more digits than `int` takes
        return None
    return (0, _trimmed(release), _FINAL, 0, _NO_POST, _INFINITY, ())


def _full_key(text: str) -> "Key | None":
    parts = _parse(text)
    if parts is None:
        return None
    epoch, release, phase, number, post, dev, local = parts
    return (epoch, _trimmed(release), phase, number, post, dev, local)


def _trimmed(release: tuple[int, ...]) -> tuple[int, ...]:
    """Drop the zeros at the end, which mean nothing: `1.0.0` is `1`."""
    end = len(release)
    while end > 1 and not release[end - 1]:
        end -= 1
    return release[:end]


class _Scanner:
    """Walk over the lower-case text of a version from left to right."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def digits(self) -> str:
        """Take the longest run of digits here, perhaps none."""
        start = end = self.at
        text = self.text
        while end < len(text) and "0" <= text[end] <= "9":
            end += 1
        self.at = end
        return text[start:end]

    def separated(self, labels: "Iterable[str]") -> str:
        """Take an optional separator and one of `labels`; take nothing when none is there."""
        start = self.at + (self.text[self.at : self.at + 1] in ("-", "_", "."))
        for label in labels:
            if self.text.startswith(label, start):
                self.at = start + len(label)
                return label
        return ""

    def number(self) -> int:
        """Take an optional separator and digits; nothing means 0."""
        if self.text[self.at : self.at + 1] in ("-", "_", "."):
            self.at += 1
        return int(self.digits() or "0")

    def post(self) -> int:
        """Take a post-release, also as `-N`; return _NO_POST when there is none."""
        text, start = self.text, self.at
        if text.startswith("-", start) and "0" <= text[start + 1 : start + 2] <= "9":
            self.at += 1
            return int(self.digits())
        return self.number() if self.separated(_POST_LABELS) else _NO_POST


def _parse(text: str) -> "Key | None":
    """Take a version apart; like a key, but with all zeros of the release."""
    text = text.strip().lower()
    if not text.isascii():
        return None
    public, plus, label = text.removeprefix("v").partition("+")
    try:
        local = _local(label) if plus else ()
        return _parse_public(public, local)
    except ValueError:  # more digits than `int` takes, or an odd local label
        return None


def _parse_public(public: str, local: "Local") -> "Key | None":
    head, bang, rest = public.partition("!")
    epoch = 0
    if bang:
        if not head.isdigit():
            return None
        epoch = int(head)
    scan = _Scanner(rest if bang else public)
    release = _release(scan)
    if not release:
        return None
    phase, number = _FINAL, 0
    for name, rank in _PRE_LABELS:
        if scan.separated((name,)):
            phase, number = rank, scan.number()
            break
    post = scan.post()
    dev: int | float = scan.number() if scan.separated(("dev",)) else _INFINITY
    if scan.at != len(scan.text):
        return None
    if phase == _FINAL and post == _NO_POST and dev != _INFINITY:
        phase = _DEV_ONLY
    return (epoch, release, phase, number, post, dev, local)


def _release(scan: _Scanner) -> tuple[int, ...]:
    """Take `1.2.3`, and leave the dot before a letter where it is; empty when no digit is there."""
    numbers = []
    digits = scan.digits()
    while digits:
        numbers.append(int(digits))
        if not scan.text.startswith(".", scan.at):
            break
        scan.at += 1
        digits = scan.digits()
        if not digits:
            scan.at -= 1
    return tuple(numbers)


def _local(label: str) -> "Local":
    """Read a local label: numbers sort above text, and a longer label above its own beginning."""
    segments = label.replace("-", ".").replace("_", ".").split(".")
    if not all(segment.isalnum() for segment in segments):
        raise ValueError(label)
    return tuple((1, int(s), "") if s.isdigit() else (0, 0, s) for s in segments)


def canonical(text: str) -> str:
    """Return the normalised form of a version, trailing zeros kept: `1.0-Alpha.1` is `1.0a1`. Raises InvalidVersion."""
    parts = _parse(text)
    if parts is None:
        raise InvalidVersion(f"`{text}` is not a valid version (PEP 440)")
    epoch, release, phase, number, post, dev, local = parts
    words = [f"{epoch}!" if epoch else "", ".".join(map(str, release))]
    if _DEV_ONLY < phase < _FINAL:
        words.append(f"{_PHASE_NAMES[phase]}{number}")
    if post != _NO_POST:
        words.append(f".post{post}")
    if dev != _INFINITY:
        words.append(f".dev{dev}")
    if local:
        words.append("+" + ".".join(str(n) if numeric else s for numeric, n, s in local))
    return "".join(words)


def is_prerelease(text: str) -> bool:
    """Return whether a version is a pre-release or a development release. Raises InvalidVersion."""
    key = version_key(text)
    return key[2] != _FINAL or key[5] != _INFINITY


def release(text: str) -> tuple[int, ...]:
    """Return the numbers of a version's release segment as written: `1.20.0rc1` is (1, 20, 0). Raises InvalidVersion."""
    parts = _parse(text)
    if parts is None:
        raise InvalidVersion(f"`{text}` is not a valid version (PEP 440)")
    return parts[1]


def without_local(text: str) -> str:
    """Return a version without its local label: `1.0+cpu` is `1.0`."""
    return text.partition("+")[0]


def same_version(one: str, other: str) -> bool:
    """Return whether two texts name one version (`1.0` and `1.0.0` do); texts that are no versions must be equal."""
    if one == other:
        return True
    key = parsed_key(one)
    return key is not None and key == parsed_key(other)


# --- specifiers ----------------------------------------------------------------------------------------------------

_OPERATORS = ("===", "~=", "==", "!=", "<=", ">=", "<", ">")


class Clause:
    """One comparison such as `>=1.2`; for `===` there are no intervals, and `version` is compared as text.

    `intervals` are half-open, ascending pairs of bounds: `low <= key < high`.
    """

    __slots__ = ("intervals", "operator", "version", "wildcard")

    def __init__(
        self, operator: str, version: str, wildcard: bool, intervals: "tuple[tuple[Bound, Bound], ...]"
    ) -> None:
        self.operator: Final = operator
        self.version: Final = version
        self.wildcard: Final = wildcard
        self.intervals: Final = intervals

    def __str__(self) -> str:
        return f"{self.operator}{self.version}{'.*' if self.wildcard else ''}"

    def admits(self, text: str) -> bool:
        """Return whether a version satisfies this comparison, pre-releases like any other."""
        if self.operator == "===":
            return text.lower() == self.version.lower()
        key = parsed_key(text)
        return key is not None and any(low <= key < high for low, high in self.intervals)


_sets: "dict[str, tuple[Clause, ...]]" = {}


def clauses(specifier: str) -> "tuple[Clause, ...]":
    """Parse a list such as `>=1.2,<2`; empty text admits everything. Raises InvalidSpecifier."""
    try:
        return _sets[specifier]
    except KeyError:
        parts = (part.strip() for part in specifier.split(","))
        parsed = _sets[specifier] = tuple(_clause(part, specifier) for part in parts if part)
        return parsed


def is_specifier(text: str) -> bool:
    """Return whether a text is a valid list of version specifiers."""
    try:
        clauses(text)
    except InvalidSpecifier:
        return False
    return True


def _clause(part: str, whole: str) -> Clause:
    operator = next((operator for operator in _OPERATORS if part.startswith(operator)), "")
    version = part[len(operator) :].strip()
    if operator == "===":
        if not version or any(character.isspace() or character in ";)" for character in version):
            raise InvalidSpecifier(f"`{part}` is not a valid version specifier (PEP 440)")
        return Clause(operator, version, False, ())
    wildcard = version.endswith(".*") and operator in ("==", "!=")
    version = version[:-2] if wildcard else version
    key = parsed_key(version)
    # the key reader strips blanks, which would let `== 1 .*` through
    if not operator or key is None or version != version.strip():
        raise InvalidSpecifier(
            f"`{part}` is not a valid version specifier (PEP 440)",
            context=() if part == whole else (f"it is part of `{whole}`",),
        )
    intervals = _wildcard_intervals(operator, version) if wildcard else _intervals(operator, version, key)
    if intervals is None:
        raise InvalidSpecifier(f"`{part}` is not a valid version specifier: operator and version do not fit (PEP 440)")
    return Clause(operator, version, wildcard, intervals)


def _wildcard_intervals(operator: str, prefix: str) -> "tuple[tuple[Bound, Bound], ...] | None":
    """Turn `==1.2.*` into [1.2.dev0, 1.3.dev0), and `!=1.2.*` into what is around it."""
    parts = _parse(prefix)
    if parts is None or parts[2:] != (_FINAL, 0, _NO_POST, _INFINITY, ()):
        return None
    low, high = _family(parts[0], parts[1])
    return ((low, high),) if operator == "==" else ((LOWEST, low), (high, HIGHEST))


def _family(epoch: float, numbers: tuple[int, ...]) -> "tuple[Bound, Bound]":
    """Return the bounds of all versions whose release begins with `numbers`, their first dev releases included."""
    following = (*numbers[:-1], numbers[-1] + 1)
    return (epoch, _trimmed(numbers), _DEV_ONLY), (epoch, following, _DEV_ONLY)


def _intervals(operator: str, version: str, key: "Key") -> "tuple[tuple[Bound, Bound], ...] | None":
    """Turn a comparison into intervals (packaging's `standard_ranges` is the reference); None when they do not fit."""
    if key[6] and operator not in ("==", "!="):
        return None
    if operator == ">=":
        return ((key, HIGHEST),)
    if operator == "<":
        return ((LOWEST, _below(key)),)
    after: Bound = (*key[:6], key[6] + _NEXT_LOCAL if key[6] else _AFTER_LOCALS)
    if operator == "==":
        return ((key, after),)
    if operator == "!=":
        return ((LOWEST, key), (after, HIGHEST))
    if operator == "<=":
        return ((LOWEST, after),)
    if operator == ">":
        return ((_above(key), HIGHEST),)
    numbers = release(version)  # ~=
    if len(numbers) == 1:
        return None
    return ((key, _family(key[0], numbers[:-1])[1]),)


def _above(key: "Key") -> "Bound":
    """Return the bound of `>V`: neither V's local versions, nor its post-releases unless V is one itself."""
    epoch, numbers, phase, number, post, dev, _ = key
    if dev != _INFINITY:
        return (epoch, numbers, phase, number, post, dev + 1)
    return (epoch, numbers, phase, number, _INFINITY if post == _NO_POST else post + 1)


def _below(key: "Key") -> "Bound":
    """Return the bound of `<V`: not V's own pre-releases, unless V is one itself."""
    epoch, numbers, phase, number, post, dev, _ = key
    if phase != _FINAL or dev != _INFINITY:
        return key
    if post != _NO_POST:
        return (epoch, numbers, phase, number, post, 0)
    return (epoch, numbers, _DEV_ONLY, 0, _NO_POST, 0)


def contains(specifier: str, version: str, prereleases: bool | None = None) -> bool:
    """Return whether a list of specifiers admits a version; `prereleases=False` refuses every pre-release.

    A text that is no version is admitted by `===` alone, as `packaging` has it. Raises InvalidSpecifier.
    """
    if prereleases is False:
        key = parsed_key(version)
        if key is not None and (key[2] != _FINAL or key[5] != _INFINITY):
            return False
    return all(clause.admits(version) for clause in clauses(specifier))


def select(specifier: str, versions: "Sequence[str]") -> int:
    """Return which of the ascending `versions` a specifier admits: bit i+1 stands for `versions[i]`.

    Costs two bisections per clause, whatever the number of versions. Raises InvalidSpecifier.
    """
    mask = (2 << len(versions)) - 2
    for clause in clauses(specifier):
        if clause.operator == "===":
            mask &= sum(2 << i for i, version in enumerate(versions) if clause.admits(version))
            continue
        admitted = 0
        for low, high in clause.intervals:
            start = bisect_left(versions, low, key=version_key) if low else 0
            end = bisect_left(versions, high, key=version_key) if high is not HIGHEST else len(versions)
            if end > start:
                admitted |= (2 << end) - (2 << start)
        mask &= admitted
    return mask


def names_prerelease(specifier: str) -> bool:
    """Return whether a specifier speaks of a pre-release (`>=1.0a1`, not `!=1.0a1`). Raises InvalidSpecifier."""
    return any(
        clause.operator != "!=" and not clause.wildcard and parsed_key(clause.version) and is_prerelease(clause.version)
        for clause in clauses(specifier)
    )


def pinned_version(specifier: str) -> str | None:
    """Return the version of a specifier that is a single `==` or `===` without wildcard, else None."""
    parsed = clauses(specifier)
    if len(parsed) == 1 and parsed[0].operator in ("==", "===") and not parsed[0].wildcard:
        return parsed[0].version
    return None


def lower_bound(specifier: str) -> str:
    """Return the highest version that a specifier names as a lower bound (`>=`, `>`, `~=`, `==`), or "" for none."""
    bounds = [
        clause.version
        for clause in clauses(specifier)
        if clause.operator in (">=", ">", "~=", "==") and parsed_key(clause.version)
    ]
    return max(bounds, key=version_key, default="")


def wants_newer(specifier: str, version: str) -> bool:
    """Return whether all that a specifier admits is newer than a version. Raises InvalidSpecifier, InvalidVersion."""
    key = version_key(version)
    return any(clause.intervals and key < clause.intervals[0][0] for clause in clauses(specifier))


def wants_older(specifier: str, version: str) -> bool:
    """Return whether all that a specifier admits is older than a version. Raises InvalidSpecifier, InvalidVersion."""
    key = version_key(version)
    return any(clause.intervals and clause.intervals[-1][1] <= key for clause in clauses(specifier))


_pythons: dict[tuple[str, str], bool] = {}


def admits_python(requires_python: str, python: str) -> bool:
    """Return whether a `Requires-Python` text admits a Python version; one that cannot be read forbids nothing.

    Upper bounds are ignored, as uv does: `<4` says what was tested, not what fails, and taken at its word it makes a
    resolver dig up old releases that happened not to say it. So `==3.8.*` and `~=3.8` mean `>=3.8`; `!=3.9.*` counts.
    A pre-release of Python counts as its release.
    """
    try:
        return _pythons[requires_python, python]
    except KeyError:
        answer = _pythons[requires_python, python] = _admits_python(requires_python, python)
        return answer


def _admits_python(requires_python: str, python: str) -> bool:
    mended = repaired(requires_python)
    key = parsed_key(python)
    if not mended or key is None:
        return True
    actual: Key = (key[0], key[1], _FINAL, 0, _NO_POST, _INFINITY, ())
    for clause in clauses(mended):
        if clause.operator in ("<", "<="):
            continue
        intervals = clause.intervals
        if clause.operator in ("==", "~="):
            intervals = ((intervals[0][0], HIGHEST),)
        if intervals and not any(low <= actual < high for low, high in intervals):
            return False
    return True


_repairs: dict[str, str | None] = {}


def repaired(specifier: str) -> str | None:
    """Return a specifier as its author must have meant it, or None; a valid one comes back as it is.

    Old releases carry texts that no standard ever allowed; the repairs are the ones uv makes (`>=2.7.*`,
    `>=3.0.*,`, `!=3.1.x`, `>=3.6'`, `~=3`, `>= 3.4 <4`).
    """
    try:
        return _repairs[specifier]
    except KeyError:
        if is_specifier(specifier):
            result: str | None = specifier
        else:
            attempt = ",".join(filter(None, map(_repaired_clause, _split_clauses(specifier))))
            result = attempt if attempt and is_specifier(attempt) else None
        _repairs[specifier] = result
        return result


def _split_clauses(specifier: str) -> list[str]:
    """Split at commas, and also where only the comma is missing: `>=3.4 <4`."""
    text = "".join(character for character in specifier if character not in "'\"()")
    cuts = [0]
    for i, character in enumerate(text):
        if character == "," or (character in "<>=!~" and i and text[i - 1] not in "<>=!~"):
            cuts.append(i)
    return [text[start:end].removeprefix(",").strip() for start, end in zip(cuts, [*cuts[1:], None], strict=True)]


def _repaired_clause(part: str) -> str:
    if not part or is_specifier(part):
        return part
    operator = next((operator for operator in _OPERATORS if part.startswith(operator)), "")
    version = part[len(operator) :].strip().replace(" ", "")
    if not version:
        return ""
    if version.endswith("*") and not version.endswith(".*") and operator in ("==", "!="):
        return f"{operator}{version[:-1]}.*"  # `!=3.0*`
    if version.endswith((".*", ".x")):
        bare = version[:-2]
        return f"{operator}{bare}.*" if operator in ("==", "!=") else f"{operator}{bare}"
    if operator == "~=" and "." not in version:
        number = whole(version)
        return part if number is None else f">={version},<{number + 1}"
    if not operator and version[0].isdigit():
        return f"=={version}"
    return f"{operator}{version}"
