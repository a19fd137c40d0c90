"""What an installed distribution holds of an environment, and what can be taken away with it.

Laws of this file: it reads and changes nothing; the transaction sets aside what stands in a `Clearing`. Nothing outside
the environment's own directories is ever named there, nothing behind a symbolic link, no file that a distribution which
stays lists as well, no file that nobody listed. Missing files are no news: they are gone already.
"""

import os

from commonwheel.errors import CommonwheelError
from commonwheel.fs import facts
from commonwheel.model import Value
from commonwheel.specs import entry_points, record
from commonwheel.specs import installed as specs_installed
from commonwheel.specs.parse_errors import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Final

    from commonwheel.model import Environment, Installed

CACHE = "__pycache__"
#: Files of an environment that make it one; a wheel that brings them takes it over, and one that lists them owns nothing.
GUARDED = ("pyvenv.cfg", ".cw", "conda-meta")
# what leads into an environment, with or without a suffix
_ACTIVATION = frozenset(("activate", "deactivate", "activate_this"))
EASY_INSTALL = "easy-install.pth"


class CannotUninstall(CommonwheelError):
    """A distribution cannot be removed from an environment without breaking something."""

    code = "cannot-uninstall"
    exit_status = 2


class Footprint(Value):
    """What one distribution holds: absolute `files` (or links), whole `directories`, and lines in `.pth` files.

    `outside` are the paths that it lists outside the environment, which stay.
    """

    __slots__ = ("directories", "files", "installed", "outside", "pth_lines")

    def __init__(
        self,
        installed: "Installed",
        files: "tuple[str, ...]" = (),
        directories: "tuple[str, ...]" = (),
        pth_lines: "tuple[tuple[str, str], ...]" = (),
        outside: "tuple[str, ...]" = (),
    ) -> None:
        self.installed: Final = installed
        self.files: Final = files
        self.directories: Final = directories
        self.pth_lines: Final = pth_lines
        self.outside: Final = outside


class Clearing(Value):
    """What a transaction takes away, as few paths as possible: a directory that is wholly ours is one of them.

    `listings` are the metadata directories, which go first, `paths` the rest; `rewrites` are files that get another
    content (None: go); `shared` are paths that stay since another distribution lists them; `outside` stay as well.
    """

    __slots__ = ("listings", "outside", "paths", "rewrites", "shared")

    def __init__(
        self,
        listings: "tuple[str, ...]" = (),
        paths: "tuple[str, ...]" = (),
        rewrites: "tuple[tuple[str, bytes], ...]" = (),
        shared: "tuple[str, ...]" = (),
        outside: "tuple[str, ...]" = (),
    ) -> None:
        self.listings: Final = listings
        self.paths: Final = paths
        self.rewrites: Final = rewrites
        self.shared: Final = shared
        self.outside: Final = outside


# --- one distribution ----------------------------------------------------------------------------------------------


def footprint(installed: "Installed", environment: "Environment") -> Footprint:
    """Return what an installed distribution holds; raise CannotUninstall when nobody can know that."""
    return footprints([installed], environment)[0]


def footprints(many: "Iterable[Installed]", environment: "Environment") -> "list[Footprint]":
    """Return what each of many distributions holds, as `footprint` does.

    An egg-info without a list of files that lies beside a dist-info of the same name is a leftover: it holds itself alone.
    """
    bounds = _Bounds(environment)
    many = list(many)
    listed = {(one.name, one.site) for one in many if one.form == "dist-info"}
    return [_leftover(one) if _is_leftover(one, listed) else _footprint(one, bounds) for one in many]


def _is_leftover(one: "Installed", listed: "set[tuple[str, str]]") -> bool:
    if (one.name, one.site) not in listed:
        return False
    if one.form == "egg-file":
        return True
    names = ("installed-files.txt", "top_level.txt")
    return (
        one.form == "egg-info"
        and not one.location.endswith("/EGG-INFO")
        and not any(os.path.exists(f"{one.location}/{name}") for name in names)
    )


def _leftover(one: "Installed") -> Footprint:
    if one.form == "egg-file":
        return Footprint(one, (one.location,))
    return Footprint(one, (), (one.location,))


def _footprint(installed: "Installed", bounds: "_Bounds") -> Footprint:
    if installed.form == "dist-info":
        return _by_record(installed, bounds)
    if installed.form == "egg-link":
        return _of_egg_link(installed)
    if installed.form == "egg-info":
        return _of_egg_info(installed, bounds)
    raise CannotUninstall(
        f"`{installed.name}` {installed.version} was installed by distutils, which keeps no list of files",
        context=(f"installed as: {installed.location}",),
        hint=f"delete the files of `{installed.name}` by hand, or make a new environment",
    )


def _by_record(installed: "Installed", bounds: "_Bounds") -> Footprint:
    path = f"{installed.location}/RECORD"
    try:
        data = _read(path)
    except FileNotFoundError:
        raise _without_record(installed) from None
    try:
        rows = own_paths(data, installed.site)
    except Malformed as error:
        raise CannotUninstall(
            f"the RECORD of `{installed.name}` cannot be read: {error.message}",
            context=(path, *error.context),
            hint=f"cw pip install --reinstall {installed.name}=={installed.version}",
        ) from error
    files, outside = bounds.placed(rows, installed.site)
    return Footprint(installed, files, (installed.location,), (), outside)


def _without_record(installed: "Installed") -> CannotUninstall:
    who = installed.installer or "another installer"
    hint = f"delete `{installed.location}` and the files of `{installed.name}` by hand, or make a new environment"
    if who == "conda":
        hint = f"conda remove {installed.name}"
    elif installed.site.startswith("/usr/lib/"):
        who, hint = "the operating system", "use the system's package manager, or a virtual environment"
    return CannotUninstall(
        f"`{installed.name}` {installed.version} was installed by {who} without RECORD, so nobody knows its files",
        context=(f"installed as: {installed.location}",),
        hint=hint,
    )


def own_paths(data: bytes, site: str) -> "list[str]":
    """Return the paths of a RECORD as they stand there, without those that lie behind a folded directory's link.

    cw writes the links of a folded distribution first, with neither hash nor size: whatever is listed below them belongs
    to the store.
    """
    if b'"' in data or b"\r" in data or b"\\" in data:
        return _not_behind([row[0] for row in record.parse(data)], site)
    lines = _after_links(str(data, "utf-8", "surrogateescape"), site)
    return [line.split(",", 1)[0] for line in lines if line]


def folded_links(data: bytes) -> "list[str]":
    """Return the paths that may be links of folded directories: the rows without hash at the head of a RECORD."""
    links = []
    for line in data.split(b"\n"):
        if not line.endswith(b",,") or b'"' in line or line.endswith(b".dist-info/RECORD,,"):
            break
        links.append(str(line[:-2], "utf-8", "surrogateescape"))
    return links


def _after_links(text: str, site: str) -> "list[str]":
    """Return the lines of a RECORD but for those behind the links at its head."""
    links: list[str] = []
    at = 0
    while (end := text.find(",,\n", at)) >= 0 and "\n" not in text[at:end]:
        if os.path.islink(f"{site}/{text[at:end]}"):
            links.append(text[at:end])
        at = end + 3
    for link in links:
        text = _without(text, f"\n{link}/")
    return text.split("\n")


def _without(text: str, start: str) -> str:
    """Return a text without the lines that begin so, which mostly lie together: thousands of them, so they go all at once."""
    first = text.find(start)
    if first < 0:
        return text
    end = text.find("\n", text.rfind(start) + 1)
    block = text[first : end if end >= 0 else None]
    others = []
    if block.count("\n") != block.count(start):
        others = [line for line in block[1:].split("\n") if not line.startswith(start[1:])]
    return "\n".join([text[:first], *others]) + text[first + len(block) :]


def _not_behind(paths: "list[str]", site: str) -> "list[str]":
    links = tuple([f"{path}/" for path in paths if os.path.islink(f"{site}/{path}")])
    return [path for path in paths if not path.startswith(links)] if links else paths


class _Bounds:
    """Return which paths of a list lie inside an environment; the disk is asked once for each directory."""

    def __init__(self, environment: "Environment") -> None:
        self._root = environment.root
        self._scripts = environment.paths["scripts"]
        self._guarded = tuple(f"{environment.root}/{name}" for name in GUARDED)
        spelt = sorted({environment.root, *environment.paths.values()}, key=len, reverse=True)
        # the directories that are the environment's, as spelt and as resolved; the deepest first
        self._roots = [(path, os.path.realpath(path)) for path in spelt]
        self._spelt: dict[str, str] = {}
        self._real: dict[str, str] = {}

    def placed(self, paths: "Iterable[str]", site: str) -> "tuple[tuple[str, ...], tuple[str, ...]]":
        """Return the absolute paths inside the environment, and those that are not."""
        inside: list[str] = []
        outside: list[str] = []
        exposed = GUARDED if site == self._root else ()
        for path in paths:
            if ".." not in path and not path.startswith(("/", *exposed)):
                inside.append(f"{site}/{path}")
                continue
            absolute = os.path.normpath(os.path.join(site, path))
            directory, _, name = absolute.rpartition("/")
            within = self._within(directory)
            if within and not self._is_of_environment(f"{within}/{name}"):
                inside.append(f"{within}/{name}")
            else:
                outside.append(absolute)
        return tuple(inside), tuple(outside)

    def _is_of_environment(self, path: str) -> bool:
        """Return whether a path makes the environment one, so that no distribution can own it: an interpreter, its settings."""
        directory, _, name = path.rpartition("/")
        if directory == self._scripts:
            return entry_points.is_interpreter(name) or name.lower().partition(".")[0] in _ACTIVATION
        return path in self._guarded or path.startswith(tuple([f"{guarded}/" for guarded in self._guarded]))

    def _within(self, directory: str) -> str:
        """Return a directory as the environment spells it, "" if it is not below one of its own.

        The directory as it is on the disk counts: `share -> /usr/share` is not the environment's any more.
        """
        known = self._spelt.get(directory)
        if known is None:
            real = f"{self._resolved(directory)}/"
            found = next((f"{root}{real[len(own) :]}" for root, own in self._roots if real.startswith(f"{own}/")), "")
            known = self._spelt[directory] = found.rstrip("/")
        return known

    def _resolved(self, directory: str) -> str:
        """Return what `os.path.realpath` does; each directory above is asked for once, not for all below it."""
        known = self._real.get(directory)
        if known is None:
            above, _, name = directory.rpartition("/")
            path = os.path.join(self._resolved(above), name) if above else directory
            known = self._real[directory] = os.path.realpath(path) if not above or os.path.islink(path) else path
        return known


def _of_egg_link(installed: "Installed") -> Footprint:
    project = specs_installed.parse_egg_link(str(_read(installed.location), "utf-8", "replace"))
    project = project or installed.editable
    return Footprint(
        installed, (installed.location,), (), ((f"{installed.site}/{EASY_INSTALL}", project),) if project else ()
    )


def _of_egg_info(installed: "Installed", bounds: "_Bounds") -> Footprint:
    """Read `installed-files.txt` (pip's legacy installs), else `top_level.txt` (easy_install's)."""
    location = installed.location
    if location.endswith("/EGG-INFO"):
        egg = os.path.dirname(location)
        line = (f"{installed.site}/{EASY_INSTALL}", f"./{os.path.basename(egg)}")
        return Footprint(installed, (), (egg,), (line,))
    try:
        listed = str(_read(f"{location}/installed-files.txt"), "utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        pass
    else:
        relative = [os.path.normpath(os.path.join(os.path.basename(location), path)) for path in listed if path]
        files, outside = bounds.placed(relative, installed.site)
        return Footprint(installed, files, (location,), (), outside)
    names = _lines(f"{location}/top_level.txt")
    # an empty list is one: `setup.py install` of a project without modules, and packages of distributions, leave it so
    if not names and not os.path.isfile(f"{location}/top_level.txt"):
        raise CannotUninstall(
            f"`{installed.name}` {installed.version} keeps no list of its files",
            context=(f"installed as: {location}",),
            hint=f"delete the files of `{installed.name}` by hand, or make a new environment",
        )
    shared = set(_lines(f"{location}/namespace_packages.txt"))
    modules = [name for name in names if name not in shared and name.isidentifier()]
    site = installed.site
    return Footprint(
        installed,
        tuple(f"{site}/{name}{suffix}" for name in modules for suffix in (".py", ".pyc", ".so")),
        (location, *(f"{site}/{name}" for name in modules)),
    )


def _lines(path: str) -> "list[str]":
    try:
        return str(_read(path), "utf-8", "surrogateescape").split()
    except FileNotFoundError:
        return []


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


# --- many of them --------------------------------------------------------------------------------------------------


def clearing(
    footprints: "Sequence[Footprint]", environment: "Environment", kept: "Sequence[Installed]" = ()
) -> Clearing:
    """Return what goes with the distributions of `footprints`, while those in `kept` stay whole.

    Costs one `scandir` for each directory that they hold, and one read for each RECORD in `kept`.
    """
    if not footprints:
        return Clearing()
    files = [path for one in footprints for path in one.files]
    listings = {one.installed.location for one in footprints}
    whole = {path for one in footprints for path in one.directories}
    shared = _also_listed(files, kept)
    if shared:
        files = [path for path in files if path not in shared]
    # what old tools left names its modules without a list of files
    claimed = _also_held(whole - listings, kept)
    whole -= claimed
    shared |= claimed
    sweep = _Sweep(files, whole, environment)
    paths = sweep.paths()
    rewrites = tuple(_without_lines([line for one in footprints for line in one.pth_lines]).items())
    return Clearing(
        tuple(path for path in paths if path in listings),
        tuple(path for path in paths if path not in listings),
        rewrites,
        tuple(sorted(shared)),
        tuple(path for one in footprints for path in one.outside),
    )


def protected(environment: "Environment") -> "frozenset[str]":
    """Return the directories that stay even when they are empty: those of the schemes, and what leads to them."""
    schemes = [environment.root, environment.paths["purelib"], environment.paths["platlib"], environment.paths["data"]]
    if environment.kind not in {"target", "prefix"}:
        schemes += [environment.paths["scripts"], environment.paths["include"]]
    found = set()
    for path in schemes:
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return frozenset(found)


def _also_listed(files: "Sequence[str]", kept: "Sequence[Installed]") -> "set[str]":
    """Return those of `files` that a distribution lists which stays: two packages may own one `tests/__init__.py`."""
    by_site: dict[str, set[bytes]] = {}
    for one in kept:
        if one.form == "dist-info" and one.own and one.site not in by_site:
            by_site[one.site] = _tops(files, one.site)
    wanted: set[str] = set()
    known = frozenset(files)
    for one in kept:
        tops = by_site.get(one.site)
        if not tops or one.form != "dist-info":
            continue
        try:
            data = b"\n" + _read(f"{one.location}/RECORD")
        except OSError:
            continue
        # a substring search in the whole rules out nearly every RECORD before a line is looked at
        if not any(top in data for top in tops):
            continue
        for line in data.split(b"\n"):
            path = f"{one.site}/{str(line.partition(b',')[0], 'utf-8', 'surrogateescape')}"
            path = os.path.normpath(path) if ".." in path else path
            if path in known:
                wanted.add(path)
    return wanted


def _also_held(directories: "Collection[str]", kept: "Sequence[Installed]") -> "set[str]":
    """Return those of `directories` in which a distribution that stays has files."""
    held: set[str] = set()
    for one in kept if directories else ():
        names = _modules(one)
        held.update(
            path for path in directories if path.startswith(f"{one.site}/") and path[len(one.site) + 1 :] in names
        )
    return held


def _modules(one: "Installed") -> "set[str]":
    """Return the names in its site that a distribution has files below, as far as it tells them."""
    if one.form != "dist-info":
        return set(_lines(f"{one.location}/top_level.txt")) if os.path.isdir(one.location) else set()
    try:
        rows = record.parse(_read(f"{one.location}/RECORD"))
    except (OSError, Malformed):
        return set()
    return {row[0].partition("/")[0] for row in rows}


def _tops(files: "Iterable[str]", site: str) -> "set[bytes]":
    """Return how the lines of a RECORD in `site` would start that lists one of `files`."""
    start = f"{site}/"
    tops = set()
    for path in files:
        if path.startswith(start):
            head, slash, _ = path[len(start) :].partition("/")
            tops.add(f"\n{head}{slash or ','}")
        else:
            tops.add(f"\n{os.path.relpath(path, site)},")
    return {top.encode("utf-8", "surrogateescape") for top in tops if not top.endswith(".dist-info/")}


def owners(paths: "Collection[str]", kept: "Sequence[Installed]") -> "dict[str, str]":
    """Return which of the distributions `kept` lists each of `paths`, for those that one does."""
    found: dict[str, str] = {}
    for one in kept:
        if one.form == "dist-info":
            for path in _also_listed(tuple(paths), (one,)):
                found[path] = one.name
    return found


def _without_lines(lines: "Sequence[tuple[str, str]]") -> "Mapping[str, bytes]":
    """Return the content that `.pth` files have without some lines."""
    found: dict[str, bytes] = {}
    for path, line in lines:
        try:
            data = found[path] if path in found else _read(path)
        except FileNotFoundError:
            continue
        unwanted = line.encode("utf-8", "surrogateescape").rstrip(b"/")
        left = [one for one in data.splitlines(keepends=True) if one.strip().rstrip(b"/") != unwanted]
        found[path] = b"".join(left)
    return found


class _Sweep:
    """Walk the directories that are claimed, top down, and gather what is wholly claimed in as few paths as possible."""

    def __init__(self, files: "Iterable[str]", whole: "Iterable[str]", environment: "Environment") -> None:
        self._protected = protected(environment)
        self._sites = tuple({f"{environment.paths[name]}/" for name in ("purelib", "platlib")})
        self._names: dict[str, set[str]] = {}
        self._below: dict[str, set[str]] = {}
        self._mounts: Collection[str] | None = None
        self._whole = frozenset(whole)
        for path in files:
            directory, _, name = path.rpartition("/")
            names = self._names.get(directory)
            if names is None:
                names = self._names[directory] = set()
                self._lead_to(directory)
            names.add(name)
        for path in self._whole:
            self._lead_to(path)

    def _lead_to(self, directory: str) -> None:
        while directory and directory not in self._protected:
            parent, _, name = directory.rpartition("/")
            names = self._below.setdefault(parent, set())
            if name in names:
                return
            names.add(name)
            directory = parent

    def paths(self) -> "list[str]":
        """Return the paths that go."""
        starts = sorted(path for path in self._protected if path in self._names or path in self._below)
        found: list[str] = []
        for path in starts:
            self._walk(path, found)
        return found

    def _walk(self, directory: str, found: "list[str]") -> bool:
        """Add to `found` what goes in `directory`; True when nothing else is there, and then only the directory was added."""
        names = self._names.get(directory, set())
        below = self._below.get(directory, set())
        guarded = directory in self._protected
        mine: list[str] = []
        alone = not guarded
        try:
            with os.scandir(directory) as scan:
                entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
        except (FileNotFoundError, NotADirectoryError):
            return False
        for name, is_directory in entries:
            path = f"{directory}/{name}"
            if not is_directory:
                if name in names:
                    mine.append(path)
                else:
                    alone = False
            elif path in self._protected:
                alone = False
            elif name in below or (name == CACHE and names):
                alone &= self._inside(path, names, mine)
            elif alone:
                alone = _bare(path)
        if alone and not self._is_mount_point(directory):
            found.append(directory)
            return True
        found += mine
        return False

    def _is_mount_point(self, directory: str) -> bool:
        """Return whether a file system is mounted here, which cannot be moved. Nobody mounts anything among modules."""
        if directory.startswith(self._sites):
            return False
        if self._mounts is None:
            self._mounts = facts.mount_points()
        # hardly ever does a mount have the name of a directory that goes: so hardly ever is a path resolved
        name = directory.rpartition("/")[2]
        return any(point.rpartition("/")[2] == name and point == os.path.realpath(directory) for point in self._mounts)

    def _inside(self, path: str, names: "set[str]", mine: "list[str]") -> bool:
        if path in self._whole:
            mine.append(path)
            return True
        if path.endswith(f"/{CACHE}"):
            self._claim_compiled(path, names)
        return self._walk(path, mine)

    def _claim_compiled(self, directory: str, sources: "set[str]") -> None:
        """Claim `x.cpython-311.opt-1.pyc` where `x.py` is claimed: whoever imported the module wrote it, nobody listed it."""
        claimed = self._names.setdefault(directory, set())
        for name in os.listdir(directory):
            if name.endswith(".pyc") and f"{name.partition('.')[0]}.py" in sources:
                claimed.add(name)


def _bare(directory: str) -> bool:
    """Return whether a directory holds nothing but empty directories."""
    with os.scandir(directory) as scan:
        return all(entry.is_dir(follow_symlinks=False) and _bare(entry.path) for entry in scan)
