"""Markers as decision diagrams, and the one text that a lock has for each of them.

A *diagram* is an int: the number of a node. A node asks for one variable and has a child for each maximal interval of
that variable's values (strings and versions are ordered lines; what is true or false has two points). Nodes are made
once, variables are asked in one order, and so two diagrams are the same int if and only if they are true in the same
environments. 0 is never true, 1 always is.

The text is that of uv's locks, so that two tools can write one file without changing each other's lines. It was found by
probing, not copied: an irredundant cover of the diagram (Minato 1992, Morreale 1970, with several edges instead of two),
sorted and put in brackets in a fixed way. Two texts for one set of environments do not exist here: `normalized` is a
normal form.

Laws of this file: pure, and cold; nothing that installs from a lock needs it. Diagrams live as long as the process.
"""

from commonwheel.specs import markers
from commonwheel.specs.versions import clauses, is_specifier, release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final, TypeAlias

    Diagram: TypeAlias = int
    Value: TypeAlias = "str | tuple[int, ...]"
    # where a line is cut: a value, and whether the cut is behind it
    Cut: TypeAlias = tuple[Value, int]
    # which variable a node asks for, in the order in which they are asked
    Level: TypeAlias = tuple[int, str, str]
    Cuts: TypeAlias = tuple[Cut, ...]
    Children: TypeAlias = tuple[Diagram, ...]
    # the intervals of a line as (first cut or None, last cut or None), ascending and apart
    Intervals: TypeAlias = tuple[tuple[Cut | None, Cut | None], ...]
    # a conjunction: a variable each, with the intervals in which it has to be
    Cube: TypeAlias = tuple[tuple[Level, Intervals], ...]
    Term: TypeAlias = tuple[int, str]

NEVER: "Final[Diagram]" = 0
ALWAYS: "Final[Diagram]" = 1

_LINES = (
    "os_name", "sys_platform", "platform_system", "platform_machine", "platform_python_implementation",
    "platform_release", "platform_version", "implementation_name", "implementation_version", "python_full_version",
)  # fmt: skip
_VERSIONS = ("implementation_version", "python_full_version")
_PLATFORM_SYSTEM, _RELEASE, _PYTHON = 2, 5, 9
_IN, _CONTAINS, _EXTRA = 10, 11, 12
# how terms stand beside each other in a text
_PRINTED = (
    "implementation_version", "python_full_version", "implementation_name", "os_name", "platform_machine",
    "platform_python_implementation", "platform_release", "platform_system", "platform_version", "sys_platform", "extra",
)  # fmt: skip
_SYSTEMS = {
    "Windows": "win32", "Darwin": "darwin", "Linux": "linux", "AIX": "aix", "Emscripten": "emscripten", "Android": "android",
}  # fmt: skip
# what no interpreter calls itself at the same time: (os_name, sys_platform) and (platform_system, sys_platform)
_STRANGERS = (("nt", "linux"), ("nt", "darwin"), ("nt", "ios"), ("posix", "win32"))
_STRANGE_SYSTEMS = ("FreeBSD", "NetBSD", "OpenBSD", "SunOS", "iOS", "iPadOS")
_KNOWN_PLATFORMS = ("linux", "darwin", "win32", "cygwin", "android", "emscripten", "wasi", "aix", "ios")
_NEVER_TEXT = "python_version < '0'"

# --- diagrams --------------------------------------------------------------------------------------------------------

_levels: "list[Level]" = [(99, "", ""), (99, "", "")]
_cuts: "list[Cuts]" = [(), ()]
_children: "list[Children]" = [(), ()]
_unique: "dict[tuple[Level, Cuts, Children], Diagram]" = {}
_negations: "dict[Diagram, Diagram]" = {0: 1, 1: 0}
_conjunctions: "dict[tuple[Diagram, Diagram], Diagram]" = {}


def _node(level: "Level", cuts: "Sequence[Cut]", children: "Sequence[Diagram]") -> "Diagram":
    """Return the node with these edges; neighbours that lead to the same are one."""
    kept_cuts: list[Cut] = []
    kept = [children[0]]
    for cut, child in zip(cuts, children[1:], strict=True):
        if child != kept[-1]:
            kept_cuts.append(cut)
            kept.append(child)
    if len(kept) == 1:
        return kept[0]
    key = level, tuple(kept_cuts), tuple(kept)
    node = _unique.get(key)
    if node is None:
        node = _unique[key] = len(_levels)
        _levels.append(level)
        _cuts.append(key[1])
        _children.append(key[2])
    return node


def negation(diagram: "Diagram") -> "Diagram":
    """Return what is true where a diagram is not."""
    known = _negations.get(diagram)
    if known is None:
        known = _node(_levels[diagram], _cuts[diagram], [negation(child) for child in _children[diagram]])
        _negations[diagram] = known
        _negations[known] = diagram
    return known


def conjunction(one: "Diagram", other: "Diagram") -> "Diagram":
    """Return what is true where both are; what no interpreter can be does not count."""
    return _settled(_and(one, other), _possible())


def disjunction(one: "Diagram", other: "Diagram") -> "Diagram":
    """Return what is true where either is; what no interpreter can be does not count."""
    return negation(conjunction(negation(one), negation(other)))


def _or(one: "Diagram", other: "Diagram") -> "Diagram":
    return negation(_and(negation(one), negation(other)))


def without(one: "Diagram", other: "Diagram") -> "Diagram":
    """Return what is true where the first is and the second is not."""
    return conjunction(one, negation(other))


def disjoint(one: "Diagram", other: "Diagram") -> bool:
    """Return whether there is no environment, as far as we know, in which both are true."""
    return conjunction(one, other) == NEVER


def _and(one: "Diagram", other: "Diagram") -> "Diagram":
    if other in (one, ALWAYS):
        return one
    if one == ALWAYS:
        return other
    if NEVER in (one, other):
        return NEVER
    key = (one, other) if one < other else (other, one)
    known = _conjunctions.get(key)
    if known is None:
        level, cuts, pairs = _aligned(one, other)
        known = _conjunctions[key] = _node(level, cuts, [_and(a, b) for a, b in pairs])
    return known


def _aligned(one: "Diagram", other: "Diagram") -> "tuple[Level, Cuts, list[tuple[Diagram, Diagram]]]":
    """Return the variable that is asked first, its cuts in either, and the two children in each interval."""
    level = min(_levels[one], _levels[other])
    mine = _cuts[one] if _levels[one] == level else ()
    theirs = _cuts[other] if _levels[other] == level else ()
    left = _children[one] if mine else (one,)
    right = _children[other] if theirs else (other,)
    cuts: list[Cut] = []
    pairs: list[tuple[Diagram, Diagram]] = [(left[0], right[0])]
    i = j = 0
    while i < len(mine) or j < len(theirs):
        cut = min([*mine[i : i + 1], *theirs[j : j + 1]])
        i += mine[i : i + 1] == (cut,)
        j += theirs[j : j + 1] == (cut,)
        cuts.append(cut)
        pairs.append((left[i], right[j]))
    return level, tuple(cuts), pairs


_known_possible: "list[Diagram]" = []


def _possible() -> "Diagram":
    """Return where no two variables contradict each other."""
    if not _known_possible:
        strange = NEVER
        pairs = [(_point("os_name", name), _point("sys_platform", platform)) for name, platform in _STRANGERS]
        for system in _STRANGE_SYSTEMS:
            others = _KNOWN_PLATFORMS[: -1 if system.startswith("i") else None]
            pairs += [(_point("platform_system", system), _point("sys_platform", name)) for name in others]
        for one, other in pairs:
            strange = _or(strange, _and(one, other))
        _known_possible.append(negation(strange))
    return _known_possible[0]


_settlements: "dict[tuple[Diagram, Diagram], Diagram]" = {}


def _settled(diagram: "Diagram", care: "Diagram") -> "Diagram":
    """Return a smaller diagram that agrees with another one wherever `care` is true."""
    if care in (ALWAYS, NEVER) or diagram in (ALWAYS, NEVER) or _levels[diagram][0] > _PLATFORM_SYSTEM:
        return diagram
    known = _settlements.get((diagram, care))
    if known is None and _levels[care] < _levels[diagram]:
        anywhere = NEVER
        for child in _children[care]:
            anywhere = _or(anywhere, child)
        known = _settlements[diagram, care] = _settled(diagram, anywhere)
    if known is None:
        known = _settlements[diagram, care] = _settled_anew(diagram, care)
    return known


def _settled_anew(diagram: "Diagram", care: "Diagram") -> "Diagram":
    level, cuts, pairs = _aligned(diagram, care)
    raw = [child for child, _ in pairs]
    for candidate in dict.fromkeys(raw):
        if all(_agree(candidate, child, matters) for child, matters in pairs):
            return _settled(candidate, care)
    children = [_settled_child(i, pairs, raw) for i in range(len(raw))]
    return _node(level, cuts, children)


def _settled_child(i: int, pairs: "list[tuple[Diagram, Diagram]]", raw: "list[Diagram]") -> "Diagram":
    child, care = pairs[i]
    if care == NEVER:
        before = [place for place in range(i) if pairs[place][1] != NEVER]
        behind = [place for place in range(i + 1, len(pairs)) if pairs[place][1] != NEVER]
        return _settled_child(before[-1] if before else behind[0], pairs, raw)
    if raw.count(child) > 1:
        return child
    for candidate in dict.fromkeys(raw):
        if candidate != child and _agree(candidate, child, care):
            return candidate
    return _settled(child, care)


def _agree(one: "Diagram", other: "Diagram", care: "Diagram") -> bool:
    return one == other or _and(one, care) == _and(other, care)


# --- leaves ----------------------------------------------------------------------------------------------------------


def _on_line(variable: str, cuts: "Sequence[Cut]", answers: "Sequence[bool]") -> "Diagram":
    return _node((_LINES.index(variable), "", ""), cuts, [ALWAYS if answer else NEVER for answer in answers])


def _point(variable: str, value: "Value") -> "Diagram":
    return _on_line(variable, ((value, 0), (value, 1)), (False, True, False))


def _truth(level: "Level") -> "Diagram":
    """Return the diagram of a variable that is true or false: a line of two points, false before true."""
    return _node(level, (("", 1),), (NEVER, ALWAYS))


def chosen(name: str) -> "Diagram":
    """Return where an extra is asked for, or what a lock writes as one (`extra-5-confl-a`)."""
    return _truth((_EXTRA, name, ""))


def _of_comparison(comparison: markers.Comparison) -> "Diagram":
    variable, operator, value = comparison.variable, comparison.operator, comparison.value
    if variable == "extra":
        asked = chosen(value)
        return negation(asked) if operator in ("!=", "not in") else asked
    if comparison.reversed:
        operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    if operator in ("in", "not in"):
        found = _of_membership(variable, value, reversed=comparison.reversed)
        return negation(found) if operator == "not in" else found
    if variable == "python_version" or variable in _VERSIONS:
        return _of_version(variable, operator, value)
    if variable == "platform_release" and operator in ("<", "<=", ">", ">="):
        cut = (value, int(operator in ("<=", ">")))
        return _on_line(variable, (cut,), (operator in ("<", "<="), operator in (">", ">=")))
    if variable in ("extras", "dependency_groups") or operator in ("<", ">", "~="):
        return NEVER
    if variable == "platform_system" and value in _SYSTEMS:
        variable, value = "sys_platform", _SYSTEMS[value]
    point = _point(variable, value)
    return negation(point) if operator == "!=" else point


def _of_membership(variable: str, value: str, *, reversed: bool) -> "Diagram":  # noqa: A002 - as `Comparison` has it
    if variable in ("extras", "dependency_groups"):
        return chosen(value) if variable == "extras" else NEVER
    versions = value.replace(",", " ").split()
    if not reversed and (variable == "python_version" or variable in _VERSIONS):
        found = NEVER
        for version in versions:
            found = disjunction(found, _of_version(variable, "==", version))
        return found
    place = _PYTHON if variable == "python_version" else _LINES.index(variable)
    return _truth((_CONTAINS if reversed else _IN, str(place), value))


def _of_version(variable: str, operator: str, value: str) -> "Diagram":
    """Return where a version compares so; pre-release parts do not count."""
    if not is_specifier(operator + value):
        return NEVER
    if variable == "python_version":
        return _of_minor(operator, value)
    clause = clauses(operator + value)[0]
    numbers = release(clause.version)
    if clause.operator == "~=":
        return _between(variable, numbers, (*numbers[:-2], numbers[-2] + 1))
    if clause.wildcard:
        inside = _between(variable, numbers, (*numbers[:-1], numbers[-1] + 1))
        return negation(inside) if clause.operator == "!=" else inside
    at = _trimmed(numbers)
    if clause.operator in ("==", "===", "!="):
        point = _point(variable, at)
        return negation(point) if clause.operator == "!=" else point
    return _half(variable, clause.operator, at)


def _of_minor(operator: str, value: str) -> "Diagram":
    """Return where `python_version`, which has no patch release, compares so."""
    variable = "python_full_version"
    clause = clauses(operator + value)[0]
    numbers = release(clause.version)
    if clause.wildcard or clause.operator == "~=":
        return _of_version(variable, operator, value)
    major, minor = (*numbers, 0)[:2]
    below, above = (major, minor), (major, minor + 1)
    exact = not any(numbers[2:])
    if clause.operator in ("==", "===", "!="):
        inside = _between(variable, below, above) if exact else NEVER
        return negation(inside) if clause.operator == "!=" else inside
    if clause.operator in (">", "<="):
        return _half(variable, ">=" if clause.operator == ">" else "<", _trimmed(above))
    return _half(variable, clause.operator, _trimmed(below if exact else above))


def _half(variable: str, operator: str, at: "tuple[int, ...]") -> "Diagram":
    below = operator in ("<", "<=")
    if at == (0,) and operator in ("<", ">="):
        return NEVER if below else ALWAYS
    return _on_line(variable, ((at, int(operator in ("<=", ">"))),), (below, not below))


def _between(variable: str, low: "tuple[int, ...]", high: "tuple[int, ...]") -> "Diagram":
    return _on_line(variable, ((_trimmed(low), 0), (_trimmed(high), 0)), (False, True, False))


def _trimmed(numbers: "Sequence[int]") -> "tuple[int, ...]":
    end = len(numbers)
    while end > 1 and not numbers[end - 1]:
        end -= 1
    return tuple(numbers[:end])


# --- reading ---------------------------------------------------------------------------------------------------------

_diagrams: "dict[str, Diagram]" = {"": ALWAYS}


def diagram(text: str) -> "Diagram":
    """Return the diagram of a marker; "" is always true. Raises InvalidMarker."""
    known = _diagrams.get(text)
    if known is None:
        known = _diagrams[text] = of(markers.parse(text))
    return known


def of(marker: "markers.Marker") -> "Diagram":
    """Return the diagram of a parsed marker."""
    if isinstance(marker, markers.Comparison):
        return _of_comparison(marker)
    together = conjunction if isinstance(marker, markers.Both) else disjunction
    found = ALWAYS if isinstance(marker, markers.Both) else NEVER
    for part in marker.parts:
        found = together(found, of(part))
    return found


# --- what goes without saying ------------------------------------------------------------------------------------------

_restrictions: "dict[tuple[Diagram, Diagram], Diagram]" = {}


def restricted(diagram: "Diagram", assumed: "Diagram") -> "Diagram":
    """Return a diagram that agrees with another one wherever `assumed` is true, without what follows from that alone.

    Of each line, what cannot be does as the first does that can (Coudert and Madre's `restrict`, for several edges).
    """
    if assumed in (ALWAYS, NEVER) or diagram in (ALWAYS, NEVER):
        return diagram
    known = _restrictions.get((diagram, assumed))
    if known is None:
        if _levels[assumed] < _levels[diagram]:
            anywhere = NEVER
            for child in _children[assumed]:
                anywhere = _or(anywhere, child)
            known = restricted(diagram, anywhere)
        else:
            level, cuts, pairs = _aligned(diagram, assumed)
            found = [None if care == NEVER else restricted(child, care) for child, care in pairs]
            first = next(child for child in found if child is not None)
            known = _node(level, cuts, [first if child is None else child for child in found])
        _restrictions[diagram, assumed] = known
    return known


def python_range(specifier: str) -> "Diagram":
    """Return the Pythons between the bounds of a `requires-python`; what it leaves out in between counts as inside."""
    found = ALWAYS
    for clause in clauses(specifier):
        bounds = _of_version("python_full_version", clause.operator, clause.version + ".*" * clause.wildcard)
        if clause.operator != "!=":
            found = _and(found, bounds)
    return found


def lowest_python(diagram: "Diagram") -> "Cut":
    """Return where the oldest Pythons begin for which a diagram can be true; an empty version where there is no bound."""
    if _levels[diagram][0] > _PYTHON:
        return (), 0
    if _levels[diagram][0] < _PYTHON:
        return min((lowest_python(child) for child in _children[diagram] if child != NEVER), default=((), 0))
    return ((), 0) if _children[diagram][0] != NEVER else _cuts[diagram][0]


def python_from(bound: "Cut") -> "Diagram":
    """Return the Pythons from a bound on."""
    return _on_line("python_full_version", (bound,), (False, True))


_assumptions: "dict[tuple[Diagram, tuple[str, ...]], Diagram]" = {}


def assuming_extras(diagram: "Diagram", extras: "tuple[str, ...]" = ()) -> "Diagram":
    """Return what remains of a diagram once it is known which extras are asked for."""
    if diagram in (ALWAYS, NEVER):
        return diagram
    known = _assumptions.get((diagram, extras))
    if known is None:
        children = [assuming_extras(child, extras) for child in _children[diagram]]
        level = _levels[diagram]
        known = children[level[1] in extras] if level[0] == _EXTRA else _node(level, _cuts[diagram], children)
        _assumptions[diagram, extras] = known
    return known


def assuming(diagram: "Diagram", name: str, *, chosen: bool) -> "Diagram":
    """Return what remains of a diagram once it is known whether one extra is asked for."""
    level = _levels[diagram]
    if level > (_EXTRA, name, ""):
        return diagram
    children = [assuming(child, name, chosen=chosen) for child in _children[diagram]]
    return children[chosen] if level == (_EXTRA, name, "") else _node(level, _cuts[diagram], children)


def with_any_extras(diagram: "Diagram") -> "Diagram":
    """Return where a diagram is true for some choice of extras."""
    if diagram in (ALWAYS, NEVER):
        return diagram
    children = [with_any_extras(child) for child in _children[diagram]]
    if _levels[diagram][0] != _EXTRA:
        return _node(_levels[diagram], _cuts[diagram], children)
    return _or(children[0], children[1])


_opened: "dict[tuple[Diagram, Diagram], Diagram]" = {}


def opened(diagram: "Diagram", pythons: "Diagram") -> "Diagram":
    """Return a diagram as it need be within a range of Pythons: what lies beyond does as the nearest Python inside."""
    if pythons in (ALWAYS, NEVER) or diagram in (ALWAYS, NEVER) or _levels[diagram] > _levels[pythons]:
        return diagram
    known = _opened.get((diagram, pythons))
    if known is None:
        if _levels[diagram] < _levels[pythons]:
            known = _node(_levels[diagram], _cuts[diagram], [opened(child, pythons) for child in _children[diagram]])
        else:
            level, cuts, pairs = _aligned(diagram, pythons)
            inside = [i for i, (_, care) in enumerate(pairs) if care != NEVER]
            children = [pairs[min(max(i, inside[0]), inside[-1])][0] for i in range(len(pairs))]
            known = _node(level, cuts, children)
        _opened[diagram, pythons] = known
    return known


# --- the order of markers ----------------------------------------------------------------------------------------------


def order(diagram: "Diagram") -> "tuple[object, ...]":
    """Return a key by which markers are sorted where a lock sorts them."""
    if diagram in (ALWAYS, NEVER):
        return (int(diagram == NEVER),)
    level = _levels[diagram]
    place = level[0]
    kind = 6 if place == _EXTRA else 5 if place == _CONTAINS else 4 if place == _IN else 2 + (place < _PYTHON - 1)
    return (kind, level, *((interval, order(child)) for interval, child in _edges(diagram)))


def _edges(diagram: "Diagram") -> "Iterator[tuple[object, Diagram]]":
    """Yield for each interval of a node a key of where it begins and ends, and its child; what is true comes first."""
    cuts, children = _cuts[diagram], _children[diagram]
    if _levels[diagram][0] >= _IN:
        yield from ((0, child) for child in reversed(children))
        return
    for i, child in enumerate(children):
        start = ((), 0) if not i else ((cuts[i - 1][0],), cuts[i - 1][1])
        end = (0, cuts[i][0], cuts[i][1]) if i < len(cuts) else (1,)
        yield (start, end), child


# --- the cover ---------------------------------------------------------------------------------------------------------

_covers: "dict[tuple[Diagram, Diagram], tuple[list[Cube], Diagram]]" = {}


def _cover(low: "Diagram", high: "Diagram") -> "tuple[list[Cube], Diagram]":
    """Return cubes of which none can be left out, and their diagram: true wherever `low` is, and nowhere but in `high`."""
    if low == NEVER:
        return [], NEVER
    if high == ALWAYS:
        return [()], ALWAYS
    known = _covers.get((low, high))
    if known is None:
        known = _covers[low, high] = _split_cover(low, high)
    return known


def _split_cover(low: "Diagram", high: "Diagram") -> "tuple[list[Cube], Diagram]":
    level, cuts, pairs = _aligned(low, high)
    common = ALWAYS
    for _, child in pairs:
        common = _and(common, child)
    groups: dict[tuple[Diagram, Diagram], list[int]] = {}
    for i, pair in enumerate(pairs):
        groups.setdefault(pair, []).append(i)
    found: dict[Cube, list[int]] = {}
    cubes: list[tuple[list[int], Cube]] = []
    covered = [NEVER] * len(pairs)
    left = NEVER
    for (mine, allowed), members in groups.items():
        rests, inside = _cover(_and(mine, negation(common)), allowed)
        for rest in rests:
            if level[0] == _PYTHON and rest in found:
                found[rest] += members
                continue
            found[rest] = list(members)
            cubes.append((found[rest], rest))
        for i in members:
            covered[i] = inside
        left = _or(left, _and(mine, negation(inside)))
    rests, inside = _cover(left, common)
    made: list[Cube] = [((level, _intervals(cuts, sorted(where))), *rest) for where, rest in cubes]
    whole = _node(level, cuts, [_or(one, inside) for one in covered])
    return made + rests, whole


def _intervals(cuts: "Cuts", members: "list[int]") -> "Intervals":
    """Return edges of a node as intervals, neighbours joined."""
    found: list[tuple[Cut | None, Cut | None]] = []
    for i in members:
        start = cuts[i - 1] if i else None
        end = cuts[i] if i < len(cuts) else None
        if found and i and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple(found)


# --- text ----------------------------------------------------------------------------------------------------------------


def text(marker: "Diagram", high: "Diagram | None" = None) -> str:
    """Return a diagram as a lock has it; "" for what is always true.

    With `high`, the text may say yes anywhere in it: what lies between does not matter.
    """
    high = marker if high is None else high
    cubes, _ = _cover(marker, high)
    if not cubes:
        return _NEVER_TEXT
    if cubes == [()]:
        return ""
    conjunctions = [sorted(terms, key=lambda term: term[0]) for cube in cubes for terms in _terms(cube)]
    conjunctions.sort(key=lambda terms: [variable for variable, _ in terms])
    return _printed([[text for _, text in terms] for terms in conjunctions])


def _terms(cube: "Cube") -> "Iterator[list[Term]]":
    """Yield the conjunctions of terms that a cube stands for: one for each choice of intervals."""
    if not cube:
        yield []
        return
    (level, intervals), rest = cube[0], cube[1:]
    rests = list(_terms(rest))
    for terms in _alternatives(level, intervals):
        for more in rests:
            yield [*terms, *more]


def _alternatives(level: "Level", intervals: "Intervals") -> "Iterator[list[Term]]":
    """Yield conjunctions about one variable, of which one has to hold."""
    if level[0] == _EXTRA:
        yield [(_PRINTED.index("extra"), f"extra {_sign(intervals)} '{level[1]}'")]
        return
    if level[0] in (_IN, _CONTAINS):
        word = "in" if intervals[0][1] is None else "not in"
        variable, value = _LINES[int(level[1])], f"'{level[2]}'"
        said = f"{variable} {word} {value}" if level[0] == _IN else f"{value} {word} {variable}"
        yield [(_PRINTED.index(variable), said)]
        return
    variable = _LINES[level[0]]
    place = _PRINTED.index(variable)
    excluded = _excluded(variable, intervals)
    if excluded is not None:
        yield [(place, f"{variable} != '{value}'") for value in excluded]
        return
    for start, end in intervals:
        yield [(place, f"{variable} {said}") for said in _interval_terms(variable, start, end)]


def _sign(intervals: "Intervals") -> str:
    return "==" if intervals[0][1] is None else "!="


def _excluded(variable: str, intervals: "Intervals") -> "list[str] | None":
    """Return the values that are missing in a line, if single values are all that is missing; or one minor version."""
    if len(intervals) < 2 or intervals[0][0] is not None or intervals[-1][1] is not None:  # noqa: PLR2004 - a gap
        return None
    gaps = [(intervals[i][1], intervals[i + 1][0]) for i in range(len(intervals) - 1)]
    if all(a is not None and b is not None and a[0] == b[0] for a, b in gaps):
        return [_shown(start[0]) for start, _ in gaps if start is not None]
    if variable in _VERSIONS and len(gaps) == 1:
        minor = _minor(*gaps[0])
        return [minor] if minor else None
    return None


def _interval_terms(variable: str, start: "Cut | None", end: "Cut | None") -> "Iterator[str]":
    if start is not None and end is not None and start[0] == end[0]:
        yield f"== '{_shown(start[0])}'"
        return
    minor = _minor(start, end) if variable in _VERSIONS else ""
    if minor:
        yield f"== '{minor}'"
        return
    if start is not None:
        yield f"{'>' if start[1] else '>='} '{_shown(start[0])}'"
    if end is not None:
        yield f"{'<=' if end[1] else '<'} '{_shown(end[0])}'"


def _minor(start: "Cut | None", end: "Cut | None") -> str:
    """Return `3.9.*` for the versions from 3.9 to before 3.10, "" for anything else."""
    if start is None or end is None or start[1] or end[1]:
        return ""
    low, high = start[0], end[0]
    if isinstance(low, str) or isinstance(high, str):
        return ""
    low, high = (*low, 0)[:2] if len(low) < 2 else low, (*high, 0)[:2] if len(high) < 2 else high  # noqa: PLR2004
    if len(low) == len(high) == 2 and low[0] == high[0] and low[1] + 1 == high[1]:  # noqa: PLR2004 - major.minor
        return f"{low[0]}.{low[1]}.*"
    return ""


def _shown(value: "Value") -> str:
    return value if isinstance(value, str) else ".".join(map(str, value))


def _printed(cubes: "list[list[str]]") -> str:
    """Put a disjunction of conjunctions into words."""
    heads: dict[str, list[list[str]]] = {}
    for cube in cubes:
        heads.setdefault(cube[0], []).append(cube[1:])
    groups: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for head, rests in heads.items():
        common = _common(rests)
        long = [head, *rests[0][:common]]
        shown = " and ".join(long) if len(long) == 1 or len(heads) == 1 else f"({' and '.join(long)})"
        groups.setdefault(tuple(tuple(rest[common:]) for rest in rests), []).append(shown)
    if len(heads) == len(cubes) and all(len(names) == 1 for rests, names in groups.items() if rests != ((),)):
        if len(cubes) == 1:
            return " and ".join(cubes[0])
        return " or ".join(cube[0] if len(cube) == 1 else f"({' and '.join(cube)})" for cube in cubes)
    return " or ".join(_group(rests, names) for rests, names in groups.items())


def _group(rests: "tuple[tuple[str, ...], ...]", names: "list[str]") -> str:
    """Return one group: heads, of which one has to hold, with a choice of what follows them."""
    if rests == ((),):
        return " or ".join(names)
    head = names[0].removeprefix("(").removesuffix(")") if len(names) == 1 else f"({' or '.join(names)})"
    shown = [" and ".join(one) if len(one) == 1 else f"({' and '.join(one)})" for one in rests]
    return f"{head} and {' and '.join(rests[0]) if len(rests) == 1 else '(' + ' or '.join(shown) + ')'}"


def _common(rests: "list[list[str]]") -> int:
    """Return with how many terms all of several rests begin; a single one is left alone."""
    common = 0
    if len(rests) > 1:
        while all(len(rest) > common for rest in rests) and len({rest[common] for rest in rests}) == 1:
            common += 1
    return common


def normalized(marker: str) -> str:
    """Return the one text that a lock has for a marker: "" if it is always true. Raises InvalidMarker."""
    return text(diagram(marker))
