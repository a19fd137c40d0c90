"""How long the parts of a session live: each is made once, when it is first asked for, and what was opened is closed at the end."""

from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import cached_property

    once = cached_property
else:

    class once:  # noqa: N801 - it is used as a decorator is
        """A property that is made once, whatever thread asks first: of a class whose objects have a `lifetime`."""

        __slots__ = ("_make", "_name")

        def __init__(self, make: "Callable[[object], object]") -> None:
            self._make = make
            self._name = make.__name__

        def __get__(self, owner: object, _: object) -> object:
            if owner is None:
                return self
            made = owner.__dict__
            # the threads that fetch and build ask for the client at the same moment
            with owner.lifetime.lock:
                if self._name not in made:
                    made[self._name] = self._make(owner)
            return made[self._name]


class Lifetime:
    """The one lock under which parts are made, and what is to be done at the end, the last first."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._closing: list[Callable[[], object]] = []

    def at_end(self, *calls: "Callable[[], object]") -> None:
        """Have calls made at the end."""
        self._closing += calls

    def close(self) -> None:
        """Close what was opened, the last first."""
        while self._closing:
            self._closing.pop()()


def is_made(owner: object, name: str) -> bool:
    """Return whether a part was asked for."""
    return name in vars(owner)
