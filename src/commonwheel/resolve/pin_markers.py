"""Under which markers each pin of a resolution for one target is needed (`pip compile --no-strip-markers`).

The versions are right for the target alone, so that elsewhere the markers say what to leave out, and not what would be
chosen there: that is what a universal resolution is for.
"""

from commonwheel.resolve.marker_sets import MarkerSets, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from commonwheel.model import Requirement
    from commonwheel.specs.markers import Marker


def conditions(
    names: "Collection[str]",
    asked: "Iterable[Requirement]",
    needs: "Callable[[str], Iterable[Requirement]]",
    overrides: "Mapping[str, Iterable[Requirement]]",
    python: str,
) -> "dict[str, str]":
    """Return the marker of each pinned name, "" for what is needed wherever Python is `python` or newer.

    `needs` returns what a pinned project requires; `overrides` replace what anybody says of a name.
    """
    edges: dict[str, list[Requirement]] = {"": list(asked), **{name: list(needs(name)) for name in names}}
    for requirements in edges.values():
        replaced = {one.name: None for one in requirements if one.name in overrides}
        requirements[:] = [one for one in requirements if one.name not in replaced]
        requirements += [one for name in replaced for one in overrides[name]]
        requirements[:] = [one for one in requirements if one.name in names]
    worlds = MarkerSets(python)
    extras = {extra for requirements in edges.values() for one in requirements for extra in one.extras}
    for one in (one for requirements in edges.values() for one in requirements):
        for extra in ("", *extras):
            worlds.learn(_meant(one, extra))
    reached = {("", ""): worlds.everything}
    waiting = [("", "")]
    while waiting:
        name, extra = waiting.pop()
        for one in edges[name]:
            where = reached[name, extra] & worlds.of(_meant(one, extra))
            for target in ((one.name, wanted) for wanted in ("", *one.extras)):
                if where & ~reached.get(target, 0):
                    reached[target] = reached.get(target, 0) | where
                    waiting.append(target)
    return {name: worlds.text(reached.get((name, ""), worlds.everything), worlds.everything) for name in names}


def _meant(requirement: "Requirement", extra: str) -> "Marker":
    """Return the marker of a requirement of a project that is wanted with an extra ("" for none)."""
    return plain(requirement.marker, (extra,) if extra else ())
