"""TOML from files of strangers: the one place that calls `tomllib`, which recurses and counts without bounds. Cold.

Nesting that it cannot follow, numbers that `int` refuses, and keys of so many parts that it takes seconds for each are
faults of the text like any other.
"""

import re
import tomllib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_PARTS = 100
# a string that is not closed is taken to the end, so that none is looked for twice
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?|' + r"'[^']*+'?")
_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MOST_PARTS}}}")


class InvalidToml(ValueError):
    """A text is not valid TOML: used inside this package, callers add the file."""


def loads(text: str) -> "dict[str, Any]":
    """Return the tables of a text; raise InvalidToml."""
    for line in text.splitlines():
        if line.count(".") >= _MOST_PARTS and _KEY.search(_STRING.sub("q", line)):
            raise InvalidToml(f"a key of more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidToml("its values are nested too deep") from error
    except ValueError as error:  # tomllib's own, and that of a number with thousands of digits
        raise InvalidToml(str(error)) from error
