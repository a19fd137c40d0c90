"""The one base of every error that Commonwheel raises on purpose.

Laws of this file: an error is data. It never renders itself, never reads the disk, and imports nothing.
Each room derives its own errors in its own files; `cli.console` alone turns them into text.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar


class CommonwheelError(Exception):
    """Describe one failure: a stable code, what happened, the facts around it, and what to do next.

    `message` names things in backticks and says what was tried; `context` holds further lines, most important
    first; `hint` is an action that the reader can take. `exit_status` is what the process ends with: 1 could
    not, 2 usage or surroundings (no environment, unreadable input, unreachable network).
    """

    code: "ClassVar[str]" = "error"
    exit_status: "ClassVar[int]" = 1

    def __init__(self, message: str, *, context: "Sequence[str]" = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = tuple(context)
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def as_json(self) -> dict[str, object]:
        """Return the error as the object that `--json` prints."""
        return {"code": self.code, "message": self.message, "context": list(self.context), "hint": self.hint}


class UsageError(CommonwheelError):
    """The words or the surroundings of a command do not fit: exit status 2."""

    code = "usage"
    exit_status = 2


class InternalError(CommonwheelError):
    """Commonwheel itself is wrong: exit status 70, with a traceback."""

    code = "internal"
    exit_status = 70


class MetadataUnavailable(CommonwheelError):
    """The metadata of one version cannot be had or trusted: that version is unusable, and others may do.

    The index room raises it and the solver tells it, and those two never import each other: hence its place here.
    `message` completes the sentence "`name` 1.0 cannot be used: ..." in the explanation.
    """

    code = "metadata-unavailable"
