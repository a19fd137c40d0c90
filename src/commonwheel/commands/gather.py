"""Gather what the user asks for: words, files of every kind, constraints, overrides, excludes, groups.

A plain requirements file is the common case and costs nothing more than its own parser; projects (TOML), locks, scripts
and files on the network are read through the session, which loads what they need only then.
"""

import os
import sys

from commonwheel.errors import UsageError
from commonwheel.model import Origin, PathSource, VcsSource
from commonwheel.operations.request import InstallRequest
from commonwheel.session import documents
from commonwheel.specs import requirement as specs_requirement
from commonwheel.specs import requirements_txt, sources
from commonwheel.specs.names import normalize
from commonwheel.specs.pylock_name import is_lock_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from commonwheel.model import Pin, Requirement, Target
    from commonwheel.session.session import Session
    from commonwheel.specs.requirements_txt import Option

COMMAND_LINE = Origin("command line")
_GIT_SCHEMES = frozenset(("https", "http", "ssh", "file"))
# options that pip takes in a file and we do not: whom to trust is not for a file to say that may have come from anywhere
_WITHOUT_EFFECT = {
    "trusted-host": "pass it on the command line, or set `allow-insecure-host`",
    "prefer-binary": "exclude source distributions with `--only-binary`",
}


def gather(
    session: "Session", words: "Sequence[str]", files: "Sequence[str]", target: "Callable[[], Target]"
) -> InstallRequest:
    """Read words of the command line and files, `-e`, `-c`, `--overrides`, `--excludes`, `-b` and `--group`.

    Only locks among the files are read for a target. Raises UsageError and the errors of the parsers, all of which name file and line.
    """
    gatherer = _Gatherer(session, target)
    for word in words:
        gatherer.requirements.append(specs_requirement.parse(word, COMMAND_LINE, base_directory=session.cwd))
    for word in session.settings.many("editable"):
        gatherer.requirements.append(specs_requirement.parse_editable(word, COMMAND_LINE, base_directory=session.cwd))
    for name in files:
        gatherer.read(name)
    for name in session.settings.many("from-script"):
        gatherer.read_script(name)
    # beside locks alone, groups are those of the locks, and not of a project that happens to be here
    if not files or not all(is_lock_name(os.path.basename(name)) for name in files):
        for group in session.settings.many("group"):
            gatherer.read_group(group)
    return gatherer.finish()


class _Gatherer:
    """Collect the parts while files are read."""

    def __init__(self, session: "Session", target: "Callable[[], Target]") -> None:
        self._session = session
        self._target = target
        self._texts = documents.Texts(lambda url: session.job().network.client_for(url))  # noqa: PLW0108 - made where a URL is read
        self._stdin = False
        self._with_sources = not session.settings.flag("no-sources")
        self._sourceless = {normalize(name) for name in session.settings.many("no-sources-package")}
        self.requirements: list[Requirement] = []
        self.constraints: list[Requirement] = []
        self.options: list[Option] = []
        self.config_settings: list[tuple[Requirement, str, str]] = []
        self.locked: list[Pin] = []
        self.files: list[str] = []
        self.trees: list[tuple[PathSource, tuple[str, ...], Origin]] = []
        self.requires_python = ""
        self._has_extras = False
        self.labels: dict[str, str] = {}

    def finish(self) -> InstallRequest:
        """Read what narrows and replaces, and return everything."""
        settings = self._session.settings
        overrides = self._lines("overrides", "override-dependencies")
        excludes = [normalize(one.name) for one in self._lines("excludes", "exclude-dependencies")]
        for name in settings.many("constraints"):
            found = self._parse(name, constraint=True)
            self.constraints += found.requirements + found.constraints
        self.constraints += self._configured("constraint-dependencies")
        build_constraints = self._lines("build-constraints", "build-constraint-dependencies")
        for requirement in self.requirements:
            _refuse_strange(requirement)
        asked = "all-extras" if settings.flag("all-extras") else "extra" if settings.many("extra") else ""
        if asked and self.files and not self._has_extras:
            raise UsageError(
                f"`--{asked}` asks for extras of a project, and `{self.files[0]}` is none",
                hint="name a pyproject.toml, setup.cfg, setup.py or pylock.toml, or write `NAME[EXTRA]` in the file",
            )
        return InstallRequest(
            tuple(map(self._plain, self.requirements)),
            tuple(self.constraints),
            tuple(overrides),
            tuple(excludes),
            tuple(build_constraints),
            tuple(self.options),
            tuple(self.config_settings),
            tuple(self.locked),
            tuple(self.files),
            tuple(self.trees),
            self.requires_python,
            self.labels,
            frozenset(self._upgraded()),
            dict(self._texts.stamps),
        )

    def _plain(self, requirement: "Requirement") -> "Requirement":
        """Return a requirement without its `-e` where `--no-editable` says so."""
        source = requirement.source
        if not (isinstance(source, PathSource) and source.editable):
            return requirement
        settings = self._session.settings
        unwanted = settings.flag("no-editable")
        named = settings.many("no-editable-package")
        if named and not unwanted:
            file = os.path.join(source.path, "pyproject.toml")
            name = requirement.name or (self._texts.project(file).name if os.path.isfile(file) else "")
            unwanted = name in map(normalize, named)
        return requirement.replaced(source=source.replaced(editable=False)) if unwanted else requirement

    def _upgraded(self) -> "Iterator[str]":
        """Yield the names in the groups of `--upgrade-group`."""
        for text in self._session.settings.many("upgrade-group"):
            file, _, group = text.rpartition(":")
            project = self._texts.project(os.path.join(self._session.cwd, file or "pyproject.toml"))
            for requirement in project.group(group):
                yield requirement.name

    def read(self, name: str) -> None:
        """Read one file of requirements, whatever it is."""
        base = os.path.basename(name)
        path = os.path.join(self._session.cwd, os.path.expanduser(name))
        if name != "-" and not sources.scheme_of(name) and os.path.isdir(path):
            raise UsageError(f"`{name}` is a directory", hint=f"to install the project in it, leave `-r` out: `{name}`")
        self.files.append(name)
        if base == "pyproject.toml" and not sources.scheme_of(name):
            self._read_project(path, name)
        elif base in ("setup.py", "setup.cfg") and not sources.scheme_of(name):
            self.trees.append((PathSource(os.path.dirname(path)), self._extras(), Origin(name)))
        elif is_lock_name(base):
            self._read_lock(name, path)
        elif base.endswith(".py"):
            self.read_script(name)
        else:
            found = self._parse(name, constraint=False)
            self.requirements += found.requirements
            self.constraints += found.constraints
            self.options += found.options
            self.config_settings += found.config_settings
            for option in found.options:
                if option.name in _WITHOUT_EFFECT:
                    advice = _WITHOUT_EFFECT[option.name]
                    self._session.reporter.note("warning", f"`--{option.name}` at {option.origin} is ignored: {advice}")

    def read_script(self, name: str) -> None:
        """Read the dependencies of a script (PEP 723)."""
        path = os.path.join(self._session.cwd, os.path.expanduser(name))
        script = self._texts.script(name, path)
        if script is None:
            raise UsageError(
                f"`{name}` has no block of dependencies (PEP 723)", hint="add one: `# /// script` ... `# ///`"
            )
        for requirement in script.dependencies:
            self.labels[str(requirement.origin)] = ""
            self.requirements.append(requirement)

    def read_group(self, text: str) -> None:
        """Read a dependency group, `NAME` of the pyproject.toml here or `FILE:NAME`; raises UsageError."""
        file, _, group = text.rpartition(":")
        file = file or "pyproject.toml"
        project = self._texts.project(os.path.join(self._session.cwd, file))
        origin = Origin(f"{file} ({group})")
        self.labels[str(origin)] = f"{project.name} ({file}:{group})" if project.name else f"{file}:{group}"
        self.requirements += self._sourced(lambda sources: project.group(group, origin, sources=sources))

    def _sourced(self, read: "Callable[[bool], tuple[Requirement, ...]]") -> "Iterator[Requirement]":
        """Yield requirements with the sources that the tool tables give them, but for those of `--no-sources-package`."""
        if not (self._with_sources and self._sourceless):
            yield from read(self._with_sources)
            return
        yield from (one for one in read(True) if one.name not in self._sourceless)
        yield from (one for one in read(False) if one.name in self._sourceless)

    def _read_project(self, path: str, name: str) -> None:
        project = self._texts.project(path)
        extras = self._extras()
        self.requires_python = self.requires_python or project.requires_python
        if self._session.settings.flag("all-extras"):
            extras = project.extras
        if project.dynamic_dependencies:
            self.trees.append((PathSource(os.path.dirname(path)), extras, Origin(name)))
        else:
            self.labels[path] = f"{project.name} ({name})" if project.name else name
            self.requirements += self._sourced(lambda sources: project.dependencies(extras, sources=sources))

    def _read_lock(self, name: str, path: str) -> None:
        # the target first, whose interpreter may be missing
        target = self._target()
        lock = self._texts.lock(name, path)
        for note in lock.notes:
            self._session.reporter.note("warning", note)
        formats = self._session.job().policies.formats()
        self.locked += documents.pins_of(lock, target, self._extras(), self._lock_groups(), formats)

    def _extras(self) -> "tuple[str, ...]":
        self._has_extras = True
        return tuple(normalize(extra) for extra in self._session.settings.many("extra"))

    def _lock_groups(self) -> "tuple[str, ...]":
        return tuple(self._session.settings.many("group"))

    def _lines(self, option: str, configured: str) -> "list[Requirement]":
        """Return the requirements of the files of an option, and those of configuration files."""
        found: list[Requirement] = []
        for name in self._session.settings.many(option):
            parsed = self._parse(name, constraint=option != "overrides")
            found += parsed.requirements + parsed.constraints
        return found + self._configured(configured)

    def _configured(self, key: str) -> "list[Requirement]":
        setting = self._session.settings.setting(key)
        origin = Origin(f"{setting.source} ({key})")
        return [specs_requirement.parse(text, origin) for text in self._session.settings.many(key)]

    def _parse(self, name: str, *, constraint: bool) -> "requirements_txt.RequirementsFile":
        shown, data, base = self._content(name)
        found = requirements_txt.parse(
            data,
            name=shown,
            base=base,
            read=self._texts.read,
            environ=self._session.environ,
            constraint=constraint,
        )
        for note in found.notes:
            self._session.reporter.note("warning", note)
        return found

    def _content(self, name: str) -> "tuple[str, bytes | str, str]":
        """Return how to call a file, its content, and what its paths are relative to."""
        if name == "-":
            if self._stdin:
                raise UsageError("`-` was given twice, but standard input can be read only once")
            self._stdin = True
            return "-", sys.stdin.buffer.read(), self._session.cwd
        if sources.scheme_of(name) in ("http", "https"):
            return name, self._texts.read(name), name
        path = os.path.join(self._session.cwd, os.path.expanduser(name))
        try:
            data = self._texts.read(path)
        except OSError as error:
            raise UsageError(
                f"`{name}` cannot be read: {error.strerror}",
                context=() if os.path.isabs(name) else (f"looked for at: {path}",),
                hint="check the path" if isinstance(error, FileNotFoundError) else "it must be a readable text file",
            ) from error
        return name, data, os.path.dirname(os.path.abspath(path))


def _refuse_strange(requirement: "Requirement") -> None:
    """Refuse a file of requirements that is named as a package, and repositories that are none of git's."""
    source = requirement.source
    where = [f"from: {requirement.origin}"] if requirement.origin else []
    if (source is None or isinstance(source, PathSource)) and requirement.text.endswith((".txt", ".in")):
        raise UsageError(
            f"`{requirement.text}` looks like a file of requirements, and is named as a package",
            context=where,
            hint=f"write `-r {requirement.text}`",
        )
    if isinstance(source, PathSource) and ":/" in source.path and "file:" not in requirement.text:
        raise UsageError(
            f"`{sources.mask(requirement.text)}` is neither a requirement nor a path",
            context=where,
            hint="a URL is written as `NAME @ URL`",
        )
    if isinstance(source, VcsSource) and (
        source.kind != "git" or sources.scheme_of(source.url.bare) not in _GIT_SCHEMES
    ):
        raise UsageError(
            f"`{requirement.text}` is a repository that cannot be fetched",
            context=where,
            hint="only git is supported, by https, ssh or file; others can be checked out and installed from their directory",
        )
