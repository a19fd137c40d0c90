"""Find the configuration files that count: project, user and system."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[str, str], dict[str, object]]

#: Where caches are kept when the user has no home, below the current directory.
HOMELESS = ".cw-cache"


def outer_files(environ: "Mapping[str, str]") -> "tuple[str, ...]":
    """Return the candidate files of the user and of the system, highest precedence first; they need not exist."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    found = [os.path.join(home, "cw", "cw.toml"), os.path.join(home, "uv", "uv.toml")]
    system = [folder for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    for tool in ("cw", "uv"):
        found += [os.path.join(folder, tool, f"{tool}.toml") for folder in system]
        found.append(f"/etc/{tool}/{tool}.toml")
    return tuple(found)


def cache_home(environ: "Mapping[str, str]", cwd: str) -> str:
    """Return the directory of the user's caches; it need not exist.

    It is the XDG cache directory; for a user without a home, as in a container with an arbitrary user number, the directory that systemd
    made for the service (`CacheDirectory=`, systemd.exec(5)), else `.cw-cache` in the current directory.
    """
    given = environ.get("XDG_CACHE_HOME")
    if given:
        return given
    home = environ.get("HOME") or os.path.expanduser("~")
    if home != "~":
        return os.path.join(home, ".cache")
    service = environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    return service or os.path.join(cwd, HOMELESS)


def project_files(start: str, read: "Callable[[str], bytes | None]") -> "list[tuple[str, bytes]]":
    """Return the files of the nearest directory at or above `start` that says anything, highest precedence first, with their content.

    A pyproject.toml without a table of ours or of uv's says nothing.
    """
    directory = start
    while True:
        here = [os.path.join(directory, name) for name in ("cw.toml", "pyproject.toml", "uv.toml")]
        contents = [(path, read(path)) for path in here]
        present = [(path, data) for path, data in contents if data is not None and speaks(path, data)]
        parent = os.path.dirname(directory)
        if present or parent == directory:
            return present
        directory = parent


def speaks(path: str, data: bytes) -> bool:
    """Return whether a file of a project may hold settings, without a TOML parser: a word that looks like our table is enough."""
    return not path.endswith("pyproject.toml") or _has_tables(data)


def _has_tables(data: bytes) -> bool:
    return b"tool.cw" in data or b"tool.uv" in data
