"""`build`: a source distribution and a wheel of a project, for publishing.

By default the wheel is built from the source distribution that was built first, as `python -m build` and `uv build` do it:
what is published as source is then known to be buildable. `--wheel` builds it from the tree itself, and `--sdist --wheel`
both from the tree. Results appear in the output directory once all of them are there, and not at all if one fails.
"""

import os

from commonwheel.build import archives, static
from commonwheel.build.backend import BuildFailed
from commonwheel.build.builder import Tree
from commonwheel.build.static import NotAProject
from commonwheel.commands import gather
from commonwheel.commands.fetch import Fetched, save
from commonwheel.fs import files, trees
from commonwheel.specs import versions, wheel_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from commonwheel.session.job import Job
    from commonwheel.session.session import Session
    from commonwheel.settings.settings import Parsed


class NotBuilt(BuildFailed):
    """Report that what was to be published cannot be built: exit status 2, as of `uv build`."""

    exit_status = 2


def build(session: "Session", parsed: "Parsed") -> Fetched:
    """Build what is in a directory (the current one), or the wheel of a source distribution.

    Raises NotAProject, NotBuilt, and the errors of what a build environment needs; nothing is saved then.
    """
    source = os.path.normpath(
        os.path.join(session.cwd, os.path.expanduser(parsed.positional[0] if parsed.positional else "."))
    )
    target = session.target(session.environment(mutating=False))
    job = session.job(gather.gather(session, (), (), lambda: target))
    is_archive = os.path.isfile(source)
    try:
        made = [_wheel(job, _unpacked(job, source))] if is_archive else _of_directory(job, source)
    except BuildFailed as error:
        if error.code != BuildFailed.code:
            raise
        raise NotBuilt(error.message, context=error.context, hint=error.hint) from error
    place = os.path.dirname(source) if is_archive else os.path.join(source, "dist")
    chosen = session.settings.text("out-dir")
    directory = place if chosen is None else os.path.join(session.cwd, chosen)
    is_new = trees.make_directory(directory, parents=True)
    if is_new and chosen is None and not session.settings.flag("no-create-gitignore"):
        files.write(os.path.join(directory, ".gitignore"), b"*\n", replace=False)
    return Fetched(
        tuple(save(session.reporter, path, os.path.join(directory, os.path.basename(path))) for path in made)
    )


def _of_directory(job: "Job", source: str) -> "list[str]":
    """Return the paths, in scratch space, of what is wanted of a project directory."""
    if not os.path.isdir(source):
        raise NotAProject(f"there is no directory and no source distribution at `{source}`", hint="check the path")
    wants_sdist, wants_wheel = job.settings.flag("sdist"), job.settings.flag("wheel")
    tree = Tree(source, source, guess=static.name_of(source), place=source)
    _check_python(job, tree)
    if wants_wheel and not wants_sdist:
        return [_wheel(job, tree)]
    sdist = _sdist(job, tree)
    if wants_sdist and not wants_wheel:
        return [sdist]
    return [sdist, _wheel(job, tree if wants_sdist else _unpacked(job, sdist))]


def _check_python(job: "Job", tree: Tree) -> None:
    """Warn where the project says that it is not for this Python: its metadata may well be made all the same."""
    found = job.builder.static_metadata(tree)
    python = job.build_inputs.interpreter.markers.get("python_full_version", "")
    if found is not None and not versions.admits_python(found.requires_python, python):
        job.reporter.note(
            "warning", f"`{found.name}` requires Python {found.requires_python}, and is built with {python}"
        )


def _sdist(job: "Job", tree: Tree) -> str:
    job.reporter.note("info", "Building source distribution...")
    return job.builder.sdist(tree, _scratch(job))


def _wheel(job: "Job", tree: Tree) -> str:
    job.reporter.note("info", f"Building wheel{' from source distribution' if tree.archived else ''}...")
    return job.builder.wheel(tree, _scratch(job))


def _unpacked(job: "Job", path: str) -> Tree:
    """Return the tree in a source distribution, which must be the one that its file name says."""
    filename = os.path.basename(path)
    tree = archives.unpack(path, _scratch(job))
    name = static.name_of(tree)
    version = (wheel_file.parse_sdist_filename(filename, name) if name else None) or ""
    return Tree(tree, filename, name if version else "", version, archived=True, guess=name, place=path)


def _scratch(job: "Job") -> str:
    return trees.staging(job.material.scratch)
