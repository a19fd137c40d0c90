"""What old releases meant: requirements and specifiers that no standard ever allowed, mended as uv mends them.

Published metadata cannot be changed any more, so a version with `>=3.6,` or `!=3.0*` would be lost for ever. Only what has one
meaning is mended; everything else makes that version unusable, which the solver then tells.
"""

from commonwheel.specs import versions

_PHASES = ("a", "b", "rc", "post", "dev")


def specifier(text: str) -> str | None:
    """Return a valid specifier for what was meant, without blanks and empty members, or None."""
    if versions.is_specifier(text):
        repaired: str | None = text
    elif text.strip() == "*":
        repaired = ""
    else:
        repaired = versions.repaired(",".join(map(_clause, text.split(","))))
    if repaired is None:
        return None
    return ",".join(part for part in ("".join(part.split()) for part in repaired.split(",")) if part)


def requirement(text: str) -> str | None:
    """Return a requirement whose specifier is mended, or None; the marker is left alone."""
    head, semicolon, marker = text.partition(";")
    head = head.replace('"', "").replace("'", "").strip()
    end = len(head)
    for sign in "<>=!~( ,":
        at = head.find(sign, head.find("]") + 1)
        end = at if 0 <= at < end else end
    mended = specifier(head[end:].strip().removeprefix("(").removesuffix(")"))
    if mended is None or end == 0:
        return None
    return f"{head[:end].rstrip()} {mended}{semicolon}{marker}"


def _clause(part: str) -> str:
    """Mend what `versions.repaired` does not: `!=~5.0`, `>dev`, `>=9.0.0a1.0`; a bare `2.5` is any 2.5.x (PEP 345)."""
    part = part.strip("'\" ")
    if part.replace(".", "").isdecimal() and versions.parsed_key(part) is not None:
        return f"=={part}.*"
    if part.startswith("!=~"):
        return f"!={part[3:].strip()}.*"
    if part == ">dev":
        return ">0.0.0.dev0"
    if part.endswith(".0") and not versions.is_specifier(part):
        stem = part[:-2]
        letters = stem.rstrip("0123456789")
        if letters != stem and letters.endswith(_PHASES):
            return stem
    return part
