"""Project and extra names: PEP 503 normal form, PEP 508 validity."""


def normalize(name: str) -> str:
    """Return the PEP 503 form: lower case, each run of `-`, `_` and `.` one hyphen.

    Never fails; ask `is_valid` first where the name comes from outside.
    """
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def is_valid(name: str) -> bool:
    """Return whether a name, not necessarily normalised, may name a project or an extra (PEP 508)."""
    return (
        name.isascii()
        and name[:1].isalnum()
        and name[-1:].isalnum()
        and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    )


def escape(name: str) -> str:
    """Return the form that names a `.dist-info` directory and the first part of a wheel's file name (PEP 427, 625)."""
    return normalize(name).replace("-", "_")
