"""`pip compile`: requirements to a file of pins, as requirements.txt or as pylock.toml (PEP 751)."""

import os
import time

from commonwheel.commands import gather, summary_lines
from commonwheel.errors import UsageError
from commonwheel.fs import files as fs_files
from commonwheel.model import Digest, PathSource, UrlSource, VcsSource
from commonwheel.operations import resolve
from commonwheel.session import documents
from commonwheel.sources import describe
from commonwheel.specs import file_url, requirements_txt, sources, wheel_file
from commonwheel.specs.names import normalize
from commonwheel.specs.pylock_name import is_lock_name
from commonwheel.specs.versions import pinned_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Final

    from commonwheel.index.catalogue import Catalogue
    from commonwheel.model import Candidate, Pin, Target
    from commonwheel.operations.resolve import Answer
    from commonwheel.session.job import Job
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed

_WIDE = 88


class Compiled:
    """An answer with what its file needs: what was asked, and for whom it was resolved."""

    def __init__(self, job: "Job", answered: "Answer", target: "Target") -> None:
        self._answered: Final = answered
        self.job: Final = job
        self.resolution: Final = answered.resolution
        self.asked: Final = job.request
        self.target: Final = target
        #: under which markers each pin is needed, where that is to be written though it was resolved for one target
        self.markers: Mapping[str, str] = {}

    @property
    def catalogue(self) -> "Catalogue":
        """Return what the indexes offer: for hashes, and for files that are not installed here."""
        return self._answered.catalogue


def compile_(session: "Session", parsed: "Parsed") -> str:
    """Resolve files to pins; write them to `--output-file` if that is given, and return the text.

    The versions of an existing output file are kept while they fit, unless `--upgrade`.
    """
    settings = session.settings
    style = _format(session)
    files = [*parsed.positional, *settings.many("requirements")]
    if not files and not any(map(settings.many, ("group", "editable", "from-script"))):
        files = [
            name for name in ("requirements.in", "pyproject.toml") if os.path.isfile(os.path.join(session.cwd, name))
        ][:1]
        if not files:
            raise UsageError(
                "no file of requirements was named", hint="`cw pip compile requirements.in -o requirements.txt`"
            )
    started = time.perf_counter()
    compiled = _resolve(session, files)
    session.reporter.note("info", summary_lines.done("Resolved", len(compiled.resolution.pins), started))
    text = "".join(_lock_text(session, compiled) if style == "pylock.toml" else _text(session, compiled))
    output = settings.text("output-file")
    if output is not None:
        path = os.path.join(session.cwd, output)
        # a run that changes nothing leaves the file, and its time, alone
        if _old_text(path) != text:
            fs_files.write(path, text.encode())
    return text


def _format(session: "Session") -> str:
    given = session.settings.text("format")
    output = os.path.basename(session.settings.text("output-file") or "")
    if given == "requirements.txt":
        return given
    if output.endswith(".toml") or (given and output):
        if not is_lock_name(output):
            raise UsageError(
                f"`{output}` is not a name for a lock (PEP 751)",
                hint="call it pylock.toml or pylock.NAME.toml, without a dot in NAME",
            )
        return "pylock.toml"
    return given or "requirements.txt"


def _resolve(session: "Session", files: "Sequence[str]") -> Compiled:
    asked = gather.gather(session, (), files, lambda: _target(session))
    job = session.job(asked)
    meanwhile = None if asked.overrides or asked.excludes else lambda: job.expect(asked.requirements)
    target = session.target(session.environment(mutating=False, meanwhile=meanwhile))
    question = resolve.Question(
        describe.expanded(job.sources, asked),
        target,
        constraints=asked.constraints,
        overrides=asked.overrides,
        excludes=asked.excludes,
        preferences=_preferences(session),
        universal=session.settings.flag("universal"),
        requires_python=asked.requires_python,
    )
    compiled = Compiled(job, resolve.answer(job, question), target)
    if session.settings.flag("no-strip-markers") and not question.universal:
        compiled.markers = job.solving.conditions(compiled.resolution.pins, question, compiled.catalogue)
    return compiled


def _target(session: "Session") -> "Target":
    return session.target(session.environment(mutating=False))


def _old_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _preferences(session: "Session") -> "dict[str, str | tuple[str, ...]]":
    """Return the versions that the output file has, which are tried first."""
    output = session.settings.text("output-file")
    text = _old_text(os.path.join(session.cwd, output)) if output else ""
    if not text or session.settings.flag("upgrade"):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    if output and output.endswith(".toml"):
        pairs = [
            (name, version) for name, version in documents.lock_versions(text, output, session.cwd).items() if version
        ]
    else:
        texts = documents.Texts(lambda url: session.job().network.client_for(url))  # noqa: PLW0108 - made where a URL is read
        old = requirements_txt.parse(
            text, name=output or "-", base=session.cwd, read=texts.read, environ=session.environ
        )
        pairs = [(one.name, pinned_version(one.specifier) or "") for one in old.requirements]
    for name, version in pairs:
        if name and version:
            found[name] = (*found.get(name, ()), version)
    return dict(found)


# --- requirements.txt -----------------------------------------------------------------------------------------------


def _text(session: "Session", compiled: Compiled) -> "Iterator[str]":
    """Yield the lines of a requirements file in uv's form."""
    settings = session.settings
    yield from _header(session)
    yield from _options(compiled)
    left_out = {normalize(name) for name in settings.many("no-emit-package")}
    # places without a name first, as uv has them
    for pin in sorted(compiled.resolution.pins, key=lambda pin: not isinstance(pin.source, PathSource)):
        if pin.name not in left_out:
            yield from _pin_lines(session, compiled, pin)
    skipped = sorted(left_out & {pin.name for pin in compiled.resolution.pins})
    if skipped:
        yield "\n# The following packages were excluded from the output:\n"
        yield from (f"# {name}\n" for name in skipped)


def _header(session: "Session") -> "Iterator[str]":
    if not session.settings.flag("no-header"):
        yield "# This file was autogenerated by cw via the following command:\n"
        yield f"#    {_command(session)}\n"


def _command(session: "Session") -> str:
    """Return the command of the header: what was typed, without upgrades and secrets."""
    given = session.settings.text("custom-compile-command")
    if given:
        return given
    kept, skip = [], False
    for word in session.words:
        if skip:
            skip = False
        elif word in ("-P", "--upgrade-package"):
            skip = True
        elif word not in ("-U", "--upgrade", "-q", "--quiet", "-v", "--verbose") and not word.startswith(
            ("--upgrade-package=", "-P")
        ):
            kept.append(word)
    return summary_lines.shell(["cw", *map(sources.mask, kept)])


def _options(compiled: Compiled) -> "Iterator[str]":
    settings, network = compiled.job.settings, compiled.job.network
    lines = []
    if settings.flag("emit-index-url"):
        named = [index for index in network.indexes if not index.explicit]
        if named:
            lines.append(f"--index-url {named[-1].url.bare}")
            lines += [f"--extra-index-url {index.url.bare}" for index in named[:-1]]
    if settings.flag("emit-find-links"):
        lines += [f"--find-links {file_url.to_path(place.url.secret) or place.url.bare}" for place in network.links]
    if settings.flag("emit-build-options"):
        lines += [f"--no-binary {name}" for name in settings.many("no-binary")]
        lines += [f"--only-binary {name}" for name in settings.many("only-binary")]
    if lines:
        yield "".join(f"{line}\n" for line in lines) + "\n"


def _pin_lines(session: "Session", compiled: Compiled, pin: "Pin") -> "Iterator[str]":
    settings = session.settings
    line = _pin_text(session, compiled, pin)
    # a resolution for one target has answered all markers; those of a universal one are part of the pin
    marker = pin.marker or compiled.markers.get(pin.name, "")
    if marker:
        line += f" ; {marker}"
    if settings.flag("generate-hashes"):
        hashes = _hashes(compiled, pin)
        line += "".join(f" \\\n    --hash={digest}" for digest in hashes)
    notes = []
    if not settings.flag("no-annotate"):
        notes.append(_via(session, compiled, pin, settings.text("annotation-style") or "split"))
    if settings.flag("emit-index-annotation") and pin.source is None:
        notes.append(f"# from {compiled.catalogue.candidate(pin.name, pin.version).index}")
    notes = [note for note in notes if note]
    if settings.text("annotation-style") == "line" and notes:
        width = max(len(line.rpartition("\n")[2]) + 2, 26)
        yield f"{line:<{width}}{'  '.join(notes)}\n" if "\n" not in line else f"{line}\n    {notes[0]}\n"
        return
    yield line + "\n"
    for note in notes:
        yield "".join(f"    {part}\n" for part in note.split("\n"))


def _pin_text(session: "Session", compiled: Compiled, pin: "Pin") -> str:
    extras = f"[{','.join(pin.extras)}]" if pin.extras and session.settings.flag("no-strip-extras") else ""
    source = pin.source
    if source is None:
        return f"{pin.name}{extras}=={pin.version}"
    if isinstance(source, PathSource):
        return _path_text(session, compiled, pin.name + extras, source)
    verbatim = _verbatim(session, compiled, pin)
    if verbatim:
        return f"{pin.name}{extras} @ {verbatim}"
    if isinstance(source, VcsSource):
        fragment = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
        return f"{pin.name}{extras} @ {source.kind}+{source.url.bare}@{source.commit or source.revision}{fragment}"
    fragment = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    return f"{pin.name}{extras} @ {source.url.bare}{fragment}"


def _verbatim(session: "Session", compiled: Compiled, pin: "Pin") -> str:
    """Return the URL of a direct source as its line has it, if that names variables: what they hold may be secret."""
    for requirement in compiled.asked.requirements:
        origin = requirement.origin
        if requirement.source is None or origin is None or origin.line is None:
            continue
        if getattr(requirement.source, "url", None) != getattr(pin.source, "url", ""):
            continue
        lines = _old_text(os.path.join(session.cwd, origin.place)).splitlines()
        words = lines[origin.line - 1].split() if origin.line <= len(lines) else []
        found = next((word for word in words if "${" in word), "")
        if found:
            return found
    return ""


def _path_text(session: "Session", compiled: Compiled, name: str, source: PathSource) -> str:
    """Return a path as the user wrote it: a URL, or relative to here."""
    urls = (one for one in compiled.asked.requirements if "file:" in one.text)
    if any(isinstance(one.source, PathSource) and one.source.path == source.path for one in urls):
        return f"{name} @ {file_url.from_path(source.path)}"
    path = os.path.relpath(source.path, session.cwd)
    place = path if path.startswith(".") else f"./{path}"
    return f"-e {place}" if source.editable else place


def _hashes(compiled: Compiled, pin: "Pin") -> "list[str]":
    """Return the hashes of all files of a pin, those that the user demanded if he did; none for directories and repositories."""
    if pin.source is not None:
        known = getattr(pin.source, "digests", ()) or pin.digests
        archive = isinstance(pin.source, UrlSource) or (
            isinstance(pin.source, PathSource) and os.path.isfile(pin.source.path)
        )
        if archive and not known:
            return [f"sha256:{compiled.job.material.source_digest(pin)}"]
        return sorted(map(str, known))
    files = _files(compiled, pin)
    return sorted({str(digest) for file in files for digest in file.digests or (compiled.catalogue.digest(file),)})


def _files(compiled: Compiled, pin: "Pin") -> "tuple[Candidate, ...]":
    files = compiled.catalogue.files(pin.name, pin.version)
    if pin.digests:
        wanted = set(pin.digests)
        files = tuple(file for file in files if wanted.intersection(file.digests)) or files
    return files


def _via(session: "Session", compiled: Compiled, pin: "Pin", style: str) -> str:
    """Return who asks for a pin: names of packages, and files as `-r FILE`."""
    parents = [_parent(session, compiled, parent) for parent in compiled.resolution.parents.get(pin.name, ())]
    parents += [
        f"--override {_shown_file(session, one.origin.place)}"
        for one in compiled.asked.overrides
        if one.name == pin.name and one.origin is not None
    ]
    parents = [parent for parent in parents if parent]
    parents = sorted(dict.fromkeys(parents), key=lambda text: (not text.startswith("-"), text))
    if not parents:
        return ""
    if style == "line" or len(parents) == 1:
        return f"# via {', '.join(parents)}"
    return "# via\n" + "\n".join(f"#   {parent}" for parent in parents)


def _parent(session: "Session", compiled: Compiled, text: str) -> str:
    """Return how an origin or a package is called in a note; "" for what is not told."""
    labels = compiled.asked.labels
    place, bracket, _ = text.partition(" (")
    if bracket:  # a file that has no lines: `pyproject.toml (dev)`
        label = labels.get(text, labels.get(place))
        if label is not None:
            return label
    known = {
        str(one.origin): one.origin.place for one in compiled.asked.constraints if one.origin is not None
    }  # a constraint
    if text in known:
        return f"-c {_shown_file(session, known[text])}"
    place, colon, line = text.rpartition(":")
    if not (colon and line.isdigit()):
        return "" if text == "-" else text
    return "" if place == "-" else f"-r {place}"


def _shown_file(session: "Session", place: str) -> str:
    """Return a place without the key of a configuration file in it, relative where it can be: the output may be published."""
    files = place.partition(" (")[0].split(", ")
    return ", ".join(os.path.relpath(file, session.cwd) if os.path.isabs(file) else file for file in files)


# --- pylock.toml ----------------------------------------------------------------------------------------------------


def _lock_text(session: "Session", compiled: Compiled) -> "Iterator[str]":
    """Yield the text of a lock; one that was made for one target has only the wheels that fit it."""
    settings = session.settings
    output = settings.text("output-file")
    base = os.path.dirname(os.path.join(session.cwd, output)) if output else session.cwd
    universal = settings.flag("universal")
    left_out = {normalize(name) for name in settings.many("no-emit-package")}
    packages = []
    for pin in compiled.resolution.pins:
        if pin.name in left_out:
            continue
        files = _files(compiled, pin) if pin.source is None else ()
        if not universal:
            files = tuple(file for file in files if _fits(file, compiled.target))
        files = tuple(
            file if file.digests else file.replaced(digests=(compiled.catalogue.digest(file),)) for file in files
        )
        if pin.source is not None and not pin.digests:
            pin = pin.replaced(digests=tuple(map(_digest, _hashes(compiled, pin))))
        packages.append((pin, files))
    python = compiled.target.markers.get("python_version", "")
    oldest = compiled.job.solving.oldest_python(compiled.asked.requires_python) if universal else python
    yield from _header(session)
    yield documents.lock_text(packages, base, f">={oldest}")


def _digest(text: str) -> Digest:
    return Digest(*text.split(":", 1))


def _fits(file: "Candidate", target: "Target") -> bool:
    split = wheel_file.split_filename(file.filename)
    return split is None or not set(target.tags).isdisjoint(wheel_file.expand_tags(*split[3:]))
