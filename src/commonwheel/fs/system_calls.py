"""The system calls of Linux that Python 3.11 does not wrap, through `ctypes`.

`ctypes` costs 4 ms of a 30 ms budget, and most commands need none of this: nothing imports this file on the way to the
disk. Whoever wants the calls imports it and hands them over; until then `_linux` does with what Python has.
"""

import ctypes
import errno
import os

from commonwheel.fs import facts

_libc = ctypes.CDLL(None, use_errno=True)


def hand_over() -> None:
    """Let the verbs of `disk` use these calls from now on."""
    facts.platform.use_system_calls(call)


def call(name: str, *words: int | bytes) -> None:
    """Call a function of the C library that answers 0, or -1 and an errno; OSError (ENOSYS) if there is none such."""
    try:
        function = _libc[name]
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if function(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
