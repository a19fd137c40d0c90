"""The command line: words to functions."""

import sys


def main() -> int:
    """Run the command that the words name and return the exit status."""
    sys.stdout.write("cw\n")
    return 0
