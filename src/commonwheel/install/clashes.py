"""Two packages that claim one path."""

from commonwheel.errors import CommonwheelError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final


class ClashError(CommonwheelError):
    """Report that packages want paths which they cannot have, before anything was changed."""

    code = "clash"

    def __init__(self, clashes: "Sequence[Clash]") -> None:
        self.clashes: Final = tuple(clashes)
        names = sorted({name for clash in clashes for name in clash.owners})
        listed = " and ".join(f"`{name}`" for name in names)
        super().__init__(
            f"{listed} cannot be installed here: {len(clashes)} of the paths are not for them to have",
            context=tuple(str(clash) for clash in clashes),
            hint="leave one of the packages out, or tell its authors",
        )


class Clash(Value):
    """One path that two packages bring with different content (the later in `owners` wins), or that none may have."""

    __slots__ = ("owners", "path", "why")

    def __init__(self, path: str, owners: "tuple[str, ...]", why: str = "") -> None:
        self.path: Final = path
        self.owners: Final = owners
        self.why: Final = why

    def __str__(self) -> str:
        if self.why:
            return f"{self.path}: {self.why} ({', '.join(self.owners)})"
        return f"`{self.path}` comes with different content from {' and '.join(f'`{name}`' for name in self.owners)}"
