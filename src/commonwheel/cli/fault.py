"""What a fault of Commonwheel itself looks like: loaded only when there is one."""

import sys
import traceback


def text() -> str:
    """Return the traceback of the exception that is being handled."""
    return "".join(traceback.format_exception(*sys.exc_info())).rstrip()
