"""Markers as sets of worlds: exact algebra on bits, and the way back to text.

A *world* is one combination of what markers can ask about: a Python version, a platform, a machine, an implementation,
and for each odd comparison (`platform_release >= "5"`) whether it is true. The grid of all combinations that can matter is
finite, because only the values that occur in markers, and the gaps between them, can make a difference. A marker is
the set of worlds in which it is true, one bit each: conjunction is `&`, negation is `~`, two markers are disjoint when
nothing is left, and equal when their ints are. A set can be turned back into the shortest marker that we can find.

The grid grows when a marker brings a value that no marker had before, and sets made before are then of another grid: learn
all markers before the first is encoded. (Measured: the 750 different markers of 470 packages make 1,360 worlds, and encoding all of them takes 12 ms.)

Laws of this file: pure. Worlds whose Python is older than the lowest one asked for do not exist here, so that no marker
ever says what goes without saying.
"""

from commonwheel.specs.markers import ALWAYS, NEVER, Both, Comparison, both, comparisons, either, parse, without_extras
from commonwheel.specs.versions import parsed_key, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.specs.markers import Marker

    Point = Mapping[str, str]

_PYTHON = ("python_version", "python_full_version")
_PLATFORM = ("sys_platform", "platform_system", "os_name")
_IMPLEMENTATION = ("platform_python_implementation", "implementation_name")
_MACHINE = ("platform_machine",)
# What is neither this nor that: a value that no marker names.
_OTHER = "~other"
_KNOWN_PLATFORMS: "tuple[tuple[str, ...], ...]" = (
    ("linux", "Linux", "posix"),
    ("darwin", "Darwin", "posix"),
    ("win32", "Windows", "nt"),
    (_OTHER, _OTHER, "posix"),
    (_OTHER, _OTHER, _OTHER),
)
_MORE_PLATFORMS: "tuple[tuple[str, ...], ...]" = (
    ("cygwin", "CYGWIN_NT", "posix"),
    ("emscripten", "Emscripten", "posix"),
    ("wasi", "WASI", "posix"),
    ("ios", "iOS", "posix"),
    ("android", "Android", "posix"),
    ("freebsd", "FreeBSD", "posix"),
    ("aix", "AIX", "posix"),
    ("sunos5", "SunOS", "posix"),
    ("java", "Java", "java"),
)
_KNOWN_IMPLEMENTATIONS: "tuple[tuple[str, ...], ...]" = (("CPython", "cpython"), ("PyPy", "pypy"), (_OTHER, _OTHER))
_MORE_IMPLEMENTATIONS: "tuple[tuple[str, ...], ...]" = (
    ("GraalVM", "graalpy"),
    ("IronPython", "ironpython"),
    ("Jython", "jython"),
)
# Beyond this many worlds a further odd comparison is taken for true, which keeps a dependency that might not be needed.
_MOST_WORLDS = 100_000
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}


class Axis:
    """One dimension of the grid: points, each an assignment of the axis' variables, and where they lie in a set.

    `stride` is the number of worlds between two neighbouring points; `masks` has the set of all worlds at each point.
    """

    __slots__ = ("masks", "points", "stride", "variables")

    def __init__(self, variables: "tuple[str, ...]", points: "Sequence[Point]") -> None:
        self.variables: Final = variables
        self.points: Final = tuple(points)
        self.stride = 1
        self.masks: tuple[int, ...] = ()

    def place(self, stride: int, size: int) -> int:
        """Lay out the points in a grid of `size` worlds; return the stride of the next axis."""
        self.stride = stride
        period = stride * len(self.points)
        block = (1 << stride) - 1
        # all worlds at point 0: a block in every period; by doubling, since there may be thousands of them
        pattern, length = block, period
        while length < size:
            pattern |= pattern << length
            length *= 2
        pattern &= (1 << size) - 1
        self.masks = tuple(pattern << (i * stride) & ((1 << size) - 1) for i in range(len(self.points)))
        return period


class MarkerSets:
    """The grid; `lowest` is the oldest Python that there is in it."""

    def __init__(self, lowest: str = "") -> None:
        key = parsed_key(lowest)
        self._lowest = _padded(release(lowest)) if key is not None else (0, 0, 0)
        self._breaks: set[tuple[int, int, int]] = {self._lowest}
        self._platforms = list(_KNOWN_PLATFORMS)
        self._machines: list[tuple[str, ...]] = [(_OTHER,)]
        self._implementations = list(_KNOWN_IMPLEMENTATIONS)
        self._odd: dict[str, Comparison] = {}
        self._overflow: set[str] = set()
        self._seen: set[str] = set()
        self._learned: set[Marker] = set()
        # by identity: markers are made once for each text, and asking for the text of a long one costs more than all else
        self._sets: dict[Marker, int] = {}
        self._axes: tuple[Axis, ...] = ()
        self.everything = 0
        self._lay_out()

    # --- the grid ---------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._sets.clear()
        axes = [
            Axis(_PYTHON, _python_points(self._breaks, self._lowest)),
            Axis(_PLATFORM, [dict(zip(_PLATFORM, values, strict=True)) for values in self._platforms]),
            Axis(_MACHINE, [dict(zip(_MACHINE, values, strict=True)) for values in self._machines]),
            Axis(
                _IMPLEMENTATION, [dict(zip(_IMPLEMENTATION, values, strict=True)) for values in self._implementations]
            ),
        ]
        size = 1
        for axis in axes:
            size *= len(axis.points)
        for text in list(self._odd):
            if size * 2 > _MOST_WORLDS:
                self._overflow.add(text)
                del self._odd[text]
                continue
            axes.append(Axis((text,), ({text: "true"}, {text: ""})))
            size *= 2
        stride = 1
        for axis in axes:
            stride = axis.place(stride, size)
        self._axes = tuple(axes)
        self.everything = (1 << size) - 1

    def learn(self, marker: "Marker") -> bool:
        """Make room for what a marker asks about; tell whether the grid had to grow (and older sets are void)."""
        if marker in self._learned:
            return False
        self._learned.add(marker)
        before = (
            len(self._breaks),
            len(self._platforms),
            len(self._machines),
            len(self._implementations),
            len(self._odd),
        )
        for comparison in comparisons(marker):
            text = str(comparison)
            if text not in self._seen:
                self._seen.add(text)
                self._learn(comparison, text)
        after = (
            len(self._breaks),
            len(self._platforms),
            len(self._machines),
            len(self._implementations),
            len(self._odd),
        )
        if before == after:
            return False
        self._lay_out()
        return True

    def _learn(self, comparison: Comparison, text: str) -> None:
        variable, value = comparison.variable, comparison.value
        if variable in _PYTHON:
            found = _breaks(value, variable == "python_version")
            self._breaks |= {point for point in found if point > self._lowest}
            return
        for known, more, variables in (
            (self._platforms, _MORE_PLATFORMS, _PLATFORM),
            (self._machines, (), _MACHINE),
            (self._implementations, _MORE_IMPLEMENTATIONS, _IMPLEMENTATION),
        ):
            if variable in variables:
                _add_values(known, more, variables.index(variable), value, listed=comparison.operator.endswith("in"))
                return
        if str(_negated(comparison)) not in self._odd:
            self._odd[text] = comparison

    # --- encoding ---------------------------------------------------------------------------------------------

    def of(self, marker: "Marker") -> int:
        """Return the set of worlds in which a marker is true. It must have been learned, and say nothing of extras."""
        known = self._sets.get(marker)
        if known is None:
            known = self._sets[marker] = self._of(marker)
        return known

    def _of(self, marker: "Marker") -> int:
        if isinstance(marker, Comparison):
            return self._of_comparison(marker)
        if isinstance(marker, Both):
            common = self.everything
            for part in marker.parts:
                common &= self.of(part)
            return common
        union = 0
        for part in marker.parts:
            union |= self.of(part)
        return union

    def _of_comparison(self, comparison: Comparison) -> int:
        text = str(comparison)
        for answer, said in ((0, text), (1, str(_negated(comparison)))):
            if said in self._overflow:
                return self.everything
            if said in self._odd:
                return next(axis for axis in self._axes if axis.variables == (said,)).masks[answer]
        axis = next((axis for axis in self._axes if comparison.variable in axis.variables), self._axes[0])
        worlds = 0
        for point, mask in zip(axis.points, axis.masks, strict=True):
            if comparison.holds(point, (), ()):
                worlds |= mask
        return worlds

    # --- back to text -----------------------------------------------------------------------------------------

    def marker(self, worlds: int, care: int) -> "Marker":
        """Return a short marker that is true in `worlds` and false in the rest of `care`; outside of that it is free."""
        worlds &= care
        found = self._shortest(worlds, care, self._axes, {})
        shorter = self._pruned(found, worlds, care)
        while shorter is not None:
            found, shorter = shorter, self._pruned(shorter, worlds, care)
        return found

    def _pruned(self, marker: "Marker", worlds: int, care: int) -> "Marker | None":
        """Return a marker with one part less that says the same, or None: dividing says twice what overlaps."""
        for attempt in _with_one_part_less(marker):
            if self.of(attempt) & care == worlds:
                return attempt
        return None

    def _shortest(self, worlds: int, care: int, axes: tuple[Axis, ...], known: "dict[object, Marker]") -> "Marker":
        """Divide by the axis that leaves the shortest text: a disjunction of (points of the axis) and (the rest)."""
        if worlds == care:
            return ALWAYS
        if not worlds:
            return NEVER
        key = worlds, care, axes
        found = known.get(key)
        if found is None:
            found = known[key] = self._divided(worlds, care, axes, known)
        return found

    def _divided(self, worlds: int, care: int, axes: tuple[Axis, ...], known: "dict[object, Marker]") -> "Marker":
        best: Marker | None = None
        for i, axis in enumerate(axes):
            groups, free = _groups(axis, worlds, care)
            if len(groups) == 1:
                continue  # nothing depends on it
            parts = []
            for here, members in groups:
                if worlds & here:
                    rest = self._shortest(worlds & here, care & here, axes[:i] + axes[i + 1 :], known)
                    parts.append(both(_points_text(axis, members, free, self._odd), rest))
            found = either(*parts)
            if best is None or _length(found) < _length(best):
                best = found
        assert best is not None  # what is true in some worlds and false in others depends on something
        return best

    def text(self, worlds: int, care: int) -> str:
        """Return `marker` as text; "" where it says nothing."""
        found = self.marker(worlds, care)
        return "" if found is ALWAYS else str(found)


def _groups(axis: Axis, worlds: int, care: int) -> tuple[list[tuple[int, set[int]]], set[int]]:
    """Put points of an axis together that agree wherever both matter; return (all worlds there, points), and the rest."""
    groups: list[tuple[int, int, int, set[int]]] = []
    free: set[int] = set()
    for i, mask in enumerate(axis.masks):
        matters = (care & mask) >> i * axis.stride
        if not matters:
            free.add(i)
            continue
        true = (worlds & mask) >> i * axis.stride
        for n, (here, others, others_matter, members) in enumerate(groups):
            if not (true ^ others) & matters & others_matter:
                groups[n] = (here | mask, others | true, others_matter | matters, members | {i})
                break
        else:
            groups.append((mask, true, matters, {i}))
    return [(here, members) for here, _, _, members in groups], free


def _with_one_part_less(marker: "Marker") -> "Iterator[Marker]":
    """Yield each marker that comes of leaving out one part, at any depth."""
    if isinstance(marker, Comparison):
        return
    join = both if isinstance(marker, Both) else either
    for i, part in enumerate(marker.parts):
        rest = marker.parts[:i] + marker.parts[i + 1 :]
        yield join(*rest)
        for less in _with_one_part_less(part):
            yield join(*rest[:i], less, *rest[i:])


def _length(marker: "Marker") -> tuple[int, int]:
    return sum(1 for _ in comparisons(marker)), len(str(marker))


# --- points of axes ---------------------------------------------------------------------------------------------------


def _padded(numbers: "Sequence[int]") -> tuple[int, int, int]:
    first, second, third, *_ = (*numbers, 0, 0, 0)
    return first, second, third


def _breaks(value: str, minor_only: bool) -> "Iterable[tuple[int, int, int]]":
    """Yield where a comparison with a version (or a list of them) can change its answer."""
    for word in value.replace(",", " ").split():
        text = word.removesuffix(".*")
        if parsed_key(text) is None:
            continue
        numbers = release(text)
        yield _padded(numbers)
        yield _padded((*numbers[:-1], numbers[-1] + 1))
        if len(numbers) > 1:  # `~=3.8` ends at 4
            yield _padded((*numbers[:-2], numbers[-2] + 1))
        if minor_only:
            first, second, _ = _padded(numbers)
            yield first, second, 0
            yield first, second + 1, 0


def _python_points(breaks: set[tuple[int, int, int]], lowest: tuple[int, int, int]) -> "list[dict[str, str]]":
    """Return a Python for each break, and one for the gap behind it if there is any between it and the next."""
    ordered = sorted(point for point in breaks if point >= lowest)
    points: list[tuple[int, int, int]] = []
    for i, point in enumerate(ordered):
        points.append(point)
        after = (point[0], point[1], point[2] + 1)
        if i + 1 == len(ordered) or after < ordered[i + 1]:
            points.append(after)
    return [
        {"python_version": f"{a}.{b}", "python_full_version": f"{a}.{b}.{c}"}
        for a, b, c in points
    ]  # fmt: skip


def _add_values(
    known: list[tuple[str, ...]],
    more: tuple[tuple[str, ...], ...],
    index: int,
    value: str,
    *,
    listed: bool,
) -> None:
    """Add a value (or, for `in`, every word of it) to an axis whose points are tuples, if no point has it yet."""
    for word in value.replace(",", " ").split() if listed else (value,):
        if any(values[index] == word for values in known):
            continue
        extended = next((values for values in more if values[index] == word), None)
        known.append(extended or _unheard_of(len(known[0]), index, word))


def _unheard_of(size: int, index: int, word: str) -> tuple[str, ...]:
    """Return a point for a value that nobody has heard of; a strange platform is some Unix, unless its `os_name` is strange."""
    values = [_OTHER] * size
    if size == len(_PLATFORM):
        values[-1] = "posix"
    values[index] = word
    return tuple(values)


# --- sets of points as text ----------------------------------------------------------------------------------------------


def _points_text(axis: Axis, chosen: set[int], free: set[int], odd: "Mapping[str, Comparison]") -> "Marker":
    """Return a marker for these points of an axis; the `free` points may be in it or not."""
    if len(chosen) + len(free) == len(axis.points):
        return ALWAYS
    if axis.variables == _PYTHON:
        return _python_text(axis, chosen, free)
    if axis.variables[0] in odd:
        return odd[axis.variables[0]] if 0 in chosen else _negated(odd[axis.variables[0]])
    best: Marker | None = None
    for variable in axis.variables:
        found = _values_text(axis, variable, chosen, free)
        if found is not None and (best is None or _length(found)[0] < _length(best)[0]):
            best = found
    return (
        best
        or _two_values_text(axis, chosen, free)
        or either(*(_point_text(axis, axis.points[i]) for i in sorted(chosen)))
    )


def _two_values_text(axis: Axis, chosen: set[int], free: set[int]) -> "Marker | None":
    """Return a marker for a set of points with two variables, None if two are not enough."""
    everywhere = set(range(len(axis.points)))
    best: Marker | None = None
    for first in axis.variables:
        values = {axis.points[i][first] for i in chosen}
        around = {i for i in everywhere if axis.points[i][first] in values}
        rough = _values_text(axis, first, around, set())
        for second in axis.variables:
            fine = _values_text(axis, second, chosen, free | (everywhere - around)) if second != first else None
            found = both(rough, fine) if rough is not None and fine is not None else None
            if found is not None and (best is None or _length(found) < _length(best)):
                best = found
    return best


def _values_text(axis: Axis, variable: str, chosen: set[int], free: set[int]) -> "Marker | None":
    """Return a marker for a set of points with one variable, None if that variable cannot tell them apart."""
    yes = dict.fromkeys(point[variable] for i, point in enumerate(axis.points) if i in chosen)
    no = dict.fromkeys(point[variable] for i, point in enumerate(axis.points) if i not in chosen | free)
    if not yes.keys().isdisjoint(no):
        return None
    if _OTHER in yes or (_OTHER not in no and len(no) < len(yes)):
        return both(*(Comparison(variable, "!=", value) for value in no))
    return either(*(Comparison(variable, "==", value) for value in yes))


def _point_text(axis: Axis, point: "Point") -> "Marker":
    """Return a marker for one point with all of its variables."""
    parts: list[Marker] = []
    for variable in axis.variables:
        if point[variable] != _OTHER:
            parts.append(Comparison(variable, "==", point[variable]))
            continue
        named = dict.fromkeys(other[variable] for other in axis.points if other[variable] != _OTHER)
        parts += [Comparison(variable, "!=", value) for value in named]
    return both(*parts)


def _python_text(axis: Axis, chosen: set[int], free: set[int]) -> "Marker":
    """Return a marker for a set of Python versions: ranges between breaks, each as wide as the free points allow."""
    parts: list[Marker] = []
    last = len(axis.points)
    start = 0
    while start < last:
        end = start
        while end < last and (end in chosen or end in free):
            end += 1
        if not chosen.isdisjoint(range(start, end)):
            parts.append(_range_text(axis, start, end, last))
        start = end + 1
    return either(*parts)


def _range_text(axis: Axis, start: int, end: int, last: int) -> "Marker":
    """Return a marker for the Pythons from point `start` up to, but without, point `end`."""
    parts: list[Marker] = []
    if start > 0:
        parts.append(_bound(">=", axis.points[start]["python_full_version"]))
    if end < last:
        parts.append(_bound("<", axis.points[end]["python_full_version"]))
    return _one_minor(parts) or both(*parts)


def _bound(operator: str, full: str) -> Comparison:
    minor, _, patch = full.rpartition(".")
    return (
        Comparison("python_version", operator, minor)
        if patch == "0"
        else Comparison("python_full_version", operator, full)
    )


def _one_minor(parts: "list[Marker]") -> "Marker | None":
    """Return `python_version == "3.9"` for `>= "3.9" and < "3.10"`."""
    if len(parts) == 2 and all(isinstance(p, Comparison) and p.variable == "python_version" for p in parts):  # noqa: PLR2004
        low, high = (release(p.value) for p in parts if isinstance(p, Comparison))
        if len(low) == len(high) == 2 and low[0] == high[0] and low[1] + 1 == high[1]:  # noqa: PLR2004 - major.minor
            return Comparison("python_version", "==", f"{low[0]}.{low[1]}")
    return None


def _negated(comparison: Comparison) -> "Marker":
    """Return the opposite of an unusual comparison, as far as markers have one: `~=` has none."""
    opposite = _OPPOSITE.get(comparison.operator)
    return (
        ALWAYS if opposite is None else Comparison(comparison.variable, opposite, comparison.value, comparison.reversed)
    )


_plain: "dict[tuple[str, tuple[str, ...]], Marker]" = {}


def plain(text: str, extras: "tuple[str, ...]" = ()) -> "Marker":
    """Return a marker without what it says of extras, given those that are asked for. Raises InvalidMarker."""
    key = text, extras
    known = _plain.get(key)
    if known is None:
        known = _plain[key] = without_extras(parse(text), extras)
    return known
