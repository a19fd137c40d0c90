"""`python -m commonwheel`: the same as `cw`, for the interpreter that runs it."""

import gc
import sys

gc.set_threshold(200_000, 20, 20)  # as the `cw` command does, which says why

from commonwheel.cli import main  # noqa: E402 - the imports are most of what it is for

if __name__ == "__main__":
    sys.exit(main())
