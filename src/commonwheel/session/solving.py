"""Solve, and explain: the solver is loaded when a resolution is not remembered."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.events import Reporter
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.index_config import Index
    from commonwheel.model import Interpreter, Pin, Requirement, Resolution
    from commonwheel.operations.resolve import Question
    from commonwheel.resolve.request import Inputs
    from commonwheel.settings.settings import Settings
    from commonwheel.sources.describe import Sources


class Solving:
    """Solve for one request; `indexes` are those that are asked, `interpreter` is that of the environment."""

    def __init__(
        self,
        settings: "Settings",
        reporter: "Reporter",
        sources: "Sources",
        indexes: "Callable[[], Sequence[Index]]",
        interpreter: "Callable[[], Interpreter]",
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._sources = sources
        self._indexes = indexes
        self._interpreter = interpreter

    def solve(self, inputs: "Inputs", catalogue: "Catalogue") -> "Resolution":
        """Resolve for one target."""
        from commonwheel.resolve.resolution import solve

        return solve(inputs, catalogue, self._reporter)

    def solve_universal(self, inputs: "Inputs", catalogue: "Catalogue", python: str) -> "Resolution":
        """Resolve for every platform and all Pythons from the oldest on that `python` (a Requires-Python) admits."""
        from commonwheel.resolve import universal

        return universal.solve_universal(
            inputs,
            catalogue,
            self._reporter,
            python=self.oldest_python(python),
            fork_strategy=self._settings.text("fork-strategy") or "requires-python",
        )

    def oldest_python(self, requires_python: str) -> str:
        """Return from which Python on a universal resolution holds: the option, the project, or the interpreter's minor version."""
        from commonwheel.specs import versions

        given = self._settings.text("python-version") or versions.lower_bound(requires_python)
        if given:
            return given
        return ".".join(map(str, self._interpreter().version[:2]))

    def conditions(self, pins: "Sequence[Pin]", question: "Question", catalogue: "Catalogue") -> "dict[str, str]":
        """Return under which markers each pin of a resolution for one target is needed."""
        from commonwheel.model import Requirement
        from commonwheel.resolve import candidate_rules, pin_markers

        by_name = {pin.name: pin for pin in pins}
        # a path or a URL may stand in a line without the name of what is there
        by_place = {candidate_rules.place(pin.source): pin.name for pin in pins if pin.source is not None}
        asked = [
            one
            if one.name or one.source is None
            else one.replaced(name=by_place.get(candidate_rules.place(one.source), ""))
            for one in question.requirements
        ]

        def needs(name: str) -> "tuple[Requirement, ...]":
            pin = by_name[name]
            if pin.source is None:
                return catalogue.metadata(name, pin.version).requires
            return self._sources.metadata(Requirement(name, source=pin.source)).requires

        overrides: dict[str, list[Requirement]] = {}
        for requirement in question.overrides:
            overrides.setdefault(requirement.name, []).append(requirement)
        return pin_markers.conditions(by_name, asked, needs, overrides, self.oldest_python(""))

    def explain(self, catalogue: "Catalogue", name: str, version: str, reason: str) -> str:
        """Return what is known beyond the reason for which a version is barred."""
        from commonwheel.operations.explain import Explainer

        explainer = Explainer(
            catalogue,
            self._indexes(),
            strategy=self._settings.text("index-strategy") or "first-index",
            offline=self._settings.flag("offline"),
        )
        return explainer(name, version, reason)
