"""How an internal error, or an error of the system, is shown: loaded only when there is one."""

import os
import sys
import traceback

from commonwheel.fs.disk import DiskError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.errors import CommonwheelError


def refused(error: OSError) -> "CommonwheelError":
    """Return what the system refused, with the facts around the path that it was about."""
    path = error.filename if isinstance(error.filename, str) else os.getcwd()
    return DiskError("use", path, error)


def text() -> str:
    """Return the traceback of the exception that is being handled."""
    return "".join(traceback.format_exception(*sys.exc_info())).rstrip()
