"""How a text that breaks its format is told.

Every format has its own error class, in its own file, derived from `Malformed`. A parser that can go on collects what
is wrong as `issues` and raises once, so that one run shows all there is to mend.
"""

from commonwheel.errors import CommonwheelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final


class Malformed(CommonwheelError):
    """A text does not follow its specification; `issues` has every fault that was found."""

    code = "malformed"

    def __init__(
        self, message: str, *, issues: "Sequence[str]" = (), context: "Sequence[str]" = (), hint: str | None = None
    ) -> None:
        super().__init__(message, context=(*issues, *context), hint=hint)
        self.issues: Final = tuple(issues)


def underline(text: str, start: int, end: int) -> tuple[str, str]:
    """Return the text and, for the line below it, `^` under the characters from `start` to `end`.

    Tabs and other controls become spaces first, so that the marks stand where they should; a long text is cut to what
    surrounds the span.
    """
    end = max(end, start + 1)
    left = max(0, start - 60) if len(text) > 110 else 0  # noqa: PLR2004 - fits a terminal of 120 columns
    shown = "".join(c if c.isprintable() else " " for c in text[left : left + 110])
    if left:
        shown = "…" + shown[1:]
    return shown, " " * (start - left) + "^" * min(end - start, max(len(shown) - (start - left), 1))
