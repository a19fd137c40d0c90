"""Unpack source distributions safely.

Tar archives go through the `data` filter of PEP 706 (no absolute names, no `..`, no devices, no links that lead out, no odd
modes); zip archives get the same rules by hand. A source distribution holds exactly one top-level directory.

Laws of this file: it writes only below the directory it is handed, which is private to this process, and only what the
archive holds; an archive that tries more is refused whole.
"""

import os
import stat
import tarfile
import zipfile

from commonwheel.errors import CommonwheelError
from commonwheel.fs import disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_MOST_BYTES = 16 << 30
_MOST_MEMBERS = 500_000


class BadSource(CommonwheelError):
    """Say that an archive is not a source distribution, or tries to write where it must not."""

    code = "bad-source-archive"


def unpack(archive: str, directory: str) -> str:
    """Unpack a `.tar.gz`, `.tgz`, `.tar.xz`, `.tar.bz2`, `.tar` or `.zip` below `directory`; return the project's tree.

    Raises BadSource for an archive that is damaged, escapes, or holds no project.
    """
    try:
        if archive.endswith(".zip"):
            _unpack_zip(archive, directory)
        else:
            _unpack_tar(archive, directory)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zipfile.LargeZipFile) as error:
        raise BadSource(
            f"`{os.path.basename(archive)}` cannot be unpacked: {error}",
            hint="the archive is damaged or was made to do harm; nothing of it was used",
        ) from error
    return _top(archive, directory)


def _top(archive: str, directory: str) -> str:
    names = sorted(os.listdir(directory))
    folders = [name for name in names if os.path.isdir(os.path.join(directory, name))]
    if len(folders) == 1:
        return os.path.join(directory, folders[0])
    if any(name in names for name in ("pyproject.toml", "setup.py")):
        return directory
    raise BadSource(
        f"`{os.path.basename(archive)}` holds no single project directory",
        context=[f"at its top: {', '.join(names[:8]) or 'nothing'}"],
    )


def _unpack_tar(archive: str, directory: str) -> None:
    with tarfile.open(archive) as tar:
        members: list[tarfile.TarInfo] = []
        total = 0
        for member in tar:
            total += member.size
            if len(members) >= _MOST_MEMBERS or total > _MOST_BYTES:
                raise BadSource(f"`{os.path.basename(archive)}` unpacks to more than {_MOST_BYTES >> 30} GiB")
            members.append(tarfile.data_filter(member, directory))
        for member in members:
            _extract(tar, member, os.path.join(directory, member.name))


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    """Write one member, already judged by the data filter, at `path`."""
    if member.isdir():
        disk.make_directory(path, parents=True)
        return
    parent = os.path.dirname(path)
    disk.make_directory(parent, parents=True)
    if member.issym():
        disk.symlink(member.linkname, path)
        return
    content = tar.extractfile(member)  # follows hard links within the archive
    if content is None:
        return
    mode = 0o755 if (member.mode or 0) & 0o111 else 0o644
    with content, disk.create(parent, mode) as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)
        file.publish(path, replace=True)


def _unpack_zip(archive: str, directory: str) -> None:
    with zipfile.ZipFile(archive) as source:
        infos = source.infolist()
        if len(infos) > _MOST_MEMBERS or sum(info.file_size for info in infos) > _MOST_BYTES:
            raise BadSource(f"`{os.path.basename(archive)}` unpacks to more than {_MOST_BYTES >> 30} GiB")
        for info, parts in _checked(archive, infos):
            path = os.path.join(directory, *parts)
            if info.is_dir():
                disk.make_directory(path, parents=True)
                continue
            disk.make_directory(os.path.dirname(path), parents=True)
            executable = (info.external_attr >> 16) & 0o111
            with (
                source.open(info) as stream,
                disk.create(os.path.dirname(path), 0o755 if executable else 0o644) as file,
            ):
                while chunk := stream.read(_CHUNK):
                    file.write(chunk)
                file.publish(path)


def _checked(archive: str, infos: "list[zipfile.ZipInfo]") -> "Iterator[tuple[zipfile.ZipInfo, list[str]]]":
    for info in infos:
        parts = [part for part in info.filename.split("/") if part not in ("", ".")]
        mode = info.external_attr >> 16
        if (
            ".." in parts
            or info.filename.startswith("/")
            or "\\" in info.filename
            or ":" in info.filename.split("/")[0]
        ):
            raise BadSource(f"`{os.path.basename(archive)}` holds `{info.filename}`, which leads out of it")
        if mode and stat.S_ISLNK(mode):
            raise BadSource(f"`{os.path.basename(archive)}` holds `{info.filename}`, a symbolic link")
        if parts:
            yield info, parts
