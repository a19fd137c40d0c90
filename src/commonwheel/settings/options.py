"""The table of all settings: names, option, variable, type, help."""

from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    Reader = Callable[[str, str], dict[str, object]]


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
    Option("preview", "--preview --no-preview", "flag", "Accepted for uv's sake: cw has no features in preview", hidden=True),
    Option("preview-features", "--preview-features", "list", "Accepted for uv's sake", metavar="FEATURE", hidden=True),
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
    Option("excludes", "--excludes --exclude --exclude-dependencies", "list", "A file of names that are left out", metavar="FILE", variables="EXCLUDE"),
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
    Option("pip-tools", "--allow-unsafe --no-allow-unsafe --no-reuse-hashes --no-emit-options --no-emit-trusted-host", "flag", "Accepted for pip-tools' sake: it is how cw works", hidden=True),
    Option("resolver", "--resolver", "text", "Accepted for pip-tools' sake: cw always backtracks", choices="backtracking", hidden=True),
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
    Option("no-create-gitignore", "--no-create-gitignore", "flag", "Write no .gitignore into a new output directory"),
    Option("uv-build", "--no-build-logs --force-pep517", "flag", "Accepted for uv's sake: cw shows what a backend says when it fails", hidden=True),
    # venv.
    Option("seed", "--seed", "flag", "Install pip too", variables="VENV_SEED"),
    Option("clear", "-c --clear", "flag", "Replace what is there", off="--no-clear", variables="VENV_CLEAR"),
    Option("force", "--force", "flag", "Go on where cw would stop"),
    Option("allow-existing", "--allow-existing", "flag", "Keep what is there"),
    Option("prompt", "--prompt", "text", "What the activated shell shows", metavar="PROMPT"),
    Option("system-site-packages", "--system-site-packages", "flag", "Import the base interpreter's packages too"),
    Option("relocatable", "--relocatable", "flag", "Let the environment be moved", off="--no-relocatable", variables="VENV_RELOCATABLE"),
    Option("no-project", "--no-project --no-workspace", "flag", "Accepted for uv's sake", hidden=True),
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
    Option("lfs", "--lfs", "flag", "Accepted for compatibility with uv: git fetches large files as it is configured", hidden=True),
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
