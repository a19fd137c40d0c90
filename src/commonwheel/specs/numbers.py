"""Whole numbers as strangers write them: few enough digits to be one, and none that only Unicode calls so."""

#: No size, port, status or version that means anything has more; `int` itself refuses some thousands with an error.
MOST_DIGITS = 18


def whole(text: str) -> int | None:
    """Return the number that a text is in ASCII digits, or None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
