"""What the solver asks of its provider, and the answers."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, Protocol

    from commonwheel.model import Requirement
    from commonwheel.resolve.version_set import Universe

    class Provider(Protocol):
        """Answer what the solver asks, from whatever source."""

        def asked(self) -> "Iterable[Dependency]":
            """Return what the user asks for, in order."""

        def universe(self, name: str) -> Universe:
            """Return all versions of a project; the same object every time."""

        def choose(self, universe: Universe, states: int) -> int:
            """Return the position of the version to try, out of a non-empty set."""

        def dependencies(self, universe: Universe, extra: str, position: int) -> "Iterable[Dependency]":
            """Return what a version depends on, or what an extra adds to it. Raises Unusable."""

        def foresee(self, universe: Universe, states: int) -> None:
            """Take note that one of these versions will be needed; must not block."""

        def lost(self, universe: Universe) -> None:
            """Take note that no version of a needed project is left; may raise to begin anew with a wider universe."""


class Unusable(Exception):
    """A version cannot be used after all: `reason` is a word, `detail` completes its sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Dependency:
    """A project (`extra` is "" or one of its extras), the versions of it that will do, and the text that says so.

    `pinned` says that it is one version, which is decided early; `sharers` are versions of the dependent that are known
    to say the same.
    """

    __slots__ = ("extra", "name", "pinned", "requirement", "sharers", "wanted")

    def __init__(
        self,
        name: str,
        extra: str,
        wanted: int,
        requirement: "Requirement",
        pinned: bool = False,
        sharers: int = 0,
    ) -> None:
        self.name: Final = name
        self.extra: Final = extra
        self.wanted: Final = wanted
        self.requirement: Final = requirement
        self.pinned: Final = pinned
        self.sharers: Final = sharers
