"""`python -m commonwheel`: the same as `cw`, for the interpreter that runs it."""

import sys

from commonwheel.cli import main

if __name__ == "__main__":
    sys.exit(main())
