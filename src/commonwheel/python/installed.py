"""What is installed in an environment, and in the layers that it imports from.

Listing costs one directory read for each place and one for each distribution: 143 of them in 3 ms. Names and versions come
from directory names; a file is opened only where the name does not tell, for `direct_url.json`, and for `.pth` files.

`own` distributions lie in the environment's own site directories and may be changed. All of them are told, two of one name
in one place too, since whatever replaces one has to remove both: of such the last is the one changed last. From layers (a
base interpreter below `--system-site-packages`, directories of `.pth` files, PYTHONPATH) only what the environment
itself does not have is told, the first on `sys.path` of each name.

Laws of this file: it reads; what is broken is told to the reporter and left out, and nothing that lies in a site directory
makes it fail.
"""

import os

from commonwheel.events import Silence
from commonwheel.model import Environment, Installed
from commonwheel.specs import installed as spec
from commonwheel.specs.installed import DIST_INFO, EGG_INFO, EGG_LINK, InvalidInstalled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonwheel.events import Reporter

_EGG = ".egg"


def installed(environment: Environment, reporter: "Reporter | None" = None) -> "tuple[Installed, ...]":
    """Return every distribution that an environment can import, by name, own ones before those of layers.

    `installer` is not read (see `details`); `direct_url` is.
    """
    tell = reporter or Silence()
    sites = _own_sites(environment)
    own: list[Installed] = []
    added: list[str] = []
    for site in sites:
        found, further = _scan(site, True, tell)
        own += _in_order(found, tell)
        added += further
    names = {one.name for one in own}
    layered: dict[str, Installed] = {}
    for one in _layered(environment, sites, added, tell):
        if one.name not in names:
            layered.setdefault(one.name, one)
        elif one.site not in environment.interpreter.sys_path and one.site not in added:
            tell.note("info", f"`{one.name}` {one.version} of PYTHONPATH (`{one.site}`) hides the environment's own")
    return tuple(sorted([*own, *layered.values()], key=lambda one: one.name))


def _layered(
    environment: Environment, sites: "Sequence[str]", added: "Sequence[str]", tell: "Reporter"
) -> "Iterator[Installed]":
    """Yield what layers hold, in the order of `sys.path`: PYTHONPATH, then what own `.pth` files add, then the rest."""
    known = frozenset(environment.interpreter.sys_path)
    queue = [place for place in environment.layers if place not in known]
    queue += [*added, *(place for place in environment.layers if place in known)]
    read = {os.path.realpath(site) for site in sites}
    for place in queue:  # it grows while it is read
        real = os.path.realpath(place)
        if real not in read:
            read.add(real)
            found, further = _scan(place, False, tell)
            if place in known:  # `site` reads the .pth files of site directories only
                queue += further
            yield from found


def details(one: Installed) -> Installed:
    """Return a distribution with what `installed` leaves out for speed: who installed it."""
    return one.replaced(installer=_text(os.path.join(one.location, "INSTALLER")).strip()) if not one.installer else one


def metadata_path(one: Installed) -> str:
    """Return the path of the file with the core metadata of a distribution; "" when an egg-link leads nowhere."""
    if one.form == "dist-info":
        return os.path.join(one.location, "METADATA")
    if one.form == "egg-info":
        return os.path.join(one.location, "PKG-INFO")
    if one.form == "egg-file":
        return one.location
    for name in _listed(one.site):
        if name.endswith(EGG_INFO):
            return os.path.join(one.site, name, "PKG-INFO")
    return ""


def read_metadata(one: Installed) -> bytes:
    """Return the core metadata of a distribution; raise OSError when it cannot be read.

    Old setuptools leaves what an egg-info requires in `requires.txt`; it is told as `Requires-Dist`, as importlib.metadata
    does it.
    """
    path = metadata_path(one)
    with open(path, "rb") as file:
        data = file.read()
    if one.form in ("egg-info", "egg-link") and b"\nRequires-Dist:" not in data:
        required = _text(os.path.join(os.path.dirname(path), "requires.txt"))
        data = b"".join(b"Requires-Dist: %s\n" % line.encode() for line in _required(required)) + data
    return data


def _required(text: str) -> "Iterator[str]":
    """Yield the lines of a `requires.txt` as requirements: a section is `[extra]`, `[:marker]` or `[extra:marker]`."""
    condition = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            told = f'extra == "{extra}"' if extra else ""
            marker = f"({marker})" if marker and extra else marker
            condition = " and ".join(filter(None, [marker, told]))
        elif line and line[0] != "#":
            space = " " if "@" in line else ""  # a URL ends at a space only
            yield f"{line}{space}; {condition}" if condition else line


def _own_sites(environment: Environment) -> "list[str]":
    """Return the directories that wheels are installed to; `lib64` is often a link to `lib`."""
    pure, plat = environment.paths["purelib"], environment.paths["platlib"]
    return [pure] if pure == plat or os.path.realpath(pure) == os.path.realpath(plat) else [pure, plat]


def _in_order(found: "list[Installed]", tell: "Reporter") -> "list[Installed]":
    """Return the distributions of one directory; of two with one name the one changed last comes last, and it is told."""
    names = [one.name for one in found]
    if len(set(names)) == len(names):
        return found
    for name in sorted({name for name in names if names.count(name) > 1}):
        places = ", ".join(f"`{os.path.basename(one.location)}`" for one in found if one.name == name)
        tell.note("warning", f"`{name}` is installed more than once in `{found[0].site}`: {places}")
    return sorted(found, key=lambda one: (one.name, _changed(one.location)))


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


# --- one directory --------------------------------------------------------------------------------------------------


def _listed(directory: str) -> "list[str]":
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _scan(site: str, own: bool, tell: "Reporter") -> "tuple[list[Installed], list[str]]":
    """Return the distributions in a directory, and the directories that its `.pth` files add."""
    found: list[Installed] = []
    added: list[str] = []
    try:
        names = sorted(os.listdir(site))
    except FileNotFoundError:
        return found, added
    except OSError as error:
        tell.note("warning", f"cannot read `{site}`, what is installed there is not known: {error.strerror}")
        return found, added
    for name in names:
        if not name.endswith((DIST_INFO, EGG_INFO, EGG_LINK, _EGG, ".pth")):
            continue
        path = f"{site}{os.sep}{name}"
        if name[0] == "~":
            tell.note("warning", f"`{path}` is a leftover of an interrupted pip; it can be removed")
            continue
        if name.endswith(".pth"):
            if name[0] != ".":
                added += _path_lines(path, site)
            continue
        one = _read(path, name, site, own, tell)
        if one is not None:
            found.append(one)
    return found, added


def _read(path: str, name: str, site: str, own: bool, tell: "Reporter") -> Installed | None:
    try:
        if name.endswith(DIST_INFO):
            return _dist_info(path, name, site, own, tell)
        if name.endswith(EGG_LINK):
            return _egg_link(path, own, tell)
        if name.endswith(_EGG):
            inside = os.path.join(path, "EGG-INFO")
            return _egg_info(inside, name.removesuffix(_EGG) + EGG_INFO, path, own) if os.path.isdir(inside) else None
        return _egg_info(path, name, site, own)
    except InvalidInstalled as error:
        tell.note("warning", error.message)
        return None


def _named(name: str) -> tuple[str, str] | None:
    """Return name and version that a directory's name tells beyond doubt.

    `foo.egg-info` tells no version, and old tools leave hyphens in names: `foo-bar-1.0` and `foo-1.0-2` need a look inside.
    """
    named = spec.split_directory(name)
    return named if named is not None and "-" not in named[1] and named[1][0].isdigit() else None


def _dist_info(path: str, name: str, site: str, own: bool, tell: "Reporter") -> Installed | None:
    try:
        files = os.listdir(path)
    except OSError as error:
        tell.note("warning", f"cannot read `{path}`: {error.strerror}")
        return None
    if "METADATA" not in files:
        tell.note("warning", f"`{path}` has no METADATA: its installation was interrupted, and it does not count")
        return None
    named = _named(name)
    direct_url = _text(f"{path}{os.sep}direct_url.json") if "direct_url.json" in files else ""
    if named is None:
        return spec.read(
            path, metadata=_head(f"{path}{os.sep}METADATA"), requested="REQUESTED" in files, direct_url=direct_url,
            site=site, own=own,
        )  # fmt: skip
    editable = spec.editable_path(direct_url) if direct_url else ""
    return Installed(named[0], named[1], path, "dist-info", site, "", "REQUESTED" in files, direct_url, editable, own)


def _egg_info(path: str, name: str, site: str, own: bool) -> Installed | None:
    """Read what setuptools and distutils leave: a directory with PKG-INFO, or the PKG-INFO alone as a file."""
    named = _named(name)
    is_file = os.path.isfile(path)
    form = "egg-file" if is_file else "egg-info"
    if named is not None:
        return Installed(named[0], named[1], path, form, site, "", False, "", "", own)
    head = _head(path if is_file else f"{path}{os.sep}PKG-INFO")
    return spec.read(path, metadata=head, form=form, site=site, own=own)


def _egg_link(path: str, own: bool, tell: "Reporter") -> Installed | None:
    """Read what `setup.py develop` leaves: a file that names the directory with the project's egg-info."""
    text = _text(path)
    linked = spec.parse_egg_link(text)
    place = os.path.join(os.path.dirname(path), linked)
    lines = text.splitlines()
    # the second line leads from there to the project, as `../` does from `src`
    project = os.path.normpath(os.path.join(place, lines[1].strip())) if len(lines) > 1 else os.path.normpath(place)
    for name in sorted(_listed(place) if linked else []):
        if name.endswith(EGG_INFO):
            head = _head(os.path.join(place, name, "PKG-INFO"))
            if head:
                return spec.read(path, metadata=head, form="egg-link", site=place, own=own, editable=project)
    tell.note("warning", f"`{path}` leads to `{linked}`, where there is no project any more")
    return None


def _head(path: str) -> bytes:
    """Return the first bytes of a metadata file, which hold name and version; empty when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(8192)
    except OSError:
        return b""


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return str(file.read(), "utf-8", "replace")
    except OSError:
        return ""


# --- .pth files -----------------------------------------------------------------------------------------------------


def _path_lines(path: str, site: str) -> "Iterator[str]":
    """Yield the directories that a `.pth` file adds to `sys.path`, as `site` does it.

    Lines that begin with `import` are programs, and not run; the one form that is understood is `site.addsitedir("...")`,
    by which uv lays one environment over another.
    """
    for line in _text(path).removeprefix("\ufeff").splitlines():
        text = line.rstrip()
        if not text or text[0] == "#":
            continue
        place = _added_site(text) if text.startswith(("import ", "import\t")) else text
        if place:
            place = os.path.join(site, place)
            if os.path.isdir(place):
                yield place


def _added_site(line: str) -> str:
    """Return the literal argument of `addsitedir` in a line, or ""."""
    rest = line.partition("addsitedir(")[2].lstrip()
    quote = rest[:1]
    if quote not in ('"', "'") or "\\" in rest:
        return ""
    return rest[1:].partition(quote)[0]
