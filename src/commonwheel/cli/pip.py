"""The words of the `pip` family, and how its results look."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonwheel.cli.console import Console
    from commonwheel.commands.check import Checked
    from commonwheel.commands.fetch import Fetched
    from commonwheel.commands.hash import FileHash
    from commonwheel.commands.index_versions import Offered
    from commonwheel.commands.listing import Listed
    from commonwheel.commands.show import Details
    from commonwheel.commands.tree import Tree
    from commonwheel.settings.settings import Settings

WHERE = (
    "Environment",
    "python system target prefix break-system-packages lock-timeout managed-python python-preference",
)
INDEXES = (
    "Indexes",
    (
        "default-index index index-url extra-index-url find-links no-index index-strategy keyring-provider allow-insecure-host "
        "cert client-cert proxy timeout retries system-certs"
    ),
)
INPUTS = (
    "Requirements",
    (
        "requirements editable no-editable no-editable-package from-script constraints overrides excludes build-constraints "
        "extra all-extras group no-deps only-deps require-hashes no-verify-hashes no-sources no-sources-package"
    ),
)
CHOICE = (
    "Resolution",
    (
        "upgrade upgrade-package upgrade-group resolution prerelease prerelease-package pre all-releases only-final exclude-newer "
        "exclude-newer-package python-version python-platform fork-strategy torch-backend"
    ),
)
BUILDS = (
    "Building",
    (
        "config-settings config-settings-package no-build-isolation no-build-isolation-package no-build no-build-package "
        "no-binary no-binary-package only-binary"
    ),
)
PLACING = (
    "Installing",
    (
        "link-mode no-fold compile-bytecode reinstall reinstall-package exact strict no-verify-record durability "
        "no-installer-metadata read-only-cache"
    ),
)
OUTCOME = ("Outcome", "dry-run check report format")
PIP = ("pip compatibility", "yes ignored ignored-value")
# Taken by every command, as uv and pip have it, and of no consequence where nothing is asked of an index.
NETWORK = (
    "",
    "allow-insecure-host cert client-cert proxy no-proxy-env timeout retries keyring-provider system-certs link-mode",
)
LOOKING = ("Environment", "python system target prefix path managed-python")

INSTALL = Arguments(
    "Install packages into an environment",
    "[REQUIREMENT]...",
    0,
    None,
    (INPUTS, CHOICE, INDEXES, WHERE, BUILDS, PLACING, OUTCOME, PIP, GLOBAL),
)
SYNC = Arguments(
    "Make an environment match lock files or pinned requirements exactly",
    "FILE...",
    1,
    None,
    (
        ("Requirements", "constraints build-constraints extra all-extras group require-hashes no-verify-hashes no-sources no-sources-package allow-empty-requirements"),
        CHOICE, INDEXES, WHERE, BUILDS, PLACING, OUTCOME, PIP, GLOBAL,
    ),
)  # fmt: skip
UNINSTALL = Arguments(
    "Remove packages from an environment",
    "[PACKAGE]...",
    0,
    None,
    (("Requirements", "requirements"), WHERE, ("Outcome", "dry-run format durability"), PIP, GLOBAL, NETWORK),
)
COMPILE = Arguments(
    "Resolve requirements to a file of pinned versions",
    "[FILE]...",
    0,
    None,
    (
        INPUTS,
        (
            "Output",
            ("output-file format generate-hashes universal no-strip-extras no-strip-markers no-annotate annotation-style no-header "
            "custom-compile-command emit-index-url emit-find-links emit-build-options emit-index-annotation no-emit-package pip-tools resolver"),
        ),
        CHOICE, INDEXES, LOOKING, BUILDS, PIP, GLOBAL, ("", "link-mode"),
    ),
    "requirements.txt pylock.toml",
)  # fmt: skip
FREEZE = Arguments(
    "List installed packages in requirements format",
    groups=(("Output", "exclude exclude-editable all local strict format"), LOOKING, PIP, GLOBAL, NETWORK),
)
LIST = Arguments(
    "List installed packages",
    groups=(
        ("Output", "only-editable exclude-editable exclude outdated uptodate not-required local strict format"),
        LOOKING,
        INDEXES,
        (
            "Resolution",
            "prerelease prerelease-package pre all-releases only-final exclude-newer exclude-newer-package no-binary only-binary",
        ),
        PIP,
        GLOBAL,
    ),
    formats="columns freeze json",
)
SHOW = Arguments(
    "Show details of installed packages",
    "[PACKAGE]...",
    0,
    None,
    (("Output", "files strict format"), LOOKING, PIP, GLOBAL, NETWORK),
)
TREE = Arguments(
    "Show installed packages as a tree",
    groups=(
        ("Output", "depth prune package no-dedupe invert show-version-specifiers show-sizes outdated strict format"),
        LOOKING,
        INDEXES,
        ("Resolution", "prerelease prerelease-package pre exclude-newer exclude-newer-package"),
        PIP,
        GLOBAL,
    ),
)
CHECK = Arguments(
    "Check that installed packages have compatible dependencies",
    groups=(LOOKING, ("Output", "format"), ("Resolution", "python-version python-platform"), PIP, GLOBAL, NETWORK),
)
DOWNLOAD = Arguments(
    "Download packages and their dependencies",
    "[REQUIREMENT]...",
    0,
    None,
    (("Output", "dest"), INPUTS, CHOICE, INDEXES, LOOKING, BUILDS, PIP, GLOBAL),
)
WHEEL = Arguments(
    "Build wheels of packages and their dependencies",
    "[REQUIREMENT]...",
    0,
    None,
    (("Output", "wheel-dir"), INPUTS, CHOICE, INDEXES, LOOKING, BUILDS, PIP, GLOBAL),
)
BUILD = Arguments(
    "Build a source distribution and, from that, a wheel",
    "[DIRECTORY]",
    0,
    1,
    (
        ("Output", "out-dir sdist wheel no-create-gitignore uv-build"),
        ("Building", "build-constraints config-settings no-build-isolation no-build-isolation-package no-build-package no-sources"),
        ("Resolution", "exclude-newer exclude-newer-package"),
        INDEXES, LOOKING, PIP, GLOBAL,
    ),
)  # fmt: skip
HASH = Arguments(
    "Hash files, as requirements files want it",
    "FILE...",
    1,
    None,
    (("Output", "algorithm"), PIP, GLOBAL, NETWORK, ("", "python")),
)
INSPECT = Arguments(
    "Describe an environment as JSON, as pip does", groups=(LOOKING, ("Output", "local"), PIP, GLOBAL, NETWORK)
)
VERSIONS = Arguments(
    "List the versions of a package that an index offers",
    "PACKAGE",
    1,
    1,
    (
        (
            "Resolution",
            "prerelease pre all-releases only-final exclude-newer python-version python-platform no-binary only-binary",
        ),
        INDEXES,
        LOOKING,
        PIP,
        GLOBAL,
    ),
)
DEBUG = Arguments("Show tags, markers and configuration", groups=(LOOKING, INDEXES, PIP, GLOBAL))


def show_line(console: "Console", value: str, settings: "Settings") -> int:
    """Print one line."""
    if wants_json(settings):
        load("json_output:show")(console, value)
    else:
        console.out(value)
    return 0


def show_lines(console: "Console", value: "Iterable[str]", settings: "Settings") -> int:
    """Print lines."""
    if wants_json(settings):
        load("json_output:show")(console, list(value))
    else:
        console.lines(value)
    return 0


def show_tree(console: "Console", value: "Tree", settings: "Settings") -> int:
    """Print who depends on whom, drawn or as nested objects."""
    if wants_json(settings):
        load("json_output:show")(console, value.nested())
    else:
        console.lines(value.lines())
    return 0


def show_text(console: "Console", value: str, settings: "Settings") -> int:
    """Print text that has its own line ends; what went to a file is printed too unless -q, as uv does."""
    if settings.text("output-file") is None or not settings.count("quiet"):
        console.raw(value)
    return 0


def show_json(console: "Console", value: object, settings: "Settings") -> int:
    """Print a value as JSON for people and scripts."""
    load("json_output:show")(console, value)
    return 0


def wants_json(settings: "Settings") -> bool:
    """Return whether the result is to be JSON."""
    return settings.flag("json") or settings.text("format") == "json"


def table(console: "Console", head: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> None:
    """Print columns with a head, as wide as they need to be."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]

    def line(row: "Sequence[str]") -> str:
        return " ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()

    console.lines(
        [console.style(line(head), "bold", out=True), " ".join("-" * width for width in widths), *map(line, rows)]
    )


def show_list(console: "Console", value: "Listed", settings: "Settings") -> int:
    """Print installed packages as columns, requirements or JSON."""
    style = "json" if settings.flag("json") else settings.text("format") or "columns"
    if style == "json":
        load("json_output:show")(console, [row.as_json() for row in value.rows], compact=True)
    elif style == "freeze":
        console.lines(f"{row.name}=={row.version}" for row in value.rows)
    elif value.rows:
        columns = [("Package", [row.name for row in value.rows]), ("Version", [row.version for row in value.rows])]
        if settings.flag("outdated"):
            columns += [
                ("Latest", [row.latest for row in value.rows]),
                ("Type", [row.latest_kind for row in value.rows]),
            ]
        if any(row.editable for row in value.rows):
            columns.append(("Editable project location", [row.editable for row in value.rows]))
        table(console, [name for name, _ in columns], list(zip(*(cells for _, cells in columns), strict=True)))
    return 0


def show_details(console: "Console", value: "Details", settings: "Settings") -> int:
    """Print a paragraph for each package; status 1 when none was found."""
    if wants_json(settings):
        load("json_output:show")(console, [dict(fields) for fields in value.found])
    else:
        blocks = []
        for fields in value.found:
            block = []
            for name, text in fields:
                if isinstance(text, list):
                    block += [f"{name}:", *(f"  {line}" for line in text)]
                else:
                    block.append(f"{name}: {_folded(text)}".rstrip())
            blocks.append("\n".join(block))
        console.raw("\n---\n".join(blocks) + "\n" if blocks else "")
    for name in value.missing:
        console.warning(f"Package(s) not found for: {name}")
    return 0 if value.found else 1


def _folded(text: str) -> str:
    """Return a value of several lines so that none of them looks like the next field."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(line if line[:1] in ("", " ", "\t") else f"  {line}" for line in rest)])


def show_check(console: "Console", value: "Checked", settings: "Settings") -> int:
    """Print what does not fit; status 1 when anything does not."""
    if wants_json(settings):
        load("json_output:show")(console, {"checked": value.count, "problems": list(value.problems)})
        return 1 if value.problems else 0
    if value.problems:
        console.say(f"Found {len(value.problems)} incompatibilit{'y' if len(value.problems) == 1 else 'ies'}")
        for problem in value.problems:
            console.trouble(problem)
        return 1
    console.say("All installed packages are compatible")
    return 0


def show_files(console: "Console", value: "Fetched", settings: "Settings") -> int:
    """Print the files that were saved, one a line."""
    if settings.flag("json"):
        load("json_output:show")(console, [{"file": path, "sha256": digest} for path, digest in value.files])
    else:
        console.lines(path for path, _ in value.files)
    return 0


def show_hashes(console: "Console", value: "Sequence[FileHash]", settings: "Settings") -> int:
    """Print hashes in the form of requirements files."""
    if settings.flag("json"):
        load("json_output:show")(console, [{"file": row.path, "hash": row.digest} for row in value])
        return 0
    for row in value:
        console.lines([f"{row.path}:", f"--hash={row.digest}"])
    return 0


def show_versions(console: "Console", value: "Offered", settings: "Settings") -> int:
    """Print the versions of a package; status 1 when there are none."""
    if settings.flag("json"):
        load("json_output:show")(
            console,
            {
                "name": value.name,
                "versions": list(value.versions),
                "latest": value.latest,
                "installed_version": value.installed,
            },
        )
        return 0 if value.versions else 1
    if not value.versions:
        console.trouble(f"error: no version of `{value.name}` fits{': ' + value.note if value.note else ''}")
        return 1
    console.lines([f"{value.name} ({value.latest})", f"Available versions: {', '.join(value.versions)}"])
    if value.installed:
        console.lines([f"  INSTALLED: {value.installed}", f"  LATEST:    {value.latest}"])
    return 0
