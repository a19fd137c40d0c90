"""Make virtual environments (PEP 405), without starting an interpreter.

A new one appears as a whole: it is laid out under a temporary name beside its place and renamed. Where that cannot be (a
directory that is there already: a mount, the current directory, a parent that is somebody else's) it is laid out in
place, and `pyvenv.cfg`, which makes it an environment, is written last.

Laws of this file: it changes the disk through `fs.disk` alone, so nothing that is in the way is ever written to: files and
links are replaced as names.
"""

import errno as numbers
import os

from commonwheel import __version__
from commonwheel.errors import UsageError
from commonwheel.fs import disk, files, linking, trees
from commonwheel.fs.disk import DiskError
from commonwheel.model import Interpreter, Value
from commonwheel.python import activation
from commonwheel.python import request as requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

CONFIG = "pyvenv.cfg"
_TAG = """\
Signature: 8a477f597d28d172789f06886806bc55
# This directory can be made again, so backups may leave it out: https://bford.info/cachedir/
"""
# What file systems without symbolic links answer (vfat, exFAT, some SMB and FUSE mounts).
_NO_LINKS = frozenset({numbers.EPERM, numbers.EOPNOTSUPP, numbers.ENOSYS, numbers.EINVAL, numbers.EACCES})
# What is answered where a directory cannot be renamed, though what is in it can be changed.
_FIXED = frozenset({numbers.EBUSY, numbers.EACCES, numbers.EPERM, numbers.EROFS, numbers.EXDEV, numbers.ENOSPC})


class EnvironmentExists(UsageError):
    """There is something where an environment was to be made."""

    code = "environment-exists"


class Options(Value):
    """How an environment is to be made; `prompt` is "" for the name of its directory.

    A `bare` one is for programs and lives shortly: it has no scripts to activate it, and no marks for backups and git.
    """

    __slots__ = ("allow_existing", "bare", "clear", "force", "prompt", "relocatable", "system_site_packages")

    def __init__(
        self,
        *,
        prompt: str = "",
        system_site_packages: bool = False,
        clear: bool = False,
        allow_existing: bool = False,
        force: bool = False,
        relocatable: bool = False,
        bare: bool = False,
    ) -> None:
        self.prompt: Final = prompt
        self.system_site_packages: Final = system_site_packages
        self.clear: Final = clear
        self.allow_existing: Final = allow_existing
        self.force: Final = force
        self.relocatable: Final = relocatable
        self.bare: Final = bare


def create(path: str, interpreter: Interpreter, options: Options | None = None) -> str:
    """Make a virtual environment of an interpreter (of its base, if it is one itself); return its absolute path.

    An empty directory is filled. What else is there is refused (EnvironmentExists), or with `clear` moved aside and erased
    (only an environment, unless `force`), or with `allow_existing` kept, except what has to be replaced.
    """
    options = options or Options()
    root = os.path.abspath(path)
    _check_text("path", root)
    _check_text("prompt", options.prompt)
    place = _place(root)
    here = _listed(place)
    if here is None:
        trees.make_directory(os.path.dirname(place), parents=True)
        _publish(place, root, interpreter, options)
    elif here and options.clear:
        _refuse_to_clear(place, root, here, options)
        _replace(place, root, interpreter, options)
    elif here and not options.allow_existing:
        kind = "virtual environment" if CONFIG in here else "directory"
        raise EnvironmentExists(
            f"a {kind} already exists at `{path}`",
            hint=f"use the `--clear` flag or set `CW_VENV_CLEAR=1` to replace the existing {kind}",
        )
    else:
        _fill(place, root, interpreter, options, _InPlace())
    return root


def _check_text(what: str, text: str) -> None:
    """Refuse what the lines of `pyvenv.cfg` and of scripts cannot hold."""
    if any(letter in text for letter in "\n\r\0"):
        raise UsageError(f"the {what} of an environment must be one line, not `{text!r}`")


def _place(root: str) -> str:
    """Return where a path really leads, so that a link to a directory stays one."""
    if os.path.islink(root):
        if os.path.isdir(root):
            return os.path.realpath(root)
        raise EnvironmentExists(f"`{root}` is a link that leads nowhere", hint="remove it first")
    return root


def _listed(place: str) -> "list[str] | None":
    """Return the names in a directory, None where there is nothing."""
    try:
        return os.listdir(place)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        blocked = place
        while not os.path.lexists(blocked) or os.path.isdir(blocked):
            blocked = os.path.dirname(blocked)
        raise EnvironmentExists(f"`{blocked}` is a file", hint="remove it, or choose another place") from error
    except OSError as error:
        raise EnvironmentExists(f"cannot read `{place}`", context=(str(error.strerror),)) from error


def _refuse_to_clear(place: str, root: str, here: "list[str]", options: Options) -> None:
    if os.path.dirname(place) == place or os.path.realpath(os.path.expanduser("~")) == os.path.realpath(place):
        raise EnvironmentExists(f"`{root}` will not be cleared", hint="choose a directory of its own")
    if CONFIG not in here and not options.force:
        raise EnvironmentExists(
            f"`{root}` is not a virtual environment, and will not be cleared",
            hint="use the `--force` flag to remove the existing directory anyway",
        )


# --- ways to make it ------------------------------------------------------------------------------------------------


def _publish(place: str, root: str, interpreter: Interpreter, options: Options) -> None:
    """Lay it out beside its place and give it its name."""
    staged = _staged(place, root, interpreter, options)
    try:
        published = trees.publish_tree(staged, place)
    except BaseException:
        trees.erase(staged)
        raise
    if not published and options.allow_existing:
        # another task of the same job was faster: what it made is kept as if it had been there before
        _fill(place, root, interpreter, options, _InPlace())
    elif not published:
        raise EnvironmentExists(f"`{root}` was made by somebody else meanwhile", hint="use the `--clear` flag")


def _staged(place: str, root: str, interpreter: Interpreter, options: Options) -> str:
    staged = trees.staging(os.path.dirname(place))
    try:
        _fill(staged, root, interpreter, options, _Fresh())
    except BaseException:
        trees.erase(staged)
        raise
    return staged


def _replace(place: str, root: str, interpreter: Interpreter, options: Options) -> None:
    """Put a new environment in the place of what is there; until the new one is ready the old one stays."""
    if not _is_fixed(place):
        try:
            staged = _staged(place, root, interpreter, options)
        except DiskError as error:
            if error.errno not in _FIXED:
                raise
        else:
            if _swap(staged, place):
                return
    old = _aside(place)
    _fill(place, root, interpreter, options, _InPlace())
    for trash in old:
        trees.erase(trash)


def _is_fixed(place: str) -> bool:
    """Return whether somebody stands in a directory (this process, and so most likely its shell) or it is a mount."""
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:
        return False
    real = os.path.realpath(place)
    return here == real or here.startswith(real + os.sep) or os.path.ismount(place)


def _swap(staged: str, place: str) -> bool:
    """Move the old tree aside and the new one in; False when the old one cannot be moved."""
    try:
        old = trees.retire(place)
    except DiskError as error:
        trees.erase(staged)
        if error.errno in _FIXED:
            return False
        raise
    try:
        if not trees.publish_tree(staged, place):
            raise EnvironmentExists(f"`{place}` was made by somebody else meanwhile")  # noqa: TRY301 - undone below
    except BaseException:
        trees.erase(staged)
        if old is not None and not os.path.lexists(place):
            trees.rename(old, place)
        raise
    if old is not None:
        trees.erase(old)
    return True


def _aside(place: str) -> "list[str]":
    """Move all that is in a directory aside, `pyvenv.cfg` first: what is half cleared must not look whole."""
    names = sorted(_listed(place) or (), key=lambda name: (name != CONFIG, name))
    retired = [trees.retire(os.path.join(place, name)) for name in names]
    return [trash for trash in retired if trash is not None]


# --- its content ----------------------------------------------------------------------------------------------------


class _Fresh:
    """Put things into a tree that nobody knows yet."""

    def directory(self, path: str) -> None:
        trees.make_directory(path)

    def file(self, path: str, text: str) -> None:
        files.write_new(path, os.fsencode(text))

    def link(self, target: str, path: str) -> None:
        linking.symlink(target, path)

    def copy(self, source: str, path: str) -> None:
        linking.copy(source, path, 0o777)


class _InPlace:
    """Put things where others may be: each name is replaced in one step."""

    def directory(self, path: str) -> None:
        if not trees.make_directory(path) and not os.path.isdir(path):
            raise EnvironmentExists(f"`{path}` is in the way", hint="remove it")

    def file(self, path: str, text: str) -> None:
        files.write(path, os.fsencode(text))

    def link(self, target: str, path: str) -> None:
        linking.swap_link(target, path)

    def copy(self, source: str, path: str) -> None:
        temporary = disk.temporary(os.path.dirname(path))
        linking.copy(source, temporary, 0o777)
        trees.rename(temporary, path)


def _fill(place: str, root: str, interpreter: Interpreter, options: Options, way: "_Fresh | _InPlace") -> None:
    """Lay out an environment at `place` that will be known as `root`."""
    scheme = interpreter.venv_paths
    made = {place}

    def directory(relative: str) -> str:
        path = place
        for part in relative.split("/"):
            path = f"{path}{os.sep}{part}"
            if path not in made:
                made.add(path)
                way.directory(path)
        return path

    if not os.path.isdir(place):
        way.directory(place)
    directory(scheme["purelib"])
    _link_lib64(place, scheme["platlib"], way, directory)
    binaries = directory(scheme["scripts"])
    _interpreters(binaries, interpreter, way)
    prompt = options.prompt or (os.path.basename(os.path.dirname(root)) if os.path.basename(root) == ".venv" else "")
    if not options.bare:
        texts = activation.scripts(root, prompt, scheme["purelib"], relocatable=options.relocatable)
        for name, text in texts.items():
            way.file(f"{binaries}{os.sep}{name}", text)
        way.file(f"{place}{os.sep}.gitignore", "*\n")
        way.file(f"{place}{os.sep}CACHEDIR.TAG", _TAG)
    way.file(f"{place}{os.sep}{CONFIG}", _config(interpreter, prompt, options))


def _link_lib64(place: str, platlib: str, way: "_Fresh | _InPlace", directory: "Callable[[str], str]") -> None:
    """Make `lib64` a link to `lib`: 64-bit Linux distributions look there, and one tree must serve both names."""
    path = f"{place}{os.sep}lib64"
    if os.name == "posix" and not os.path.lexists(path):
        try:
            way.link("lib", path)
        except DiskError as error:
            if error.errno not in _NO_LINKS:
                raise
    if platlib.startswith("lib64/") and not os.path.isdir(os.path.join(place, platlib)):
        directory(platlib)


def _interpreters(binaries: str, interpreter: Interpreter, way: "_Fresh | _InPlace") -> None:
    """Give the interpreter its names; where there are no links, as copies."""
    base = interpreter.base_executable
    first, *others = _names(interpreter)
    try:
        way.link(base, f"{binaries}{os.sep}{first}")
    except DiskError as error:
        if error.errno not in _NO_LINKS:
            raise
        for name in (first, *others):
            way.copy(base, f"{binaries}{os.sep}{name}")
        return
    for name in others:
        way.link(first, f"{binaries}{os.sep}{name}")


def _names(interpreter: Interpreter) -> "list[str]":
    short = f"{interpreter.version[0]}.{interpreter.version[1]}"
    names = ["python", "python3", f"python{short}"]
    if requests.is_free_threaded(interpreter):
        names.append(f"python{short}t")
    if interpreter.implementation != "cpython":
        names += [interpreter.implementation, f"{interpreter.implementation}3", f"{interpreter.implementation}{short}"]
    return names


def _config(interpreter: Interpreter, prompt: str, options: Options) -> str:
    lines = [
        f"home = {os.path.dirname(interpreter.base_executable)}",
        f"implementation = {interpreter.markers['platform_python_implementation']}",
        f"commonwheel = {__version__}",
        f"version_info = {interpreter.version[0]}.{interpreter.version[1]}.{interpreter.version[2]}",
        f"include-system-site-packages = {str(options.system_site_packages).lower()}",
    ]
    if options.relocatable:
        lines.append("relocatable = true")
    if prompt:
        lines.append(f"prompt = {prompt}")
    return "\n".join([*lines, ""])
