"""What a project says it is made of: `cache-keys` in `[tool.cw]` or `[tool.uv]` of its pyproject.toml, as uv has them.

    cache-keys = ["requirements.txt", { file = "src/**/*.c" }, { dir = "data" }, { git = { commit = true, tags = true } }, { env = "CC" }]

A file counts by its time and size, a directory by its being there (the same one), a repository by the commit and the tags of
its files, an environment variable by its value. Patterns know `*`, `?`, `[...]` and `**` for directories at any depth.
"""

import json
import os
from fnmatch import fnmatchcase

from commonwheel.errors import UsageError
from commonwheel.fs.facts import platform
from commonwheel.sources import projects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KINDS = ("file", "dir", "git", "env")
_MAGIC = "*?["
_MOST = 100_000  # files of one project: beyond, a pattern is a mistake


class BadCacheKeys(UsageError):
    """The `cache-keys` of a project are invalid."""

    code = "bad-cache-keys"


def source_fingerprint(path: str, environ: "Mapping[str, str]") -> str:
    """Return a text that changes when the project in `path` should be built anew. Raises BadCacheKeys, InvalidPyproject."""
    keys, place = keys_of(path)
    words = [f"directory {path}"]
    for key in keys:
        words += _words(path, key, place, environ)
    return "\n".join(words)


def keys_of(path: str) -> "tuple[list[object], str]":
    """Return the `cache-keys` of the project in a directory, or what counts without any, and the file that says them."""
    place = os.path.join(path, "pyproject.toml")
    keys: object = None
    if os.path.isfile(place):
        project = projects.read(place)
        keys = project.tool("cw").get("cache-keys", project.tool("uv").get("cache-keys"))
    if keys is None:
        keys = [{"file": "pyproject.toml"}, {"file": "setup.py"}, {"file": "setup.cfg"}, {"dir": "src"}]
    if not isinstance(keys, list):
        raise _bad(place, "`cache-keys` must be a list")
    return keys, place


def uv_stamp(path: str, environ: "Mapping[str, str]") -> bytes:
    """Return the `uv_cache.json` of a directory as uv writes it beside what it installs: without it uv builds again.

    Raises BadCacheKeys, InvalidPyproject.
    """
    keys, place = keys_of(path)
    newest, commit, tags = 0, None, None
    variables: dict[str, str | None] = {}
    directories: dict[str, object] = {}
    for key in keys:
        _words(path, key, place, environ)  # says what is wrong
        table = {"file": key} if isinstance(key, str) else key
        assert isinstance(table, dict)
        [(kind, value)] = table.items()
        if kind == "env":
            variables[value] = environ.get(value)
        elif kind == "dir":
            directory = os.path.join(path, value)
            directories[value] = _moment(platform.born_ns(directory)) if os.path.isdir(directory) else None
        elif kind == "file":
            for name in _matching(path, value, place):
                try:
                    newest = max(newest, os.stat(os.path.join(path, name)).st_ctime_ns)
                except OSError:
                    continue
        else:
            wants = value if isinstance(value, dict) else {"commit": value}
            common, own = _repository(path)
            if wants.get("commit"):
                commit = _head(common, own) or None
            if wants.get("tags"):
                found = {name: one for name, one in _refs(common).items() if name.startswith("refs/tags/")}
                tags = {name.removeprefix("refs/tags/"): one for name, one in sorted(found.items())}
    stamp = {
        "timestamp": _moment(newest) if newest else None,
        "commit": commit,
        "tags": tags,
        "env": dict(sorted(variables.items())),
        "directories": dict(sorted(directories.items())),
    }
    return json.dumps(stamp, separators=(",", ":")).encode()


def _moment(nanoseconds: int) -> "dict[str, int]":
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return {"secs_since_epoch": seconds, "nanos_since_epoch": rest}


def _words(root: str, key: object, place: str, environ: "Mapping[str, str]") -> "list[str]":
    table = {"file": key} if isinstance(key, str) else key
    if not isinstance(table, dict) or len(table) != 1 or next(iter(table)) not in _KINDS:
        raise _bad(place, f"`{key}` is not one of a path, {', '.join('`' + kind + ' = ...`' for kind in _KINDS)}")
    [(kind, value)] = table.items()
    if kind == "git":
        return _git(root, value, place)
    if not isinstance(value, str) or not value:
        raise _bad(place, f"`{kind}` must name something")
    if kind == "env":
        return [f"env {value}={environ.get(value)}"]
    if kind == "dir":
        return [f"dir {value} {_directory(os.path.join(root, value))}"]
    return [f"file {name} {_file(os.path.join(root, name))}" for name in _matching(root, value, place)]


def _bad(place: str, what: str) -> BadCacheKeys:
    return BadCacheKeys(f"`{place}`: {what}", hint='write, for example, cache-keys = [{ file = "**/*.c" }]')


def _file(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return "-"
    return f"{found.st_mtime_ns} {found.st_size}"


def _directory(path: str) -> str:
    try:
        return str(os.stat(path).st_ino) if os.path.isdir(path) else "-"
    except OSError:
        return "-"


# --- patterns -------------------------------------------------------------------------------------------------------


def _matching(root: str, pattern: str, place: str) -> "list[str]":
    """Return the files that a pattern means, relative to the project; a plain path means itself, whether it is there or not."""
    if not any(letter in pattern for letter in _MAGIC):
        return [pattern]
    found: set[str] = set()
    for name in _walked(root, "", [part for part in pattern.split("/") if part not in ("", ".")]):
        found.add(name)
        if len(found) > _MOST:
            raise _bad(place, f"`{pattern}` means more than {_MOST} files")
    return sorted(found)


def _walked(root: str, directory: str, parts: "list[str]") -> "Iterator[str]":
    """Yield the files below a directory whose names are `parts`; links to directories are not followed."""
    first, rest = parts[0], parts[1:]
    if first == "..":
        yield from _walked(root, os.path.join(directory, ".."), rest) if rest else ()
        return
    if first == "**":
        yield from _walked(root, directory, rest or ["*"])
    try:
        with os.scandir(os.path.join(root, directory)) as scan:
            entries = sorted(scan, key=lambda one: one.name)
    except OSError:
        return
    for one in entries:
        inner = f"{directory}/{one.name}" if directory else one.name
        is_directory = one.is_dir(follow_symlinks=False)
        if first == "**":
            if is_directory:
                yield from _walked(root, inner, parts)
        elif fnmatchcase(one.name, first):
            if rest and is_directory:
                yield from _walked(root, inner, rest)
            elif not rest and not is_directory:
                yield inner


# --- git ------------------------------------------------------------------------------------------------------------


def _git(root: str, value: object, place: str) -> "list[str]":
    """Return the commit, and the tags if these are wanted, of the repository that a project lies in."""
    wants = {"commit": value, "tags": False} if isinstance(value, bool) else value
    if not isinstance(wants, dict) or not all(
        name in ("commit", "tags") and isinstance(one, bool) for name, one in wants.items()
    ):
        raise _bad(place, "`git` is `true`, or a table of `commit` and `tags`")
    common, own = _repository(root)
    words = []
    if wants.get("commit"):
        words.append(f"git commit {_head(common, own)}")
    if wants.get("tags"):
        tags = {name: commit for name, commit in _refs(common).items() if name.startswith("refs/tags/")}
        words.append(f"git tags {sorted(tags.items())}")
    return words


def _repository(root: str) -> "tuple[str, str]":
    """Return the git directory that all work trees share, and the one of this work tree; "" where there is none."""
    directory = os.path.abspath(root)
    while not os.path.lexists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return "", ""
        directory = parent
    own = os.path.join(directory, ".git")
    text = _text(own)
    if text.startswith("gitdir:"):
        own = os.path.normpath(os.path.join(directory, text.partition(":")[2].strip()))
    shared = _text(os.path.join(own, "commondir")).strip()
    return (os.path.normpath(os.path.join(own, shared)) if shared else own), own


def _head(common: str, own: str) -> str:
    head = _text(os.path.join(own, "HEAD")).strip()
    if not head.startswith("ref:"):
        return head
    name = head.partition(":")[2].strip()
    return _text(os.path.join(common, name)).strip() or _refs(common).get(name, "")


def _refs(common: str) -> "dict[str, str]":
    """Return the tags and packed references of a repository with their commits, as its files tell them."""
    found: dict[str, str] = {}
    for line in _text(os.path.join(common, "packed-refs")).splitlines():
        commit, _, name = line.partition(" ")
        if name and not line.startswith(("#", "^")):
            found[name] = commit
    base = os.path.join(common, "refs", "tags")
    for name in _walked(base, "", ["**"]):
        found[f"refs/tags/{name}"] = _text(os.path.join(base, name)).strip()
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
