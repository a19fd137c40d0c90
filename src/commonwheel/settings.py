"""Every setting: its names, its value, and where the value came from.

One table, `OPTIONS`, is the whole surface: the command line, the variables, the keys of configuration files, `--help`,
`cw config`, completion and `docs/reference.md` are all read off it, so they cannot disagree.

Precedence, highest first: the command line; `CW_X`; `UV_X` (so that scripts written for uv work unchanged, except for
the cache directory: `uv cache clean` must never empty our store); the project's `cw.toml` or `[tool.cw]`; the
same directory's `uv.toml` or `[tool.uv]` for the keys marked so; the user's file; the system's file. Scalars: the first
wins. Lists from files are joined, project first.

A project says what to install and from where. It does not say whom to trust, which stores to use, or what not to verify (`PERSONAL`):
that is for the user, the system, a variable or the command line, and ignored with a warning in a project's files. Files that another
user left on the way up are passed over (`fs.start`).

Laws of this file: it parses no TOML itself (a reader is handed in, because `tomllib` costs as much as a whole no-op
install), and it opens only configuration files, through a finder that is handed in.
"""

import os

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final, Protocol

    Reader = Callable[[str, str], dict[str, object]]

    class Finder(Protocol):
        """Open configuration files (`session.Finder` is the real one)."""

        def project(self, path: str, trusted: Sequence[str], matters: Callable[[bytes], bool]) -> bytes | None:
            """Return the content of a file at or above the directory that the user started in, None if it is not there or does not count."""

        def own(self, path: str) -> bytes | None:
            """Return the content of a file of the user's or the system's configuration, None if it is not there or does not count."""

        def warn(self, message: str) -> None:
            """Hear what is ignored."""


class Option(Value):
    """One setting: `kind` is `flag`, `count`, `text`, `path`, `number`, `list` or `paths`.

    `flags` are its spellings on the command line, the first is the one shown; `off` are spellings that set a flag to
    false; `variables` are names without the `CW_`/`UV_` prefix; `separators` split a variable into a list; `uv` tells whether
    `UV_X` is an alias; `config` is its key in configuration files ("" for none); `from_uv` is the key under
    which uv's own files are read ("" for none).
    """

    __slots__ = (
        "choices", "config", "flags", "from_uv", "help", "hidden", "key", "kind", "metavar", "off", "separators", "uv",
        "variables",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the columns of the table
        self,
        key: str,
        flags: str = "",
        kind: str = "flag",
        help: str = "",  # noqa: A002 - the word that every parser uses
        *,
        metavar: str = "",
        off: str = "",
        choices: str = "",
        variables: str = "",
        separators: str = " ",
        uv: bool = True,
        config: str = "",
        from_uv: str = "",
        hidden: bool = False,
    ) -> None:
        self.key: Final = key
        self.flags: Final = tuple(flags.split())
        self.kind: Final = kind
        self.help: Final = help
        self.metavar: Final = metavar or key.upper()
        self.off: Final = tuple(off.split())
        self.choices: Final = tuple(choices.split())
        self.variables: Final = tuple(variables.split())
        self.separators: Final = separators
        self.uv: Final = uv
        self.config: Final = config
        self.from_uv: Final = from_uv
        self.hidden: Final = hidden

    @property
    def many(self) -> bool:
        """Tell whether the option collects values."""
        return self.kind in ("list", "paths")

    @property
    def takes_value(self) -> bool:
        """Tell whether a word must follow the option."""
        return self.kind not in ("flag", "count")


_LINK_MODES = "auto clone hardlink copy symlink fold clone! hardlink! copy! symlink! fold!"

_TABLE = (
    # Output and behaviour, on every command.
    Option("quiet", "-q --quiet", "count", "Say less: once hides progress, twice hides errors too"),
    Option("verbose", "-v --verbose", "count", "Say more"),
    Option("color", "--color", "text", "Colour output", metavar="WHEN", choices="auto always never"),
    Option("no-color", "--no-color", "flag", "The same as --color never", hidden=True),
    Option("offline", "--offline", "flag", "Use nothing but what is at hand", off="--no-offline", variables="OFFLINE", config="offline", from_uv="offline"),
    Option("no-progress", "--no-progress", "flag", "Show no progress bars", variables="NO_PROGRESS", config="no-progress"),
    Option("directory", "--directory", "path", "Change to DIR first", metavar="DIR", variables="WORKING_DIR"),
    Option("project", "--project", "path", "Look for configuration from DIR upward", metavar="DIR", variables="PROJECT"),
    Option("config-file", "--config-file", "path", "Read this configuration file and no other", metavar="FILE", variables="CONFIG_FILE"),
    Option("no-config", "--no-config", "flag", "Read no configuration files, ours or pip's", variables="NO_CONFIG"),
    Option("json", "--json", "flag", "Print the result as JSON"),
    Option("format", "--format --output-format", "text", "Format of the result", metavar="FORMAT"),
    Option("help", "-h --help", "flag", "Show help"),
    # The store.
    Option("cache-dir", "--cache-dir", "path", "The personal store", metavar="DIR", variables="CACHE_DIR", uv=False, config="cache-dir"),
    Option("layers", "--layer", "paths", "A further store, read first; may be repeated", metavar="DIR", variables="LAYERS", separators=":", uv=False, config="layers"),
    Option("trust", "--trust", "list", "Use the entries of this user (or `@GROUP`, or the owner of a store) as they are; may be repeated", metavar="USER", variables="TRUST", uv=False, config="trust"),
    Option("no-cache", "-n --no-cache --no-cache-dir", "flag", "Use a temporary store and drop it afterwards", variables="NO_CACHE", config="no-cache"),
    Option("read-only-cache", "--read-only-cache --frozen-cache", "flag", "Fail up front when something is missing from the store", variables="READ_ONLY_CACHE", uv=False, config="read-only-cache"),
    Option("refresh", "--refresh", "flag", "Ask the index again, whatever is remembered", off="--no-refresh"),
    Option("refresh-package", "--refresh-package", "list", "The same for one package", metavar="PKG"),
    Option("max-size", "--max-size", "text", "Keep the store below this size", metavar="SIZE", variables="MAX_SIZE", uv=False, config="max-size"),
    Option("max-age", "--max-age", "text", "Drop entries that nobody used for so long", metavar="AGE", variables="MAX_AGE", uv=False, config="max-age"),
    Option("keep-archives", "--keep-archives", "flag", "Keep the wheel beside its unpacked tree", off="--no-keep-archives", variables="KEEP_ARCHIVES", uv=False, config="keep-archives"),
    # Which environment.
    Option("python", "-p --python", "text", "Interpreter or environment: version, path or name", metavar="PYTHON", variables="PYTHON"),
    Option("system", "--system", "flag", "Use the first Python on PATH, not a virtual environment", off="--no-system", variables="SYSTEM_PYTHON"),
    Option("break-system-packages", "--break-system-packages", "flag", "Change an externally managed environment all the same", off="--no-break-system-packages", variables="BREAK_SYSTEM_PACKAGES"),
    Option("target", "-t --target", "path", "Install into this directory", metavar="DIR"),
    Option("prefix", "--prefix", "path", "Install below this prefix", metavar="DIR"),
    Option("managed-python", "--managed-python --no-managed-python --no-python-downloads", "flag", "Accepted for uv's sake: cw never downloads interpreters", hidden=True),
    Option("python-preference", "--python-preference", "text", "Accepted for uv's sake", hidden=True),
    Option("lock-timeout", "--lock-timeout", "number", "Wait so many seconds for another writer", metavar="SECONDS", variables="LOCK_TIMEOUT", config="lock-timeout"),
    # Where packages come from.
    Option("index", "--index", "list", "An index to ask before the default one, as URL or NAME=URL", metavar="INDEX", variables="INDEX"),
    Option("default-index", "--default-index", "text", "The index to ask last", metavar="URL", variables="DEFAULT_INDEX"),
    Option("index-url", "-i --index-url --pypi-url", "text", "The same as --default-index", metavar="URL", variables="INDEX_URL", config="index-url", from_uv="index-url"),
    Option("extra-index-url", "--extra-index-url", "list", "The same as --index", metavar="URL", variables="EXTRA_INDEX_URL", config="extra-index-url", from_uv="extra-index-url"),
    Option("find-links", "-f --find-links", "list", "A folder or page of archives", metavar="PLACE", variables="FIND_LINKS", separators=", ", config="find-links", from_uv="find-links"),
    Option("no-index", "--no-index", "flag", "Ask no index, only --find-links", variables="NO_INDEX", config="no-index", from_uv="no-index"),
    Option("index-strategy", "--index-strategy", "text", "How several indexes are combined", metavar="STRATEGY", choices="first-index unsafe-first-match unsafe-best-match", variables="INDEX_STRATEGY", config="index-strategy", from_uv="index-strategy"),
    Option("keyring-provider", "--keyring-provider", "text", "Ask the `keyring` command for credentials", metavar="PROVIDER", choices="disabled subprocess", variables="KEYRING_PROVIDER", config="keyring-provider", from_uv="keyring-provider"),
    Option("allow-insecure-host", "--allow-insecure-host --trusted-host", "list", "Do not check the certificate of this host", metavar="HOST", variables="INSECURE_HOST", config="allow-insecure-host", from_uv="allow-insecure-host"),
    Option("cert", "--cert", "path", "A bundle of CA certificates", metavar="FILE", config="cert"),
    Option("client-cert", "--client-cert", "path", "A client certificate with its key", metavar="FILE", config="client-cert"),
    Option("no-proxy-env", "--no-proxy-env", "flag", "Ignore the proxies of the environment", hidden=True),
    Option("proxy", "--proxy", "text", "A proxy for all requests", metavar="URL", config="proxy"),
    Option("system-certs", "--system-certs --native-tls", "flag", "Use the system's CA certificates (always so in cw)", variables="SYSTEM_CERTS NATIVE_TLS", hidden=True),
    Option("timeout", "--timeout --default-timeout", "number", "Seconds without a byte before a request fails", metavar="SECONDS", variables="HTTP_TIMEOUT REQUEST_TIMEOUT", config="timeout"),
    Option("connect-timeout", "", "number", "Seconds to reach a server before an attempt fails", variables="HTTP_CONNECT_TIMEOUT", config="connect-timeout"),
    Option("retries", "--retries", "number", "How often a failed request is tried again", metavar="N", variables="HTTP_RETRIES", config="retries"),
    Option("concurrent-downloads", "", "number", "Downloads at a time", variables="CONCURRENT_DOWNLOADS", config="concurrent-downloads"),
    Option("concurrent-builds", "", "number", "Builds at a time", variables="CONCURRENT_BUILDS", config="concurrent-builds"),
    Option("concurrent-installs", "", "number", "Workers that place files", variables="CONCURRENT_INSTALLS", config="concurrent-installs"),
    # What is asked.
    Option("requirements", "-r --requirements --requirement", "list", "A file of requirements: requirements.txt, pyproject.toml, pylock.toml, a script, or `-`", metavar="FILE"),
    Option("editable", "-e --editable", "list", "A project to install in editable form", metavar="PATH"),
    Option("no-editable", "--no-editable", "flag", "Install projects that are asked for as editable in the ordinary way", variables="NO_EDITABLE"),
    Option("no-editable-package", "--no-editable-package", "list", "The same for one package", metavar="PKG"),
    Option("from-script", "--requirements-from-script", "list", "A script whose dependencies (PEP 723) are asked for", metavar="FILE"),
    Option("only-deps", "--only-deps", "flag", "Install what the requirements need, but not themselves"),
    Option("constraints", "-c --constraints --constraint", "list", "A file that narrows versions", metavar="FILE", variables="CONSTRAINT"),
    Option("overrides", "--overrides --override", "list", "A file whose requirements replace all others on their names", metavar="FILE", variables="OVERRIDE"),
    Option("excludes", "--excludes --exclude-dependencies", "list", "A file of names that are left out", metavar="FILE", variables="EXCLUDE"),
    Option("build-constraints", "-b --build-constraints --build-constraint", "list", "A file that narrows what builds are made with", metavar="FILE", variables="BUILD_CONSTRAINT"),
    Option("constraint-dependencies", "", "list", "Constraints, from a configuration file", config="constraint-dependencies", from_uv="constraint-dependencies"),
    Option("override-dependencies", "", "list", "Overrides, from a configuration file", config="override-dependencies", from_uv="override-dependencies"),
    Option("exclude-dependencies", "", "list", "Excluded names, from a configuration file", config="exclude-dependencies", from_uv="exclude-dependencies"),
    Option("build-constraint-dependencies", "", "list", "Build constraints, from a configuration file", config="build-constraint-dependencies", from_uv="build-constraint-dependencies"),
    Option("extra", "--extra", "list", "An extra of the projects named with -r", metavar="EXTRA"),
    Option("all-extras", "--all-extras", "flag", "All of their extras", off="--no-all-extras"),
    Option("group", "--group", "list", "A dependency group, as NAME or FILE:NAME", metavar="GROUP"),
    Option("no-deps", "--no-deps --no-dependencies", "flag", "Leave dependencies out", off="--deps", config="no-deps"),
    Option("require-hashes", "--require-hashes", "flag", "Every requirement must be pinned and hashed", off="--no-require-hashes", variables="REQUIRE_HASHES", config="require-hashes"),
    Option("no-verify-hashes", "--no-verify-hashes", "flag", "Do not hold requirements' hashes against files", off="--verify-hashes", variables="NO_VERIFY_HASHES", config="no-verify-hashes"),
    Option("no-verify-record", "--no-verify-record", "flag", "Accept wheels whose RECORD is wrong", variables="NO_VERIFY_RECORD", uv=False, config="no-verify-record"),
    Option("upgrade", "-U --upgrade", "flag", "Prefer the newest over what is there", off="--no-upgrade", config="upgrade"),
    Option("upgrade-group", "--upgrade-group", "list", "The same for the members of a dependency group", metavar="GROUP"),
    Option("upgrade-package", "-P --upgrade-package", "list", "The same for one package, as NAME or NAME==VERSION", metavar="PKG"),
    Option("resolution", "--resolution", "text", "Which versions to prefer", metavar="MODE", choices="highest lowest lowest-direct", variables="RESOLUTION", config="resolution", from_uv="resolution"),
    Option("prerelease", "--prerelease", "text", "When pre-releases are taken", metavar="MODE", choices="if-necessary allow disallow explicit if-necessary-or-explicit", variables="PRERELEASE", config="prerelease", from_uv="prerelease"),
    Option("pre", "--pre", "flag", "The same as --prerelease allow"),
    Option("prerelease-package", "--prerelease-package", "list", "When pre-releases of one package are taken, as NAME=MODE", metavar="PKG=MODE", config="prerelease-package", from_uv="prerelease-package"),
    Option("all-releases", "--all-releases", "list", "pip's way to allow pre-releases of a package, or of `:all:`", metavar="PKG", hidden=True),
    Option("only-final", "--only-final", "list", "pip's way to forbid pre-releases of a package, or of `:all:`", metavar="PKG", hidden=True),
    Option("exclude-newer", "--exclude-newer --uploaded-prior-to", "text", "Ignore files uploaded after this date, time or age", metavar="WHEN", variables="EXCLUDE_NEWER", config="exclude-newer", from_uv="exclude-newer"),
    Option("exclude-newer-package", "--exclude-newer-package", "list", "The same for one package, as NAME=WHEN or NAME=false", metavar="PKG=WHEN", config="exclude-newer-package", from_uv="exclude-newer-package"),
    Option("fork-strategy", "--fork-strategy", "text", "What a universal resolution prefers", metavar="STRATEGY", choices="requires-python fewest", variables="FORK_STRATEGY", config="fork-strategy", from_uv="fork-strategy"),
    Option("no-sources", "--no-sources", "flag", "Ignore the tool-specific sources of projects", variables="NO_SOURCES", config="no-sources"),
    Option("no-sources-package", "--no-sources-package", "list", "The same for one package", metavar="PKG", variables="NO_SOURCES_PACKAGE"),
    Option("python-version", "--python-version", "text", "Resolve for this Python", metavar="VERSION"),
    Option("python-platform", "--python-platform", "text", "Resolve for this platform", metavar="PLATFORM"),
    Option("torch-backend", "--torch-backend", "text", "Accepted with `auto` only: name the index of another backend with --index", choices="auto", variables="TORCH_BACKEND", hidden=True),
    # How it is built.
    Option("config-settings", "-C --config-setting --config-settings", "list", "A setting for build backends, as KEY=VALUE", metavar="KEY=VALUE", config="config-settings"),
    Option("config-settings-package", "--config-settings-package", "list", "The same for one package, as PKG:KEY=VALUE", metavar="PKG:KEY=VALUE"),
    Option("no-build-isolation", "--no-build-isolation", "flag", "Build in the environment itself", off="--build-isolation", variables="NO_BUILD_ISOLATION", config="no-build-isolation"),
    Option("no-build-isolation-package", "--no-build-isolation-package", "list", "The same for one package", metavar="PKG", config="no-build-isolation-package"),
    Option("no-build", "--no-build", "flag", "Never build from source", off="--build", variables="NO_BUILD", config="no-build"),
    Option("no-build-package", "--no-build-package", "list", "The same for one package", metavar="PKG", config="no-build-package"),
    Option("no-binary", "--no-binary", "list", "Build this package from source, or `:all:`", metavar="PKG", variables="NO_BINARY", separators=", ", config="no-binary"),
    Option("no-binary-package", "--no-binary-package", "list", "Build this package from source", metavar="PKG", config="no-binary-package"),
    Option("only-binary", "--only-binary", "list", "Never build this package, or `:all:`", metavar="PKG", config="only-binary"),
    # How it is installed.
    Option("link-mode", "--link-mode", "text", "How files get into environments; `!` forbids falling back", metavar="MODE", choices=_LINK_MODES, variables="LINK_MODE", config="link-mode", from_uv="link-mode"),
    Option("no-fold", "--no-fold", "list", "Place this package file by file", metavar="PKG", variables="NO_FOLD", uv=False, config="no-fold"),
    Option("compile-bytecode", "--compile-bytecode --compile", "flag", "Install modules with their bytecode, which is compiled once for all environments of the store", off="--no-compile-bytecode --no-compile", variables="COMPILE_BYTECODE", config="compile-bytecode"),
    Option("compile-timeout", "", "number", "Seconds for one module before compiling is given up; 0 for no limit", variables="COMPILE_BYTECODE_TIMEOUT", config="compile-timeout"),
    Option("durability", "--durability", "text", "When an installed state must be on disk", metavar="WHEN", choices="recover sync", variables="DURABILITY", uv=False, config="durability"),
    Option("reinstall", "--reinstall --force-reinstall --ignore-installed", "flag", "Install again what is there", off="--no-reinstall", config="reinstall"),
    Option("reinstall-package", "--reinstall-package", "list", "The same for one package", metavar="PKG"),
    Option("exact", "--exact", "flag", "Remove what is not asked for"),
    Option("strict", "--strict", "flag", "Check the environment afterwards"),
    Option("dry-run", "--dry-run", "flag", "Say what would be done and do nothing"),
    Option("check", "--check", "flag", "Exit with 1 if anything would change"),
    Option("report", "--report", "text", "Write pip's installation report, `-` for stdout", metavar="FILE"),
    Option("allow-empty-requirements", "--allow-empty-requirements", "flag", "Let an empty file remove everything", off="--no-allow-empty-requirements"),
    Option("yes", "-y --yes", "flag", "Accepted for pip's sake: cw never asks"),
    Option("no-installer-metadata", "--no-installer-metadata", "flag", "Write no INSTALLER, REQUESTED and direct_url.json", variables="NO_INSTALLER_METADATA"),
    # compile.
    Option("output-file", "-o --output-file", "path", "Write to FILE; its pins are preferred", metavar="FILE"),
    Option("generate-hashes", "--generate-hashes", "flag", "Write the hashes of all files"),
    Option("universal", "--universal", "flag", "Resolve for every platform and Python at once"),
    Option("no-strip-extras", "--no-strip-extras", "flag", "Write extras", off="--strip-extras"),
    Option("no-strip-markers", "--no-strip-markers", "flag", "Write under which markers each pin is needed", off="--strip-markers"),
    Option("no-annotate", "--no-annotate", "flag", "Write no `via` comments", off="--annotate"),
    Option("annotation-style", "--annotation-style", "text", "Where `via` comments stand", metavar="STYLE", choices="line split"),
    Option("no-header", "--no-header", "flag", "Write no header", off="--header"),
    Option("custom-compile-command", "--custom-compile-command", "text", "The command that the header names", metavar="COMMAND", variables="CUSTOM_COMPILE_COMMAND"),
    Option("emit-index-url", "--emit-index-url", "flag", "Write index options", off="--no-emit-index-url"),
    Option("emit-find-links", "--emit-find-links", "flag", "Write find-links options", off="--no-emit-find-links"),
    Option("emit-build-options", "--emit-build-options", "flag", "Write build options"),
    Option("emit-index-annotation", "--emit-index-annotation", "flag", "Write which index each package came from"),
    Option("no-emit-package", "--no-emit-package --unsafe-package", "list", "Leave this package out of the output", metavar="PKG"),
    # Looking.
    Option("exclude", "--exclude", "list", "Leave this package out", metavar="PKG"),
    Option("exclude-editable", "--exclude-editable", "flag", "Leave editable projects out"),
    Option("only-editable", "-e --editable", "flag", "Only editable projects"),
    Option("outdated", "-o --outdated", "flag", "Only what has a newer version"),
    Option("uptodate", "-u --uptodate", "flag", "Only what has no newer version"),
    Option("local", "-l --local", "flag", "Only what lies in the environment itself, not in one below it"),
    Option("not-required", "--not-required", "flag", "Only what nothing else depends on"),
    Option("path", "--path", "paths", "Look into this directory instead", metavar="DIR"),
    Option("files", "-f --files", "flag", "List the installed files"),
    Option("all", "--all", "flag", "Everything"),
    Option("depth", "-d --depth", "number", "How deep to show", metavar="N"),
    Option("prune", "--prune", "list", "Leave this package and what hangs on it out", metavar="PKG"),
    Option("package", "--package", "list", "Start at this package", metavar="PKG"),
    Option("no-dedupe", "--no-dedupe", "flag", "Show repeated subtrees again"),
    Option("invert", "--invert --reverse", "flag", "Show who depends on whom"),
    Option("show-version-specifiers", "--show-version-specifiers", "flag", "Show what versions are asked for"),
    Option("show-sizes", "--show-sizes", "flag", "Show installed sizes"),
    # download, wheel, hash, index.
    Option("dest", "-d --dest --destination-directory", "path", "Put files into DIR", metavar="DIR"),
    Option("wheel-dir", "-w --wheel-dir", "path", "Put wheels into DIR", metavar="DIR"),
    Option("algorithm", "-a --algorithm", "text", "Which hash", metavar="ALGORITHM", choices="sha256 sha384 sha512"),
    Option("out-dir", "-o --out-dir", "path", "Put what is built into DIR", metavar="DIR"),
    Option("sdist", "--sdist", "flag", "Build the source distribution"),
    Option("wheel", "--wheel", "flag", "Build the wheel"),
    # venv.
    Option("seed", "--seed", "flag", "Install pip too", variables="VENV_SEED"),
    Option("clear", "-c --clear", "flag", "Replace what is there", variables="VENV_CLEAR"),
    Option("force", "--force", "flag", "Go on where cw would stop"),
    Option("allow-existing", "--allow-existing", "flag", "Keep what is there"),
    Option("prompt", "--prompt", "text", "What the activated shell shows", metavar="PROMPT"),
    Option("system-site-packages", "--system-site-packages", "flag", "Import the base interpreter's packages too"),
    Option("relocatable", "--relocatable", "flag", "Let the environment be moved", variables="VENV_RELOCATABLE"),
    Option("no-project", "--no-project", "flag", "Accepted for uv's sake", hidden=True),
    # cache, doctor, env.
    Option("private", "--private", "flag", "A store of one user"),
    Option("shared-group", "--group", "text", "A store whose group may add and use", metavar="NAME"),
    Option("publish", "--publish", "flag", "A store that its owner fills and everybody reads"),
    Option("repair", "--repair", "flag", "Fetch again what is damaged"),
    Option("fix", "--fix", "flag", "Mend what can be mended"),
    Option("older-than", "--older-than", "text", "Only what nobody used for so long", metavar="AGE"),
    Option("unreferenced", "--unreferenced", "flag", "Only what no environment uses"),
    Option("ci", "--ci", "flag", "Drop what is quickly downloaded again, keep what was built"),
    Option("human", "-H --human --human-readable", "flag", "Sizes for people"),
    Option("message", "-m --message", "text", "A remark to keep with the snapshot", metavar="TEXT"),
    # python.
    Option("only-installed", "--only-installed --all-versions --all-platforms --all-arches --show-urls", "flag", "Accepted for uv's sake", hidden=True),
    Option("show-version", "--show-version", "flag", "Print the version, not the path"),
    Option("script", "--script", "path", "The interpreter that this script asks for (PEP 723)", metavar="FILE"),
    Option("resolve-links", "--resolve-links", "flag", "Print the path behind links"),
    # Projects.
    Option("locked", "--locked", "flag", "Fail if the lock is outdated, and leave it alone", variables="LOCKED"),
    Option("frozen", "--frozen", "flag", "Use the lock as it is, without comparing it with the project", off="--no-frozen", variables="FROZEN"),
    Option("check-exists", "--check-exists", "flag", "Only check that there is a lock"),
    Option("merge", "--merge", "flag", "Be git's merge driver: merge the locks `%A`, `%O` and `%B` into the first"),
    Option("for-script", "--script", "path", "Work on this script (PEP 723) instead of the project", metavar="FILE"),
    Option("no-extra", "--no-extra", "list", "Leave this extra out", metavar="EXTRA"),
    Option("dev", "--dev", "flag", "The same as --group dev"),
    Option("no-dev", "--no-dev", "flag", "The same as --no-group dev", variables="NO_DEV"),
    Option("only-dev", "--only-dev", "flag", "The same as --only-group dev"),
    Option("no-group", "--no-group", "list", "Leave this dependency group out", metavar="GROUP", variables="NO_GROUP"),
    Option("only-group", "--only-group", "list", "This dependency group, and neither the project nor other groups", metavar="GROUP"),
    Option("all-groups", "--all-groups", "flag", "All dependency groups"),
    Option("no-default-groups", "--no-default-groups", "flag", "Leave the default groups out", variables="NO_DEFAULT_GROUPS"),
    Option("inexact", "--inexact --no-exact", "flag", "Keep installed packages that the lock does not name"),
    Option("active", "--active", "flag", "Use the active virtual environment", off="--no-active"),
    Option("all-packages", "--all-packages --all", "flag", "All members of the workspace"),
    Option("no-install-project", "--no-install-project", "flag", "Do not install the project itself", variables="NO_INSTALL_PROJECT"),
    Option("no-install-workspace", "--no-install-workspace", "flag", "Do not install members of the workspace", variables="NO_INSTALL_WORKSPACE"),
    Option("no-install-local", "--no-install-local", "flag", "Do not install what lies on this machine", variables="NO_INSTALL_LOCAL"),
    Option("no-install-package", "--no-install-package", "list", "Do not install this package", metavar="PKG"),
    Option("project-environment", "", "path", "Directory of the project's environment", variables="PROJECT_ENVIRONMENT"),
    Option("project-environments", "", "path", "Directory that holds the environments of all projects, each with a link at `.venv`", uv=False, variables="PROJECT_ENVIRONMENTS", config="project-environments"),
    Option("member", "--package", "list", "A member of the workspace; may be repeated", metavar="PKG"),
    Option("module", "-m --module", "flag", "Run a module, as `python -m` does"),
    Option("as-script", "-s", "flag", "Run the file as a Python script, whatever it is called"),
    Option("with", "-w --with", "list", "Run with this package too", metavar="PKG"),
    Option("with-editable", "--with-editable", "list", "Run with this project too, in editable form", metavar="PATH"),
    Option("with-requirements", "--with-requirements", "list", "Run with what this file of requirements asks for too", metavar="FILE"),
    Option("isolated", "--isolated", "flag", "Run in an environment of its own, which the project's is not changed for", variables="ISOLATED"),
    Option("env-file", "--env-file", "list", "Set the variables of this file; may be repeated", metavar="FILE", variables="ENV_FILE"),
    Option("no-env-file", "--no-env-file", "flag", "Set no variables from files", variables="NO_ENV_FILE"),
    Option("no-sync", "--no-sync", "flag", "Leave the environment as it is", variables="NO_SYNC"),
    Option("without-project", "--no-project", "flag", "Leave the project out of account"),
    Option("optional", "--optional", "text", "Put it into this extra", metavar="EXTRA"),
    Option("to-group", "--group", "text", "Put it into this dependency group", metavar="GROUP"),
    Option("marker", "-m --marker", "text", "Under which marker it is needed", metavar="MARKER"),
    Option("raw", "--raw --raw-sources", "flag", "Write requirements as they are given: no bounds, no sources"),
    Option("bounds", "--bounds", "text", "Which bound a requirement without one gets", metavar="KIND", choices="lower major minor exact", config="add-bounds", from_uv="add-bounds"),
    Option("rev", "--rev", "text", "Revision of a repository", metavar="REV"),
    Option("tag", "--tag", "text", "Tag of a repository", metavar="TAG"),
    Option("branch", "--branch", "text", "Branch of a repository", metavar="BRANCH"),
    Option("as-editable", "--editable", "flag", "Take a local project in editable form"),
    Option("workspace", "--workspace", "flag", "Make a local project a member of the workspace", off="--no-workspace"),
    Option("bump", "--bump", "list", "Which part of the version to increase: major, minor, patch, stable, alpha, beta, rc, post or dev, with or without =N", metavar="PART"),
    Option("app", "--app --application", "flag", "A program"),
    Option("lib", "--lib --library", "flag", "A library"),
    Option("packaged", "--package", "flag", "A project that can be built and installed", off="--no-package"),
    Option("bare", "--bare", "flag", "A pyproject.toml and nothing else"),
    Option("name", "--name", "text", "The name of the project", metavar="NAME"),
    Option("description", "--description", "text", "What the project is for", metavar="TEXT"),
    Option("no-description", "--no-description", "flag", "Write no description"),
    Option("build-backend", "--build-backend", "text", "What builds the project", metavar="BACKEND", choices="hatch hatchling flit pdm poetry setuptools uv maturin scikit", variables="INIT_BUILD_BACKEND"),
    Option("vcs", "--vcs", "text", "Version control to set up", metavar="VCS", choices="git none"),
    Option("author-from", "--author-from", "text", "Where the name of the author comes from", metavar="SOURCE", choices="auto git none"),
    Option("no-readme", "--no-readme", "flag", "Write no README.md"),
    Option("no-pin-python", "--no-pin-python", "flag", "Write no .python-version", off="--pin-python"),
    Option("emit-prune", "--prune", "list", "Leave this package and what only it needs out", metavar="PKG"),
    Option("no-hashes", "--no-hashes", "flag", "Write no hashes", off="--hashes"),
    Option("no-emit-project", "--no-emit-project", "flag", "Leave the project itself out of the output"),
    Option("no-emit-workspace", "--no-emit-workspace", "flag", "Leave members of the workspace out of the output"),
    Option("no-emit-local", "--no-emit-local", "flag", "Leave what lies on this machine out of the output"),
    # pip's harmless words.
    Option("ignored", "--no-warn-script-location --disable-pip-version-check --no-input --prefer-binary --use-pep517 --no-clean --no-python-version-warning --require-virtualenv --no-warn-conflicts --isolated --ignore-requires-python --check-build-dependencies --debug --include-editable --no-verify", "flag", "Accepted for pip's sake", hidden=True),
    Option("ignored-value", "--progress-bar --root-user-action --exists-action --use-feature --use-deprecated --src --upgrade-strategy --resume-retries --log --python-downloads-json-url", "text", "Accepted for pip's sake", hidden=True),
    Option("short", "--short", "flag", "The number alone"),
    Option("bash-completion", "--bash", "flag", "", hidden=True),
)  # fmt: skip

OPTIONS = {option.key: option for option in _TABLE}
#: What no project's configuration decides: whom to trust, where the stores are, and what is not verified.
PERSONAL = ("trust", "layers", "cache-dir", "no-verify-hashes", "no-verify-record", "allow-insecure-host")

_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})
_FALSE = frozenset({"0", "false", "no", "off", "f", "n", ""})


class ConfigError(UsageError):
    """Say that a configuration file or variable holds what no setting takes."""

    code = "bad-configuration"


class Setting(Value):
    """A value and where it came from, as a person would say it."""

    __slots__ = ("source", "value")

    def __init__(self, value: object, source: str) -> None:
        self.value: Final = value
        self.source: Final = source


class Parsed(Value):
    """Positional words, and a value for each option that was given (key of `OPTIONS` -> value)."""

    __slots__ = ("given", "positional")

    def __init__(self, positional: "tuple[str, ...]", given: "Mapping[str, object]") -> None:
        self.positional: Final = positional
        self.given: Final = given


def outer_files(environ: "Mapping[str, str]") -> "tuple[str, ...]":
    """Return the candidate files of the user and of the system, highest precedence first; they need not exist."""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    found = [os.path.join(home, "cw", "cw.toml"), os.path.join(home, "uv", "uv.toml")]
    system = [folder for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    for tool in ("cw", "uv"):
        found += [os.path.join(folder, tool, f"{tool}.toml") for folder in system]
        found.append(f"/etc/{tool}/{tool}.toml")
    return tuple(found)


def project_files(start: str, read: "Callable[[str], bytes | None]") -> "list[tuple[str, bytes]]":
    """Return the files of the nearest directory at or above `start` that says anything, highest precedence first, with their content.

    A pyproject.toml without a table of ours or of uv's says nothing.
    """
    directory = start
    while True:
        here = [os.path.join(directory, name) for name in ("cw.toml", "pyproject.toml", "uv.toml")]
        contents = [(path, read(path)) for path in here]
        present = [(path, data) for path, data in contents if data is not None and _speaks(path, data)]
        parent = os.path.dirname(directory)
        if present or parent == directory:
            return present
        directory = parent


def _speaks(path: str, data: bytes) -> bool:
    """Tell whether a file of a project may hold settings, without a TOML parser: a word that looks like our table is enough."""
    return not path.endswith("pyproject.toml") or _has_tables(data)


def _has_tables(data: bytes) -> bool:
    return b"tool.cw" in data or b"tool.uv" in data


class _Nothing:
    """Find no configuration files: for settings that stand alone."""

    def project(self, path: str, trusted: "Sequence[str]", matters: "Callable[[bytes], bool]") -> bytes | None:
        """Find nothing."""

    def own(self, path: str) -> bytes | None:
        """Find nothing."""

    def warn(self, message: str) -> None:
        """Pass a warning over."""


class Settings:
    """Answer for every key of `OPTIONS` with a value and its source; read files only when first asked."""

    def __init__(
        self,
        given: "Mapping[str, object]",
        environ: "Mapping[str, str]",
        cwd: str,
        read_toml: "Reader",
        *,
        pip_interface: bool = False,
        finder: "Finder | None" = None,
    ) -> None:
        self.finder = finder or _Nothing()
        self.environ: Final = environ
        self.cwd: Final = cwd
        self._given = given
        self._read_toml = read_toml
        self._pip_interface = pip_interface
        self._files: list[tuple[str, dict[str, object], bool]] | None = None
        self._memo: dict[str, Setting] = {}

    def flag(self, key: str) -> bool:
        """Return a flag, False when nobody set it."""
        return bool(self.setting(key).value)

    def is_set(self, key: str) -> bool:
        """Tell whether anybody set the key at all."""
        return self.setting(key).value is not None

    def count(self, key: str) -> int:
        """Return how often a counted option was given."""
        value = self.setting(key).value
        return value if isinstance(value, int) else 0

    def text(self, key: str) -> str | None:
        """Return a text or path, None when nobody set it."""
        value = self.setting(key).value
        return value if isinstance(value, str) else None

    def number(self, key: str) -> float | None:
        """Return a number, None when nobody set it."""
        value = self.setting(key).value
        return float(value) if isinstance(value, (int, float)) else None

    def many(self, key: str) -> "tuple[str, ...]":
        """Return the values of a list option, () when nobody set it."""
        value = self.setting(key).value
        return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()

    def source(self, key: str) -> str:
        """Return where the value of `key` came from."""
        return self.setting(key).source

    def setting(self, key: str) -> Setting:
        """Return the value and source of `key`.

        Raises ConfigError when a variable or file holds what the option cannot take.
        """
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = self._look_up(OPTIONS[key])
        return known

    def table(self, key: str) -> "list[tuple[dict[str, object], str]]":
        """Return the tables `[[key]]` or `[key]` of all files with their file's path, project first."""
        found: list[tuple[dict[str, object], str]] = []
        for path, content, _ in self.files():
            value = content.get(key)
            if isinstance(value, dict):
                found.append((value, path))
            elif isinstance(value, list):
                found += [(item, path) for item in value if isinstance(item, dict)]
        return found

    def files(self) -> "list[tuple[str, dict[str, object], bool]]":
        """Return the configuration files that were read: path, content, and whether it is one of uv's."""
        if self._files is None:
            self._files = self._read_files()
        return self._files

    def at(self, directory: str, finder: "Finder") -> "Settings":
        """Return the settings as they are for a command that starts in another directory."""
        return Settings(
            self._given, self.environ, directory, self._read_toml, pip_interface=self._pip_interface, finder=finder
        )

    def lay_over(self, path: str, tools: "Mapping[str, object]") -> None:
        """Let the `[tool]` tables of a script count before configuration files; `path` names it."""
        inner: list[tuple[str, dict[str, object], bool]] = []
        for name in ("cw", "uv"):
            table = tools.get(name)
            if isinstance(table, dict):
                content = dict(table)
                self._leave_out(path, content, is_uv=name == "uv")
                inner.append((path, content, name == "uv"))
        self._files = inner + self.files()
        self._memo.clear()

    def _look_up(self, option: Option) -> Setting:
        if option.key in self._given:
            return Setting(self._given[option.key], "command line")
        for name in option.variables:
            prefixes = ("CW_", "UV_") if option.uv else ("CW_",)
            for prefix in prefixes:
                text = self.environ.get(prefix + name)
                if text:
                    return Setting(_from_text(option, text, prefix + name), f"variable {prefix}{name}")
        if option.config or option.from_uv:
            return self._from_files(option)
        return Setting(None, "default")

    def _from_files(self, option: Option) -> Setting:
        joined: list[object] = []
        places: list[str] = []
        for path, content, is_uv in self.files():
            key = option.from_uv if is_uv else option.config
            value = content.get(key) if key else None
            if value is None:
                continue
            if key == "exclude-newer" and value is False:
                return Setting(None, path)
            value = _from_file(option, value, path)
            if not option.many:
                return Setting(value, path)
            if isinstance(value, list):
                joined += value
                places.append(path)
        return Setting(joined, ", ".join(places)) if places else Setting(None, "default")

    def _read_files(self) -> "list[tuple[str, dict[str, object], bool]]":
        given = (
            self._given.get("config-file") or self.environ.get("CW_CONFIG_FILE") or self.environ.get("UV_CONFIG_FILE")
        )
        if isinstance(given, str):
            path = os.path.join(self.cwd, given)
            beside = os.path.join(os.path.dirname(path), "uv.toml")
            return list(self._tables(path, self._named(path), silenced=os.path.isfile(beside)))
        if self._given.get("no-config") or _switched(
            self.environ.get("CW_NO_CONFIG") or self.environ.get("UV_NO_CONFIG")
        ):
            return []
        outer: list[tuple[str, dict[str, object], bool]] = []
        for path in outer_files(self.environ):
            data = self.finder.own(path)
            if data is not None:
                outer += self._tables(path, self._parsed(path, data))
        # whom the user trusts has to be known before a file of a project is opened
        self._files = outer
        trusted = self._look_up(OPTIONS["trust"]).value
        names = [str(name) for name in trusted] if isinstance(trusted, (list, tuple)) else []
        inner: list[tuple[str, dict[str, object], bool]] = []
        present = project_files(
            self.cwd, lambda path: self.finder.project(path, names, lambda data: _speaks(path, data))
        )
        silenced = any(path.endswith("uv.toml") for path, _ in present)
        for path, data in present:
            inner += self._tables(path, self._parsed(path, data), silenced=silenced)
        for path, content, is_uv in inner:
            self._leave_out(path, content, is_uv=is_uv)
        return inner + outer

    def _leave_out(self, path: str, content: "dict[str, object]", *, is_uv: bool) -> None:
        """Drop from what a project's file says what is not for a project to decide."""
        for key in PERSONAL:
            option = OPTIONS[key]
            name = option.from_uv if is_uv else option.config
            if name and content.pop(name, None) is not None:
                self.finder.warn(
                    f"`{name}` in `{path}` is ignored: a project does not decide that (set it in the user's cw.toml, with a variable, "
                    f"or pass `{option.flags[0]}`)"
                )

    def _tables(
        self, path: str, content: "dict[str, object]", *, silenced: bool = False
    ) -> "Iterator[tuple[str, dict[str, object], bool]]":
        """Yield what a file says for us, and what it says for uv; as in uv, a uv.toml beside it silences the table of the project file."""
        if not path.endswith("pyproject.toml"):
            yield path, self._flattened(content), os.path.basename(path) == "uv.toml"
            return
        tool = content.get("tool")
        tool = tool if isinstance(tool, dict) else {}
        for name in ("cw",) if silenced else ("cw", "uv"):
            if isinstance(tool.get(name), dict):
                yield path, self._flattened(tool[name]), name == "uv"

    def _named(self, path: str) -> "dict[str, object]":
        """Return what a file says that the user named."""
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError as error:
            raise ConfigError(f"the configuration file `{path}` cannot be read: {error.strerror}") from error
        return self._parsed(path, data)

    def _parsed(self, path: str, data: bytes) -> "dict[str, object]":
        try:
            return self._read_toml(data.decode(), path)
        except UnicodeDecodeError as error:
            raise ConfigError(f"the configuration file `{path}` is not UTF-8") from error

    def _flattened(self, content: "dict[str, object]") -> "dict[str, object]":
        """Lay the `[pip]` table over the rest for the `pip` commands, as uv does."""
        pip = content.get("pip")
        if self._pip_interface and isinstance(pip, dict):
            return {**content, **pip}
        return dict(content)


def _switched(text: str | None) -> bool:
    return text is not None and text.lower() not in _FALSE


def _from_text(option: Option, text: str, name: str) -> object:
    """Turn the text of a variable into what the option holds."""
    if option.kind in ("flag", "count"):
        lowered = text.lower()
        if lowered not in _TRUE and lowered not in _FALSE:
            raise ConfigError(
                f"the variable `{name}` is `{text}`, but it is a switch",
                hint=f"set {name}=1 or {name}=0",
            )
        return lowered in _TRUE
    if option.kind == "number":
        return _number(text, f"the variable `{name}`")
    if option.many:
        if option.key == "no-binary" and text.lower() in _TRUE | _FALSE:
            return [":all:"] if text.lower() in _TRUE else []  # uv's UV_NO_BINARY is a switch
        for separator in option.separators[1:]:
            text = text.replace(separator, option.separators[0])
        return [item for item in text.split(option.separators[0]) if item]
    return _chosen(option, text, f"the variable `{name}`")


def _from_file(option: Option, value: object, path: str) -> object:
    where = f"`{option.config or option.from_uv}` in `{path}`"
    if option.many:
        if isinstance(value, dict):
            return [f"{name}={'false' if item is False else item}" for name, item in value.items()]
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            return [_beside(option, str(item), path) for item in value]
        raise ConfigError(f"{where} must be a list of texts")
    if option.kind == "flag":
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where} must be true or false")
    if option.kind == "number":
        return _number(str(value), where)
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return _chosen(option, _beside(option, str(value), path), where)
    raise ConfigError(f"{where} must be a text")


def _beside(option: Option, text: str, path: str) -> str:
    """Make a path of a file absolute: it is meant beside the file that names it."""
    if option.kind not in ("path", "paths"):
        return text
    return os.path.join(os.path.dirname(path), os.path.expanduser(os.path.expandvars(text)))


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{where} is `{text}`, which is not a number") from error


def _chosen(option: Option, text: str, where: str) -> str:
    if option.choices and text not in option.choices:
        raise ConfigError(f"{where} is `{text}`", hint=f"choose one of {', '.join(option.choices)}")
    return text


def checked(option: Option, words: "Sequence[str]", spelling: str) -> object:
    """Turn words of the command line into what the option holds; raises ConfigError."""
    text = words[-1]
    if option.kind == "number":
        return _number(text, f"`{spelling}`")
    if option.many:
        return list(words)
    return _chosen(option, text, f"`{spelling}`")
