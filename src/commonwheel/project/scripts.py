"""Scripts with a block of metadata (PEP 723): each has an environment of its own, kept in the user's cache directory."""

import os

from commonwheel.project.environments import Place, Wish
from commonwheel.specs.sha256 import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.project.parts import Parts


def wish(parts: "Parts", requires_python: str) -> Wish:
    """Return which Python a script wants: the option, else what its block says."""
    given = parts.settings.text("python")
    if given:
        return Wish(given, parts.settings.source("python"))
    return Wish(requires_python.replace(" ", ""), "`requires-python` of the script")


def place(parts: "Parts", path: str) -> Place:
    """Return where the environment of a script is: named by the script, and by its path alone."""
    stem = os.path.basename(path).partition(".")[0] or "script"
    digest = sha256_of(os.fsencode(os.path.realpath(path)))[:16]
    return Place(os.path.join(parts.environments_directory, f"{stem}-{digest}"))
