"""Source distributions, projects and repositories for tests, and small build backends that need nothing but themselves.

tree = project(directory, "demo", backend=ECHO)        a project whose backend lies in it (`backend-path`)
path = sdist(directory, "demo", "1.0", files)          a .tar.gz of such files
repository(directory)                                  a git repository with one commit
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

from kit.wheels import as_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kit.wheels import Content

#: A whole backend in one file, for `backend-path = ["."]`: it makes wheels of all `.py` files beside it but itself.
BACKEND = '''\
"""A build backend for tests: name, version and dependencies are those of `facts.txt`, one a line."""

import base64, hashlib, io, os, tarfile, zipfile

HERE = os.path.dirname(os.path.abspath(__file__))


def facts():
    with open(os.path.join(HERE, "facts.txt")) as stream:
        name, version, *needs = stream.read().split("\\n")
    return name, version, [need for need in needs if need]


def metadata():
    name, version, needs = facts()
    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    return "\\n".join([*lines, *("Requires-Dist: " + need for need in needs), ""])


def write_wheel(directory, files, tag="py3-none-any"):
    name, version, _ = facts()
    stem = name.replace("-", "_") + "-" + version
    info = stem + ".dist-info/"
    files = dict(files)
    files[info + "METADATA"] = metadata()
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: " + tag + "\\n"
    record = ""
    with zipfile.ZipFile(os.path.join(directory, stem + "-" + tag + ".whl"), "w") as wheel:
        for path, text in files.items():
            data = text.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record += path + ",sha256=" + digest + "," + str(len(data)) + "\\n"
            wheel.writestr(path, data)
        wheel.writestr(info + "RECORD", record + info + "RECORD,,\\n")
    return stem + "-" + tag + ".whl"


def sources():
    found = {}
    for name in sorted(os.listdir(HERE)):
        if name.endswith(".py") and name != "backend.py":
            with open(os.path.join(HERE, name)) as stream:
                found[name] = stream.read()
    return found


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    found = sources()
    if config_settings:
        found[facts()[0].replace("-", "_") + "_settings.py"] = repr(config_settings)
    return write_wheel(wheel_directory, found)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {"_" + facts()[0].replace("-", "_") + ".pth": HERE + "\\n"})


def build_sdist(sdist_directory, config_settings=None):
    name, version, _ = facts()
    stem = name.replace("-", "_") + "-" + version
    with tarfile.open(os.path.join(sdist_directory, stem + ".tar.gz"), "w:gz") as tar:
        for found in sorted(os.listdir(".")):
            if os.path.isfile(found):
                tar.add(found, stem + "/" + found)
        text = metadata().encode()
        info = tarfile.TarInfo(stem + "/PKG-INFO")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return stem + ".tar.gz"
'''

#: The same, and it can tell the metadata without a wheel.
PREPARES = (
    BACKEND
    + """

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name, version, _ = facts()
    info = name.replace("-", "_") + "-" + version + ".dist-info"
    os.mkdir(os.path.join(metadata_directory, info))
    with open(os.path.join(metadata_directory, info, "METADATA"), "w") as stream:
        stream.write(metadata())
    return info


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
"""
)


def pyproject(
    name: str = "",
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    backend: str = "backend",
    path: Sequence[str] = (".",),
    needs: Sequence[str] = (),
    more: str = "",
) -> str:
    """Return a pyproject.toml; with a name it has a static `[project]`."""
    lines = ["[build-system]", f"requires = {list(requires)!r}", f'build-backend = "{backend}"']
    if path:
        lines.append(f"backend-path = {list(path)!r}")
    if name:
        lines += ["[project]", f'name = "{name}"', f'version = "{version}"', f"dependencies = {list(needs)!r}"]
    return "\n".join([*lines, more, ""])


def files_of(
    name: str = "demo",
    version: str = "1.0",
    *,
    backend: str = BACKEND,
    requires: Sequence[str] = (),
    needs: Sequence[str] = (),
    static: bool = False,
    files: Mapping[str, Content] | None = None,
) -> dict[str, Content]:
    """Return the files of a project that brings its own backend."""
    module = name.replace("-", "_")
    return {
        "pyproject.toml": pyproject(name if static else "", version, requires=requires, needs=needs),
        "backend.py": backend,
        "facts.txt": "\n".join([name, version, *needs, ""]),
        f"{module}.py": f'"""A module."""\n\nversion = "{version}"\n',
        **(files or {}),
    }


def write_tree(directory: str | os.PathLike[str], files: Mapping[str, Content]) -> str:
    """Write files below a directory and return it."""
    root = os.fspath(directory)
    for name, content in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(as_bytes(content))
    return root


def pack(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a .tar.gz of members as they are, whatever they are."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(inner.getvalue(), 1, mtime=0)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "", mode: int = 0o644, when: int = 0
) -> tarfile.TarInfo:
    """Return the head of a member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, target, mode, when or 1_600_000_000
    return info


def sdist(directory: str | os.PathLike[str], name: str, version: str, files: Mapping[str, Content]) -> str:
    """Write a source distribution of these files and return its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(os.fspath(directory), f"{stem}.tar.gz")
    with open(path, "wb") as stream:
        stream.write(pack([(member(f"{stem}/{inner}"), as_bytes(content)) for inner, content in files.items()]))
    return path


def git(directory: str | os.PathLike[str], *words: str) -> str:
    """Run git in a directory, without any configuration of this machine, and return its output."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    words = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *words)
    done = subprocess.run(["git", *words], cwd=directory, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(directory: str | os.PathLike[str], files: Mapping[str, Content]) -> str:
    """Make a git repository with one commit on `main` and return the commit."""
    os.makedirs(directory, exist_ok=True)
    write_tree(directory, files)
    git(directory, "init", "--quiet")
    return commit(directory)


def commit(directory: str | os.PathLike[str], files: Mapping[str, Content] | None = None) -> str:
    """Commit everything, and these files; return the commit."""
    write_tree(directory, files or {})
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "a change")
    return git(directory, "rev-parse", "HEAD")
