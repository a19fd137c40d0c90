"""`cw add` and `cw remove`: change what a project asks for; its pyproject.toml, lock and environment together, or none of them."""

import os
from functools import partial

from commonwheel.commands.change_report import Changes
from commonwheel.commands.gather import COMMAND_LINE
from commonwheel.commands.lock import open_project
from commonwheel.commands.sync import SyncResult, carried_out, place_of
from commonwheel.errors import UsageError
from commonwheel.model import PathSource, Value, VcsSource
from commonwheel.project import editing, environments, freshness, journal, locking, opening, updating
from commonwheel.project.journal import File
from commonwheel.project.locking import Keep
from commonwheel.project.opening import Opened
from commonwheel.project.updating import Updated
from commonwheel.specs import requirement as specs_requirement
from commonwheel.specs import requirements_txt, uv_lock
from commonwheel.specs.names import normalize
from commonwheel.specs.project_edit import Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.model import Requirement
    from commonwheel.project.discovery import Workspace
    from commonwheel.project.editing import Where
    from commonwheel.project.parts import Parts
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class Edited(Value):
    """What became of a project: what was changed in which file, and the sync that followed (None under --frozen, --no-sync)."""

    __slots__ = ("path", "synced")

    def __init__(self, path: str, synced: SyncResult | None) -> None:
        self.path: Final = path
        self.synced: Final = synced


class Target(Value):
    """The file that is changed: its path, its text, what it is a member of, and whether it is a script."""

    __slots__ = ("directory", "path", "script", "text", "workspace")

    def __init__(self, path: str, text: str, workspace: "Workspace | None", *, script: bool) -> None:
        self.path: Final = path
        self.text: Final = text
        self.workspace: Final = workspace
        self.script: Final = script
        self.directory: Final = os.path.dirname(path)

    @property
    def root(self) -> str:
        """Return the directory in which the journal is kept."""
        return self.workspace.directory if self.workspace is not None else self.directory

    def document(self) -> Document:
        """Return the file, to be changed."""
        return Document(self.text, self.path, script=self.script)


# --- commands ------------------------------------------------------------------------------------------------------------------------


def add(session: "Session", parsed: "Parsed") -> Edited:
    """Add requirements to the project, an extra, a group or a script, lock, and sync.

    Bounds of requirements without any come from the lock. Raises what resolving and syncing raise: everything is as before then.
    """
    parts = session.projects()
    settings = parts.settings
    wanted = [*_of_words(parts, parsed.positional), *_of_files(parts)]
    if not wanted:
        raise UsageError("no requirements given", hint="name packages, or a file with `-r`")
    target = target_of(parts, make_block=True)
    settings = parts.settings
    adding = _Adding(parts, target, wanted)
    return carry_out(
        parts, target, adding.edit, lambda lock: adding.bounded(lock, settings.text("bounds") or "lower"), adding.place
    )


def remove(session: "Session", parsed: "Parsed") -> Edited:
    """Remove requirements from the project, an extra, a group or a script, lock, and sync exactly."""
    parts = session.projects()
    names = editing.names_of(parsed.positional)
    target = target_of(parts)
    place = _place(parts, target.document(), target)

    def edit(document: Document) -> "Mapping[str, str]":
        for name in names:
            if not document.remove(place.path, name):
                raise editing.missing(document, name, place)
            if not target.script and not editing.is_wanted_elsewhere(document, name):
                document.set_source(name, None)
        return {}

    return carry_out(parts, target, edit, None, place, exact=True)


# --- what is asked for -----------------------------------------------------------------------------------------------------------------


def _of_words(parts: "Parts", words: "Sequence[str]") -> "Iterator[Requirement]":
    editable = parts.settings.flag("as-editable")
    for word in words:
        if word.startswith("-e "):
            yield specs_requirement.parse_editable(word[3:], COMMAND_LINE, base_directory=parts.cwd)
            continue
        found = specs_requirement.parse(word, COMMAND_LINE, base_directory=parts.cwd)
        if editable and isinstance(found.source, PathSource) and os.path.isdir(found.source.path):
            found = found.replaced(source=found.source.replaced(editable=True))
        yield found


def _of_files(parts: "Parts") -> "Iterator[Requirement]":
    for name in parts.settings.many("requirements"):
        path = os.path.join(parts.cwd, name)
        yield from requirements_txt.parse(
            _content(path, name),
            name=name,
            base=os.path.dirname(path),
            read=lambda place: _content(place, place),
            environ=parts.environ,
        ).requirements


def _content(path: str, name: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error


def target_of(parts: "Parts", *, make_block: bool = False) -> Target:
    """Return the file that is to be changed: the script of `--script`, the member of `--package`, or the project here."""
    settings = parts.settings
    name = settings.text("for-script")
    if name is not None:
        path = os.path.abspath(os.path.join(parts.cwd, name))
        text = _content(path, name).decode()
        journal.recover(parts, os.path.dirname(path))
        if make_block and Document(text, name, script=True).find("dependencies") is None:
            document = Document(text, name, script=True)
            if document.find("requires-python") is None:
                version = parts.interpreter(settings.text("python")).version
                document.document["requires-python"] = f">={version[0]}.{version[1]}"
            document.set_entries(("dependencies",), [])
            text = document.text()
        return Target(path, text, None, script=True)
    workspace = opening.find(parts)
    member = workspace.here
    chosen = parts.settings.many("member")
    if chosen:
        found = workspace.member(normalize(chosen[0]))
        if found is None:
            raise UsageError(
                f"there is no member `{chosen[0]}` in the workspace",
                context=(f"it has: {', '.join(one.name for one in workspace.members)}",),
            )
        member = found
    return Target(member.path, member.text, workspace, script=False)


def _place(parts: "Parts", document: Document, target: Target) -> "Where":
    settings = parts.settings
    group = settings.text("to-group") or ("dev" if settings.flag("dev") else "")
    extra = settings.text("optional") or ""
    if group and extra:
        raise UsageError("`--optional` and `--group` cannot be used together", hint="choose one of them")
    if not target.script and not (group or extra) and document.find("project") is None:
        raise UsageError(
            f"`{target.path}` has no `[project]` table, so that it has groups alone",
            hint="name a group with `--group` or `--dev`",
        )
    return editing.where(document, extra=extra, group=group, script=target.script)


class _Adding:
    """The requirements that are added, with their sources."""

    def __init__(self, parts: "Parts", target: Target, wanted: "Sequence[Requirement]") -> None:
        self._parts = parts
        self._target = target
        self.place = _place(parts, target.document(), target)
        settings = parts.settings
        self._raw = settings.flag("raw")
        marker, extras = settings.text("marker") or "", tuple(map(normalize, settings.many("extra")))
        reference = {key: settings.text(key) or "" for key in ("rev", "tag", "branch") if settings.text(key)}
        if len(reference) > 1:
            raise UsageError("only one of `--rev`, `--tag` and `--branch` can be given")
        self._reference = reference
        named = [self._named(one) for one in wanted]
        self._wanted = [
            one.replaced(
                extras=tuple(sorted({*one.extras, *extras})),
                marker=_joined(one.marker, marker),
            )
            for one in named
        ]
        self._bare: list[Requirement] = []

    def _named(self, one: "Requirement") -> "Requirement":
        """Return a requirement with its name, which a place may not tell."""
        source = one.source
        if isinstance(source, VcsSource) and self._reference:
            one = one.replaced(source=source.replaced(revision=next(iter(self._reference.values()))))
        if one.name:
            return one
        (found,) = self._parts.job.sources.describe([one])
        return one.replaced(name=found.requirement.name)

    def edit(self, document: Document) -> "Mapping[str, str]":
        """Put the requirements in, without bounds; return further files that change, by path."""
        more: dict[str, str] = {}
        self._bare = []
        for one in self._wanted:
            plain = one if self._raw else one.replaced(source=None)
            text = str(plain.replaced(text="")) if self._raw and plain.source is not None else editing.text_of(plain)
            if document.add(self.place.path, one.name, partial(editing.changed, wanted=plain), text, one.marker):
                self._bare.append(one)
            if not self._raw:
                more |= self._source(document, one)
        self._indexes(document)
        return more

    def _source(self, document: Document, one: "Requirement") -> "Mapping[str, str]":
        """Write where a requirement comes from."""
        settings, workspace = self._parts.settings, self._target.workspace
        editable = settings.flag("as-editable") if settings.is_set("as-editable") else None
        wanted = settings.flag("workspace") if settings.is_set("workspace") else None
        if one.source is None:
            if workspace is not None and workspace.member(one.name) is not None and one.name != workspace.here.name:
                document.set_source(one.name, {"workspace": True})
            return {}
        member = isinstance(one.source, PathSource) and workspace is not None
        if member and workspace is not None and isinstance(one.source, PathSource):
            known = workspace.member(one.name)
            if (known is not None and known.directory == one.source.path) or editing.becomes_member(
                workspace, one.source, wanted=wanted
            ):
                return self._as_member(document, workspace, one, new=known is None)
        table = editing.source_table(
            one, self._target.directory, given=one.text, editable=editable, reference=self._reference
        )
        document.set_source(one.name, table)
        return {}

    def _as_member(
        self, document: Document, workspace: "Workspace", one: "Requirement", *, new: bool
    ) -> "Mapping[str, str]":
        if not new:
            document.set_source(one.name, {"workspace": True})
            return {}
        assert isinstance(one.source, PathSource)
        path = os.path.relpath(one.source.path, workspace.directory)
        if workspace.root.path == self._target.path:
            document.add_member(path)
            document.set_source(one.name, {"workspace": True})
            return {}
        document.set_source(one.name, {"workspace": True})
        root = Document(workspace.root.text, workspace.root.path)
        root.add_member(path)
        return {workspace.root.path: root.text()}

    def _indexes(self, document: Document) -> None:
        """Note the indexes of the command line in the project, without credentials; a named one serves what is added."""
        settings = self._parts.settings
        if self._target.script or settings.source("index") != "command line":
            return
        for text in settings.many("index"):
            name, equals, url = text.partition("=")
            if not equals or "/" in name or ":" in name:
                name, url = "", text
            document.add_index(opening.public(url), name)
            if name:
                for one in self._wanted:
                    if one.source is None:
                        document.set_source(one.name, {"index": name})

    def bounded(self, lock: "uv_lock.Lock", kind: str) -> "Callable[[Document], object] | None":
        """Return what gives bounds to the new requirements that have none, from the versions in a lock."""
        if self._raw:
            return None
        texts = {}
        for one in self._bare:
            version = editing.lowest_locked(lock, one.name)
            if one.source is None and not one.specifier and version:
                texts[one.name] = editing.text_of(one, editing.bound(kind, version))
        if not texts:
            return None

        def edit(document: Document) -> None:
            for name, text in texts.items():
                document.add(self.place.path, name, partial(_replaced, text), text)

        return edit


def _replaced(new: str, _: str) -> str:
    return new


def _joined(one: str, other: str) -> str:
    if not one or not other:
        return one or other
    return f"({one}) and ({other})"


# --- all together, or nothing -------------------------------------------------------------------------------------------------------------


def carry_out(
    parts: "Parts",
    target: Target,
    edit: "Callable[[Document], Mapping[str, str]]",
    bounds: "Callable[[uv_lock.Lock], Callable[[Document], object] | None] | None",
    place: "Where",
    *,
    exact: bool = False,
) -> Edited:
    """Try a change in memory, choose bounds, and carry it out: files, then the environment."""
    settings = parts.settings
    document = target.document()
    more = edit(document)
    texts = {target.path: document.text(), **more}
    frozen, no_sync = settings.flag("frozen"), settings.flag("no-sync")
    if frozen:
        with journal.Changing(parts, target.root, "") as changing:
            changing.begin(_files(target, texts, None, None))
            changing.commit()
        return Edited(target.path, None)
    opened = _open(parts, texts)
    lock_it = not target.script or os.path.lexists(opened.lock_path)
    updated = updating.update(parts, opened, "check" if settings.flag("locked") else "dry-run")
    edit_bounds = bounds(updated.lock) if bounds is not None else None
    if edit_bounds is not None:
        edit_bounds(document)
        texts[target.path] = document.text()
        opened = _open(parts, texts)
        updated = _with_bounds(parts, opened, updated)
    environment = "" if no_sync or target.script else place_of(parts, opened).root
    with journal.Changing(parts, target.root, environment) as changing:
        changing.begin(_files(target, texts, opened if lock_it else None, updated))
        synced = None
        if not no_sync and not target.script:
            synced = carried_out(
                parts,
                opened,
                updated,
                exact=exact,
                extras=(place.extra,) if place.extra and _has_extra(updated.lock, place.extra) else (),
                groups=(place.group,) if place.group else (),
            )
        changing.commit()
    if synced is None:
        made = environments.Made(environment, "check")
        synced = SyncResult(opened, updated, made, Changes())
    return Edited(target.path, synced)


def _open(parts: "Parts", texts: "Mapping[str, str]") -> "Opened":
    """Return the project as it is about to be; `-c` narrows what is chosen now, and is not part of it."""
    opened = open_project(parts, texts)
    more: list[Requirement] = []
    for name in parts.settings.many("constraints"):
        path = os.path.join(parts.cwd, name)
        found = requirements_txt.parse(
            _content(path, name),
            name=name,
            base=os.path.dirname(path),
            read=lambda place: _content(place, place),
            environ=parts.environ,
            constraint=True,
        )
        more += (*found.requirements, *found.constraints)
    if not more:
        return opened
    declared = opened.declared
    return Opened(
        declared.replaced(constraints=(*declared.constraints, *more)), opened.lock_path, opened.workspace, opened.script
    )


def _has_extra(lock: "uv_lock.Lock", extra: str) -> bool:
    return any(extra in package.provides_extras for package in lock.packages)


def _with_bounds(parts: "Parts", opened: "Opened", updated: Updated) -> Updated:
    """Return a lock for a project that differs from the one that was locked in bounds alone: its metadata is replaced."""
    described = {package.name: package for package in opened.declared.packages}
    packages = []
    for package in updated.lock.packages:
        now = described.get(package.name)
        if now is not None and now.source == package.source:
            package = package.replaced(
                requires_dist=now.requires_dist, requires_dev=now.requires_dev, provides_extras=now.provides_extras
            )
        packages.append(package)
    lock = updated.lock.replaced(packages=tuple(packages), manifest=opened.declared.manifest)
    if freshness.examine(opened.declared, lock) is not None:
        lock = locking.lock(parts, opened.declared, Keep(lock))
    before = updated.before
    old = uv_lock.read(before, opened.lock_path) if before and not uv_lock.has_merge_marks(before) else None
    changes = tuple(updating.changes(old, lock))
    return Updated(lock, uv_lock.write(lock), "update" if before else "create", before=before, changes=changes)


def _files(
    target: Target, texts: "Mapping[str, str]", opened: "Opened | None", updated: "Updated | None"
) -> "list[File]":
    """Return the files of a change, relative to where the journal is."""
    found = []
    for path, text in texts.items():
        before = target.text if path == target.path and not target.script else _now(path)
        found.append(File(os.path.relpath(path, target.root), before, text))
    if opened is not None and updated is not None:
        found.append(File(os.path.relpath(opened.lock_path, target.root), updated.before or None, updated.text))
    return found


def _now(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def undo(session: "Session") -> Edited:
    """Take the last `add`, `remove` or `version` of the project back: files and environment."""
    parts = session.projects()
    workspace = opening.find(parts)
    root = workspace.directory
    change = journal.last(parts, root)
    turned = [one.turned() for one in change.files]
    with journal.Changing(parts, root, change.environment) as changing:
        changing.begin(turned)
        synced = None
        if change.environment:
            texts = {os.path.join(root, one.path): one.after for one in turned if one.after is not None}
            opened = open_project(parts, {path: text for path, text in texts.items() if path.endswith(".toml")})
            if os.path.lexists(opened.lock_path):
                updated = updating.update(parts, opened, "frozen")
                synced = carried_out(parts, opened, updated, exact=True)
        changing.commit()
    return Edited(workspace.root.path, synced)
