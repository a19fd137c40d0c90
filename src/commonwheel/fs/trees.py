"""Make, publish, rename and remove directories and files; what others may read is renamed away before it is deleted."""

import errno as numbers
import os
import stat

from commonwheel.fs import disk, files, modes
from commonwheel.fs.facts import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[str, str], None]
    Bytes = bytes | bytearray | memoryview

_NOT_EMPTY = frozenset({numbers.ENOTEMPTY, numbers.EEXIST})


def make_directory(path: str, mode: int = 0o777, *, parents: bool = False) -> bool:
    """Make a directory, and its `parents` with the same mode if asked; False if it is there already.

    A reader sees none or an empty one; with a literal mode, for an instant one with fewer rights. A link to a directory
    counts as one. A crash leaves it or does not.
    """
    try:
        disk.step("mkdir", path)
        os.mkdir(path, mode)
    except FileNotFoundError as error:
        above = disk.parent(path)
        if not parents or above == path:
            raise disk.DiskError("make_directory", path, error) from error
        make_directory(above, mode, parents=True)
        return make_directory(path, mode)
    except OSError as error:
        # automounters and read-only mounts answer EACCES, EROFS or ENOSYS for what exists
        if os.path.isdir(path):
            return False
        raise disk.DiskError("make_directory", path, error) from error
    if mode not in disk.BY_UMASK:
        modes.set_mode(path, mode)
    return True


def staging(directory: str, mode: int = 0o777) -> str:
    """Make a new empty directory under a temporary name in `directory` and return its path.

    Readers pass over such names. A crash leaves it to whoever cleans.
    """
    path = disk.temporary(directory)
    make_directory(path, mode)
    return path


def publish_tree(staged: str, final: str) -> bool:
    """Give a finished tree its name; False if `final` is there already: somebody else won, ours is erased.

    A reader sees nothing or everything; a crash leaves one of these. After a power cut files may lack their data, unless
    they were synced before (`sync_filesystem`). An empty directory at `final` is replaced. To be moved to another parent,
    `staged` itself must be writable for its owner: 0555 is for the directories below it.
    """
    before = None
    try:
        before = os.lstat(staged)
        disk.step("rename", final)
        os.rename(staged, final)
    except OSError as error:
        if error.errno in _NOT_EMPTY:
            erase(staged)
            return False
        # NFS: the reply was lost
        if error.errno == numbers.ENOENT and before is not None and disk.is_same(final, before):
            return True
        raise disk.DiskError("publish_tree", final, error) from error
    return True


def rename(source: str, path: str) -> None:
    """Rename a file over whatever file is at `path`, or a directory to where nothing (or an empty directory) is.

    A reader sees the old or the new, at both names; a crash leaves one of these. Of two names of one file the system
    keeps both and says "done": then `source` is removed here.
    """
    try:
        before = os.lstat(source)
        files.rename_over(source, path, before)
        if before.st_nlink > 1 and not stat.S_ISDIR(before.st_mode) and disk.is_same(source, before):
            disk.step("unlink", source)
            os.unlink(source)
    except OSError as error:
        raise disk.DiskError("rename", disk.named(error, path), error) from error


def retire(path: str, trash: str | None = None) -> str | None:
    """Rename `path`, file or tree, to a trash name in its directory (or in `trash`); return that, None if nothing was there.

    Those who have it open keep it, and the name is free at once. What `trash` does not take (another file system, a
    directory that its owner may not write) goes beside its old place. A crash leaves it under one of the two names.
    """
    here = disk.parent(path)
    if trash is not None and trash != here:
        try:
            moved = _retire_into(trash, path)
        except OSError:
            moved = None
        if moved is not None:
            return moved
    try:
        return _retire_into(here, path)
    except OSError as error:
        raise disk.DiskError("retire", path, error) from error


def _retire_into(directory: str, path: str) -> str | None:
    new = disk.temporary(directory, disk.TRASH)
    try:
        disk.step("rename", path)
        os.rename(path, new)
    except FileNotFoundError:
        # NFS: the reply was lost; nobody else would use this name
        return new if os.path.lexists(new) else None
    return new


def remove(path: str, *, missing_ok: bool = True) -> bool:
    """Remove the name of a file or link; False if it was not there. Its content lives on under other names."""
    try:
        disk.step("unlink", path)
        platform.unlink(path)
    except FileNotFoundError as error:
        if missing_ok:
            return False
        raise disk.DiskError("remove", path, error) from error
    except OSError as error:
        raise disk.DiskError("remove", path, error) from error
    return True


def remove_directory(path: str) -> bool:
    """Remove an empty directory; False if it is not there or not empty.

    The files that NFS keeps for those who have them open (`.nfs...`) are content: the directory stays for later.
    """
    try:
        disk.step("rmdir", path)
        os.rmdir(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NOT_EMPTY or (error.errno == numbers.EBUSY and not os.path.ismount(path)):
            return False
        raise disk.DiskError("remove_directory", path, error) from error
    return True


def erase(path: str) -> bool:
    """Delete a tree or file of ours, first its name, then its content; True when all of it is gone.

    A reader sees the whole tree or none, but for one who is inside already. No link is followed, not even one that
    somebody puts there meanwhile: everything is relative to open directories. What cannot be deleted (files that NFS
    holds, a mount, a foreign directory) stays under a trash name, without an error. A crash leaves trash.
    """
    if not os.path.basename(path.rstrip(os.sep)).startswith((disk.TEMPORARY, disk.TRASH)):
        try:
            retired = retire(path)
        except disk.DiskError:
            return False
        if retired is None:
            return True
        path = retired
    return _erase_file(path, None, path) or _erase_directory(path, None, path, None, 0)


def erase_in(directory: int | None, name: str, path: str) -> bool:
    """Delete the tree or file `name` of an open directory, whatever its path leads to by now; True when all of it is gone.

    `path` is for the observer, and for systems without open directories (None). No link is followed. A crash leaves a part.
    """
    if directory is None:
        return erase(path)
    return _erase_file(name, directory, path) or _erase_directory(name, directory, path, None, 0)


# How many directories of one tree are open at once; what lies deeper is first moved up to its top.
_DEPTH = 48


def _erase_directory(name: str, parent: int | None, path: str, top: int | None, depth: int) -> bool:
    """Delete the directory `name` of the open directory `parent`; `path` is for the observer and for systems without."""
    try:
        fd = platform.open_own_directory(name if parent is not None else path, parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        gone = _empty(fd, path, fd if top is None else top, depth)
        while gone and top is None and _has_moved_up(fd, path):
            gone = _empty(fd, path, fd, depth)
    finally:
        if fd is not None:
            disk.close_quietly(fd)
    try:
        disk.step("rmdir", path)
        os.rmdir(name if parent is not None else path, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return gone


def _empty(fd: int | None, path: str, top: int | None, depth: int) -> bool:
    try:
        with os.scandir(path if fd is None else fd) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    except OSError:
        return False
    gone = True
    for name, is_directory in entries:
        inner = f"{path}{os.sep}{name}"
        if not is_directory:
            gone &= _erase_file(name, fd, inner)
        elif depth >= _DEPTH and fd is not None:
            gone &= _move_up(name, fd, top, inner)
        else:
            gone &= _erase_directory(name, fd, inner, top, depth + 1)
    return gone


def _has_moved_up(fd: int | None, path: str) -> bool:
    """Return whether `_move_up` has left directories to delete; other names may stay for ever (NFS and its open files)."""
    with os.scandir(path if fd is None else fd) as found:
        return any(entry.name.startswith(disk.TRASH) and entry.is_dir(follow_symlinks=False) for entry in found)


def _erase_file(name: str, parent: int | None, path: str) -> bool:
    try:
        disk.step("unlink", path)
        platform.unlink(name if parent is not None else path, parent)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _move_up(name: str, parent: int, top: int | None, path: str) -> bool:
    try:
        disk.step("rename", path)
        os.rename(name, os.path.basename(disk.temporary("", disk.TRASH)), src_dir_fd=parent, dst_dir_fd=top)
    except OSError:
        return False
    return True
