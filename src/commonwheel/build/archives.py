"""Unpack source distributions safely.

The rules are those of PEP 706's `data` filter and a little more, held by this file itself, since the filter is not in every
Python 3.11 and trusts the disk that it unpacks to: no absolute names, no `..`, no devices, nothing written through a link, no
link that leads out, no modes but "executable" or not. Times are kept: what `make` finds older than its source it makes
again, with tools that a user lacks.

Laws of this file: it writes only below the directory it is handed, which is private to this process and empty; an archive
that tries more is refused whole. Links are made after all files, so that nothing is ever written through one.
"""

import calendar
import gzip
import os
import stat
import tarfile
import zipfile
import zlib

from commonwheel.errors import CommonwheelError
from commonwheel.fs import files, linking, trees
from commonwheel.specs import wheel_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_PART = 1 << 20
_MOST_BYTES = 16 << 30
_MOST_MEMBERS = 500_000
_LONGEST_LINK = 1024
_EARLIEST = 315_619_200  # 2 January 1980: wheels are zip archives, which know no earlier day


class BadSource(CommonwheelError):
    """An archive is not a source distribution, or tries to write where it must not."""

    code = "bad-source-archive"


def unpack(archive: str, directory: str) -> str:
    """Unpack a `.tar.gz` or `.zip` into the empty `directory`; return the project's tree.

    Raises BadSource for an archive that is damaged, escapes, holds no project, or is of another format.
    """
    name = os.path.basename(archive)
    if not name.lower().endswith(wheel_file.SDIST_SUFFIXES):
        raise BadSource(
            f"`{name}` is not in a format for source distributions",
            hint=f"those are {' and '.join(f'`{suffix}`' for suffix in wheel_file.SDIST_SUFFIXES)} (PEP 625)",
        )
    unpacking = _Unpacking(name, directory)
    try:
        if name.lower().endswith(".zip"):
            unpacking.zip(archive)
        else:
            unpacking.tar(archive)
    except (tarfile.TarError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError) as error:
        raise BadSource(
            f"`{name}` cannot be unpacked: {error}", hint="the archive is damaged; nothing of it was used"
        ) from error
    except (NotImplementedError, RuntimeError, ValueError) as error:
        # zipfile: an unknown method, a password; tarfile: numbers and names that are none
        raise BadSource(f"`{name}` cannot be unpacked: {error}", hint="nothing of it was used") from error
    return _top(name, directory)


def _top(name: str, directory: str) -> str:
    """Return the project in what was unpacked: the one folder, or the whole where files lie beside it."""
    with os.scandir(directory) as scan:
        found = sorted(scan, key=lambda one: one.name)
    folders = [one.path for one in found if one.is_dir(follow_symlinks=False)]
    if len(folders) == 1 and len(found) == 1:
        return folders[0]
    if any(one.name in ("pyproject.toml", "setup.py") for one in found):
        return directory
    if len(folders) == 1:
        return folders[0]
    raise BadSource(
        f"`{name}` holds no single project directory",
        context=[f"at its top: {', '.join(one.name for one in found[:8]) or 'nothing'}"],
    )


class _Unpacking:
    """One archive on its way to the disk."""

    def __init__(self, name: str, directory: str) -> None:
        self._name = name
        self._directory = directory
        self._made = {""}
        self._files: set[str] = set()
        self._links: dict[str, str] = {}
        self._total = 0
        self._members = 0

    # --- the two formats --------------------------------------------------------------------------------------------

    def tar(self, archive: str) -> None:
        """Unpack a tar archive in one pass."""
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = self._admitted(member.name, member.size if member.isreg() else 0)
                if not path:
                    continue
                if member.isdir():
                    self._directory_at(path)
                elif member.issym():
                    self._links[path] = member.linkname
                elif member.islnk():
                    self._again(path, self._checked(member.linkname))
                elif member.isreg():
                    content = tar.extractfile(member)
                    assert content is not None  # a regular file has one
                    self._file(path, content, member.size, member.mode, int(member.mtime))
                else:
                    raise self._refused(member.name, "which is a device")
            self._read_to_the_end(tar)
        self._link_all()

    @staticmethod
    def _read_to_the_end(tar: tarfile.TarFile) -> None:
        """Read what follows the last member, so that the checksum of the whole is looked at."""
        assert tar.fileobj is not None
        try:
            while tar.fileobj.read(_PART):
                pass
        except gzip.BadGzipFile as error:
            if not str(error).startswith("Not a gzipped file"):
                raise  # anything else than rubbish after the end, which everybody passes over

    def zip(self, archive: str) -> None:
        """Unpack a zip archive; a link in one is its target, in a file that is marked."""
        with zipfile.ZipFile(archive) as source:
            for info in source.infolist():
                path = self._admitted(info.filename, info.file_size)
                mode = info.external_attr >> 16
                if not path:
                    continue
                if info.is_dir():
                    self._directory_at(path)
                elif stat.S_ISLNK(mode):
                    if info.file_size > _LONGEST_LINK:
                        raise self._refused(info.filename, "a link without end")
                    self._links[path] = os.fsdecode(source.read(info))
                else:
                    with source.open(info) as content:
                        self._file(path, content, info.file_size, mode, calendar.timegm((*info.date_time, 0, 0, 0)))
        self._link_all()

    # --- members ----------------------------------------------------------------------------------------------------

    def _admitted(self, name: str, size: int) -> str:
        """Count a member, and return its path, relative and plain; "" for the top itself."""
        self._members += 1
        self._total += size
        if self._members > _MOST_MEMBERS or self._total > _MOST_BYTES:
            raise BadSource(
                f"`{self._name}` unpacks to more than {_MOST_BYTES >> 30} GiB or {_MOST_MEMBERS} files",
                hint="nothing of it was used",
            )
        return self._checked(name)

    def _checked(self, name: str) -> str:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name or (os.sep != "/" and (os.sep in name or ":" in name)):
            raise self._refused(name, "which leads out of it")
        return "/".join(parts)

    def _directory_at(self, path: str) -> None:
        if path in self._made:
            return
        self._directory_at(path.rpartition("/")[0])
        if path in self._files:
            raise self._refused(path, "once as a file and once as a directory")
        trees.make_directory(self._place(path))
        self._made.add(path)

    def _file(self, path: str, content: "IO[bytes]", size: int, mode: int, when: int) -> None:
        self._ready(path)
        bits = 0o755 if mode & 0o111 else 0o644
        times = max(when, _EARLIEST) * 1_000_000_000
        if size <= _PART:
            data = content.read(_PART + 1)
            if len(data) > _PART:
                raise self._refused(path, "which is larger than it says")
            files.write_new(self._place(path), data, bits, times)
            return
        with files.create_new(self._place(path), bits) as file:
            while data := content.read(_PART):
                size -= len(data)
                if size < 0:
                    raise self._refused(path, "which is larger than it says")
                file.write(data)
            file.set_times(times)
            file.keep()

    def _again(self, path: str, target: str) -> None:
        """Write a file once more that the archive holds under another name (a hard link)."""
        if target not in self._files:
            raise self._refused(path, f"a link to `{target}`, which is no file in it")
        if target == path:
            return
        self._ready(path)
        with open(self._place(target), "rb") as content:
            found = os.fstat(content.fileno())
            self._file(path, content, found.st_size, found.st_mode, int(found.st_mtime))

    def _ready(self, path: str) -> None:
        """Make room for a file: its directory is there, and a file of the same name, which came earlier, is not."""
        self._directory_at(path.rpartition("/")[0])
        if path in self._made:
            raise self._refused(path, "once as a directory and once as a file")
        if path in self._files:
            trees.remove(self._place(path))
        self._files.add(path)

    def _link_all(self) -> None:
        """Make the links, and see to it that all of them stay inside, however they are combined."""
        for path, target in self._links.items():
            if path in self._files or path in self._made:
                raise self._refused(path, "once as a link and once as a file or directory")
            if len(target) > _LONGEST_LINK or target.startswith("/") or "\0" in target or not target:
                raise self._refused(path, f"a link to `{target[:80]}`, which leads out of it")
            self._directory_at(path.rpartition("/")[0])
        for path, target in self._links.items():
            if path in self._made:
                raise self._refused(path, "once as a link and once as a directory")
            linking.symlink(target, self._place(path))
        root = os.path.realpath(self._directory) + os.sep
        for path, target in self._links.items():
            if not (os.path.realpath(self._place(path)) + os.sep).startswith(root):
                raise self._refused(path, f"a link to `{target}`, which leads out of it")

    def _place(self, path: str) -> str:
        return f"{self._directory}/{path}"

    def _refused(self, member: str, why: str) -> BadSource:
        return BadSource(
            f"`{self._name}` holds `{member}`, {why}",
            hint="the archive is damaged, or was made to do harm; nothing of it was used",
        )
