"""A lock in other forms: requirements.txt and pylock.toml (PEP 751)."""

import os

from commonwheel.model import Candidate, PathSource, Pin, SafeUrl, UrlSource, Value, VcsSource
from commonwheel.project.reach import reach
from commonwheel.project.spelling import digests_of
from commonwheel.specs import dates, file_url, marker_text
from commonwheel.specs import pylock as specs_pylock
from commonwheel.specs.pylock import Locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.project.reach import Reached
    from commonwheel.project.selection import Selected
    from commonwheel.project.spelling import Spelling
    from commonwheel.specs.uv_lock import File, Lock, Package


class Form(Value):
    """How an export looks, and what is left out of it."""

    __slots__ = ("annotate", "editable", "hashes", "no_local", "no_project", "no_workspace", "prune", "without")

    def __init__(
        self,
        *,
        hashes: bool = True,
        annotate: bool = True,
        editable: bool = True,
        no_project: bool = False,
        no_workspace: bool = False,
        no_local: bool = False,
        without: tuple[str, ...] = (),
        prune: tuple[str, ...] = (),
    ) -> None:
        self.hashes: Final = hashes
        self.annotate: Final = annotate
        self.editable: Final = editable
        self.no_project: Final = no_project
        self.no_workspace: Final = no_workspace
        self.no_local: Final = no_local
        self.without: Final = without
        self.prune: Final = prune


def emitted(lock: "Lock", selected: "Selected", form: Form) -> "tuple[Reached, ...]":
    """Return what an export names, in the order of the lock."""
    roots = {package.name for package in selected.members}
    members = {*lock.manifest.members, *roots}

    def is_left_out(package: "Package") -> bool:
        if package.source.kind == "virtual" or package.name in form.without:
            return True
        if (form.no_project and package.name in roots) or (form.no_workspace and package.name in members):
            return True
        return form.no_local and package.source.kind in ("path", "directory", "editable")

    return tuple(one for one in reach(lock, selected, form.prune) if not is_left_out(one.package))


# --- requirements.txt ---------------------------------------------------------------------------------------------------------


def requirements(lock: "Lock", selected: "Selected", form: Form, spelling: "Spelling", base: str) -> "Iterator[str]":
    """Yield the lines of a requirements file; paths are relative to `base`."""
    found = emitted(lock, selected, form)
    order = {"editable": 0, "directory": 1, "path": 1}
    for one in sorted(found, key=lambda one: order.get(one.package.source.kind, 2)):
        yield from _lines(one, form, spelling, base)


def _lines(one: "Reached", form: Form, spelling: "Spelling", base: str) -> "Iterator[str]":
    package = one.package
    line = _requirement(package, spelling, base, editable=form.editable)
    if one.marker:
        line += f" ; {one.marker}"
    hashes = sorted({file.hash for file in _files(package) if file.hash}) if form.hashes else []
    yield line + "".join(f" \\\n    --hash={one_hash}" for one_hash in hashes) + "\n"
    if form.annotate and one.parents:
        if len(one.parents) == 1:
            yield f"    # via {one.parents[0]}\n"
        else:
            yield "    # via\n"
            yield from (f"    #   {parent}\n" for parent in one.parents)


def _requirement(package: "Package", spelling: "Spelling", base: str, *, editable: bool) -> str:
    source = spelling.source(package.source)
    if source is None:
        return f"{package.name}=={package.version}"
    if isinstance(source, PathSource):
        path = source.path if package.source.place.startswith("/") else os.path.relpath(source.path, base)
        shown = path if path.startswith((".", "/")) else f"./{path}"
        return f"-e {shown}" if source.editable and editable else shown
    if isinstance(source, VcsSource):
        fragment = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
        return f"{package.name} @ git+{source.url.bare}@{source.commit}{fragment}"
    fragment = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    return f"{package.name} @ {source.url.bare}{fragment}"


def _files(package: "Package") -> "tuple[File, ...]":
    return (*package.wheels, *((package.sdist,) if package.sdist is not None else ()))


# --- pylock.toml --------------------------------------------------------------------------------------------------------------


def pylock(
    lock: "Lock",
    found: "Iterable[Reached]",
    form: Form,
    spelling: "Spelling",
    base: str,
    *,
    extras: "Sequence[str]" = (),
    groups: "Sequence[str]" = (),
    default_groups: "Sequence[str]" = (),
) -> str:
    """Return the text of a pylock.toml that will lie in `base`."""
    packages = [_locked(one, form, spelling) for one in found]
    return specs_pylock.write(
        packages,
        base_directory=base,
        requires_python=lock.requires_python,
        environments=lock.supported,
        extras=extras,
        groups=groups,
        default_groups=default_groups,
        created_by="cw",
    )


def _locked(one: "Reached", form: Form, spelling: "Spelling") -> Locked:
    package = one.package
    hashes = digests_of(_files(package)[0].hash) if _files(package) else ()
    source = spelling.source(package.source, hashes)
    if isinstance(source, PathSource) and source.editable and not form.editable:
        source = source.replaced(editable=False)
    digests = hashes if isinstance(source, (PathSource, UrlSource)) else ()
    pin = Pin(package.name, package.version, source=source, digests=digests, marker=one.marker)
    files = () if source is not None else tuple(_candidate(package, file, spelling) for file in _files(package))
    return Locked(pin, files)


def _candidate(package: "Package", file: "File", spelling: "Spelling") -> Candidate:
    url = file.place
    if "://" not in url:
        url = file_url.from_path(url if url.startswith("/") else f"{spelling.absolute(package.source.place)}/{url}")
    index = package.source.place if "://" in package.source.place else ""
    return Candidate(
        package.name,
        package.version,
        "sdist" if file is package.sdist else "wheel",
        file_url.unquote(file.filename),
        SafeUrl(url),
        digests_of(file.hash),
        file.size,
        uploaded=dates.moment(file.uploaded, 0.0) if file.uploaded else None,
        index=index,
    )


def joined(base: "Iterable[Reached]", more: "Mapping[str, Iterable[Reached]]") -> "tuple[Reached, ...]":
    """Return one list for every selection: what only an extra or a group needs is under a marker that asks for it (PEP 751).

    `more` maps such a condition (`'dev' in dependency_groups`) to what is needed with it.
    """
    found: dict[object, list[Reached]] = {}
    texts: dict[object, list[str]] = {}
    for one in base:
        found[one.package.key()] = [one]
        texts[one.package.key()] = [one.marker]
    for condition, several in more.items():
        for one in several:
            key = one.package.key()
            known = found.setdefault(key, [])
            if known and _covers(texts[key], one.marker):
                continue
            known.append(one)
            text = f"{condition} and ({one.marker})" if " or " in one.marker else f"{condition} and {one.marker}"
            texts.setdefault(key, []).append(text if one.marker else condition)
    out = []
    for name, several in found.items():
        markers = texts[name]
        text = (
            ""
            if "" in markers
            else " or ".join(f"({one})" if len(markers) > 1 and " or " in one else one for one in markers)
        )
        out.append(several[0].replaced(marker=text))
    return tuple(sorted(out, key=lambda one: (one.package.name, one.package.version)))


def _covers(texts: "Iterable[str]", marker: str) -> bool:
    """Return whether a marker adds nothing to markers that hold without any extra or group."""
    plain = [text for text in texts if " in dependency_groups" not in text and " in extras" not in text]
    whole = marker_text.NEVER
    for text in plain:
        whole = marker_text.disjunction(whole, marker_text.diagram(text) if text else marker_text.ALWAYS)
    wanted = marker_text.diagram(marker) if marker else marker_text.ALWAYS
    return marker_text.without(wanted, whole) == marker_text.NEVER
