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
        """Return whether the option collects values."""
        return self.kind in ("list", "paths")

    @property
    def takes_value(self) -> bool:
        """Return whether a word must follow the option."""
        return self.kind not in ("flag", "count")


_LINK_MODES = "auto clone hardlink copy symlink fold clone! hardlink! copy! symlink! fold!"

_TABLE = (
    # Output and behaviour, on every command.
    Option("quiet", "-q --quiet", "count", "Print less: once hides progress, twice hides errors too"),
    Option("verbose", "-v --verbose", "count", "Print more details"),
    Option("color", "--color", "text", "Use color in output", metavar="WHEN", choices="auto always never"),
    Option("no-color", "--no-color", "flag", "Disable color in output", hidden=True),
    Option("offline", "--offline", "flag", "Disable network access; use the cache only", off="--no-offline", variables="OFFLINE", config="offline", from_uv="offline"),
    Option("no-progress", "--no-progress", "flag", "Hide progress bars", variables="NO_PROGRESS", config="no-progress"),
    Option("directory", "--directory", "path", "Change to DIR first", metavar="DIR", variables="WORKING_DIR"),
    Option("project", "--project", "path", "Look for configuration from DIR upward", metavar="DIR", variables="PROJECT"),
    Option("config-file", "--config-file", "path", "Read this configuration file and no other", metavar="FILE", variables="CONFIG_FILE"),
    Option("no-config", "--no-config", "flag", "Ignore configuration files, including those of pip", variables="NO_CONFIG"),
    Option("json", "--json", "flag", "Print the result as JSON"),
    Option("format", "--format --output-format", "text", "Format of the result", metavar="FORMAT"),
    Option("preview", "--preview --no-preview", "flag", "Accepted for compatibility with uv; cw has no preview features", hidden=True),
    Option("preview-features", "--preview-features", "list", "Accepted for compatibility with uv", metavar="FEATURE", hidden=True),
    Option("help", "-h --help", "flag", "Show help"),
    # The store.
    Option("cache-dir", "--cache-dir", "path", "Directory of the personal store", metavar="DIR", variables="CACHE_DIR", uv=False, config="cache-dir"),
    Option("layers", "--layer", "paths", "Read from this store first; can be used multiple times", metavar="DIR", variables="LAYERS", separators=":", uv=False, config="layers"),
    Option("trust", "--trust", "list", "Trust the files of this user, of the members of `@GROUP`, or of the owner of a store; can be used multiple times", metavar="USER", variables="TRUST", uv=False, config="trust"),
    Option("no-cache", "-n --no-cache --no-cache-dir", "flag", "Use a temporary store for this command", variables="NO_CACHE", config="no-cache"),
    Option("read-only-cache", "--read-only-cache --frozen-cache", "flag", "Fail before any change if a package is not in the store", variables="READ_ONLY_CACHE", uv=False, config="read-only-cache"),
    Option("refresh", "--refresh", "flag", "Ignore cached index data", off="--no-refresh"),
    Option("refresh-package", "--refresh-package", "list", "Ignore cached index data for this package", metavar="PKG"),
    Option("max-size", "--max-size", "text", "Maximum size of the store", metavar="SIZE", variables="MAX_SIZE", uv=False, config="max-size"),
    Option("max-age", "--max-age", "text", "Remove entries that were not used for this long", metavar="AGE", variables="MAX_AGE", uv=False, config="max-age"),
    Option("keep-archives", "--keep-archives", "flag", "Keep each wheel beside its unpacked files", off="--no-keep-archives", variables="KEEP_ARCHIVES", uv=False, config="keep-archives"),
    # Which environment.
    Option("python", "-p --python", "text", "Python interpreter or environment to use: a version, path or name", metavar="PYTHON", variables="PYTHON"),
    Option("system", "--system", "flag", "Use the first Python on PATH instead of a virtual environment", off="--no-system", variables="SYSTEM_PYTHON"),
    Option("break-system-packages", "--break-system-packages", "flag", "Allow changes to an externally managed environment", off="--no-break-system-packages", variables="BREAK_SYSTEM_PACKAGES"),
    Option("target", "-t --target", "path", "Install into this directory", metavar="DIR"),
    Option("prefix", "--prefix", "path", "Install below this prefix", metavar="DIR"),
    Option("managed-python", "--managed-python --no-managed-python --no-python-downloads", "flag", "Accepted for compatibility with uv; cw never downloads interpreters", hidden=True),
    Option("python-preference", "--python-preference", "text", "Accepted for compatibility with uv", hidden=True),
    Option("lock-timeout", "--lock-timeout", "number", "Seconds to wait for another process that changes the environment", metavar="SECONDS", variables="LOCK_TIMEOUT", config="lock-timeout"),
    # Where packages come from.
    Option("index", "--index", "list", "Additional index, asked before the default one, as URL or NAME=URL", metavar="INDEX", variables="INDEX"),
    Option("default-index", "--default-index", "text", "Default index, asked last", metavar="URL", variables="DEFAULT_INDEX"),
    Option("index-url", "-i --index-url --pypi-url", "text", "Default index, asked last (pip's name for --default-index)", metavar="URL", variables="INDEX_URL", config="index-url", from_uv="index-url"),
    Option("extra-index-url", "--extra-index-url", "list", "Additional index (pip's name for --index)", metavar="URL", variables="EXTRA_INDEX_URL", config="extra-index-url", from_uv="extra-index-url"),
    Option("find-links", "-f --find-links", "list", "Also look for archives in this directory or page", metavar="PLACE", variables="FIND_LINKS", separators=", ", config="find-links", from_uv="find-links"),
    Option("no-index", "--no-index", "flag", "Ignore all indexes; use --find-links only", variables="NO_INDEX", config="no-index", from_uv="no-index"),
    Option("index-strategy", "--index-strategy", "text", "How to combine several indexes", metavar="STRATEGY", choices="first-index unsafe-first-match unsafe-best-match", variables="INDEX_STRATEGY", config="index-strategy", from_uv="index-strategy"),
    Option("keyring-provider", "--keyring-provider", "text", "Get credentials from the `keyring` command", metavar="PROVIDER", choices="disabled subprocess", variables="KEYRING_PROVIDER", config="keyring-provider", from_uv="keyring-provider"),
    Option("allow-insecure-host", "--allow-insecure-host --trusted-host", "list", "Skip the certificate check for this host", metavar="HOST", variables="INSECURE_HOST", config="allow-insecure-host", from_uv="allow-insecure-host"),
    Option("cert", "--cert", "path", "File of CA certificates to trust", metavar="FILE", config="cert"),
    Option("client-cert", "--client-cert", "path", "Client certificate with its private key", metavar="FILE", config="client-cert"),
    Option("no-proxy-env", "--no-proxy-env", "flag", "Ignore proxy environment variables", hidden=True),
    Option("proxy", "--proxy", "text", "Proxy for all requests", metavar="URL", config="proxy"),
    Option("system-certs", "--system-certs --native-tls", "flag", "Use the CA certificates of the system (cw always does)", variables="SYSTEM_CERTS NATIVE_TLS", hidden=True),
    Option("timeout", "--timeout --default-timeout", "number", "Seconds without data before a request fails", metavar="SECONDS", variables="HTTP_TIMEOUT REQUEST_TIMEOUT", config="timeout"),
    Option("connect-timeout", "", "number", "Seconds to connect to a server before an attempt fails", variables="HTTP_CONNECT_TIMEOUT", config="connect-timeout"),
    Option("retries", "--retries", "number", "Number of retries per request", metavar="N", variables="HTTP_RETRIES", config="retries"),
    Option("concurrent-downloads", "", "number", "Maximum number of concurrent downloads", variables="CONCURRENT_DOWNLOADS", config="concurrent-downloads"),
    Option("concurrent-builds", "", "number", "Maximum number of concurrent builds", variables="CONCURRENT_BUILDS", config="concurrent-builds"),
    Option("concurrent-installs", "", "number", "Maximum number of processes that install files", variables="CONCURRENT_INSTALLS", config="concurrent-installs"),
    # What is asked.
    Option("requirements", "-r --requirements --requirement", "list", "Install the requirements in this file: requirements.txt, pyproject.toml, pylock.toml, a script, or `-` for stdin", metavar="FILE"),
    Option("editable", "-e --editable", "list", "Install this project in editable mode", metavar="PATH"),
    Option("no-editable", "--no-editable", "flag", "Install editable requirements as regular packages", variables="NO_EDITABLE"),
    Option("no-editable-package", "--no-editable-package", "list", "Install this editable requirement as a regular package", metavar="PKG"),
    Option("from-script", "--requirements-from-script", "list", "Use the dependencies of this script (PEP 723)", metavar="FILE"),
    Option("only-deps", "--only-deps", "flag", "Install the dependencies of the requirements, but not the requirements themselves"),
    Option("constraints", "-c --constraints --constraint", "list", "Limit versions to those in this requirements file", metavar="FILE", variables="CONSTRAINT"),
    Option("overrides", "--overrides --override", "list", "Override the versions of these packages everywhere (requirements file)", metavar="FILE", variables="OVERRIDE"),
    Option("excludes", "--excludes --exclude --exclude-dependencies", "list", "Exclude the packages in this file from the resolution", metavar="FILE", variables="EXCLUDE"),
    Option("build-constraints", "-b --build-constraints --build-constraint", "list", "Constrain build dependencies with this requirements file", metavar="FILE", variables="BUILD_CONSTRAINT"),
    Option("constraint-dependencies", "", "list", "Constraints, from a configuration file", config="constraint-dependencies", from_uv="constraint-dependencies"),
    Option("override-dependencies", "", "list", "Overrides, from a configuration file", config="override-dependencies", from_uv="override-dependencies"),
    Option("exclude-dependencies", "", "list", "Excluded names, from a configuration file", config="exclude-dependencies", from_uv="exclude-dependencies"),
    Option("build-constraint-dependencies", "", "list", "Build constraints, from a configuration file", config="build-constraint-dependencies", from_uv="build-constraint-dependencies"),
    Option("extra", "--extra", "list", "Include this extra of the project", metavar="EXTRA"),
    Option("all-extras", "--all-extras", "flag", "Include all extras of the project", off="--no-all-extras"),
    Option("group", "--group", "list", "Include this dependency group, as NAME or FILE:NAME", metavar="GROUP"),
    Option("no-deps", "--no-deps --no-dependencies", "flag", "Ignore dependencies", off="--deps", config="no-deps"),
    Option("require-hashes", "--require-hashes", "flag", "Require a pinned version and a hash for each requirement", off="--no-require-hashes", variables="REQUIRE_HASHES", config="require-hashes"),
    Option("no-verify-hashes", "--no-verify-hashes", "flag", "Do not check the hashes in requirements files", off="--verify-hashes", variables="NO_VERIFY_HASHES", config="no-verify-hashes"),
    Option("no-verify-record", "--no-verify-record", "flag", "Accept wheels whose files do not match their RECORD", variables="NO_VERIFY_RECORD", uv=False, config="no-verify-record"),
    Option("upgrade", "-U --upgrade", "flag", "Upgrade packages to the newest allowed version", off="--no-upgrade", config="upgrade"),
    Option("upgrade-group", "--upgrade-group", "list", "Upgrade the packages of this dependency group", metavar="GROUP"),
    Option("upgrade-package", "-P --upgrade-package", "list", "Upgrade this package, as NAME or NAME==VERSION", metavar="PKG"),
    Option("resolution", "--resolution", "text", "Which versions to prefer: the highest or the lowest", metavar="MODE", choices="highest lowest lowest-direct", variables="RESOLUTION", config="resolution", from_uv="resolution"),
    Option("prerelease", "--prerelease", "text", "When to use pre-releases", metavar="MODE", choices="if-necessary allow disallow explicit if-necessary-or-explicit", variables="PRERELEASE", config="prerelease", from_uv="prerelease"),
    Option("pre", "--pre", "flag", "Allow pre-releases (pip's name for --prerelease allow)"),
    Option("prerelease-package", "--prerelease-package", "list", "When to use pre-releases of this package, as NAME=MODE", metavar="PKG=MODE", config="prerelease-package", from_uv="prerelease-package"),
    Option("all-releases", "--all-releases", "list", "Allow pre-releases of this package, or of `:all:` (pip compatibility)", metavar="PKG", hidden=True),
    Option("only-final", "--only-final", "list", "Forbid pre-releases of this package, or of `:all:` (pip compatibility)", metavar="PKG", hidden=True),
    Option("exclude-newer", "--exclude-newer --uploaded-prior-to", "text", "Ignore files uploaded after this date, time or age", metavar="WHEN", variables="EXCLUDE_NEWER", config="exclude-newer", from_uv="exclude-newer"),
    Option("exclude-newer-package", "--exclude-newer-package", "list", "Ignore files of this package uploaded after this date, as NAME=WHEN or NAME=false", metavar="PKG=WHEN", config="exclude-newer-package", from_uv="exclude-newer-package"),
    Option("fork-strategy", "--fork-strategy", "text", "What a universal resolution prefers: new versions for each Python, or few versions", metavar="STRATEGY", choices="requires-python fewest", variables="FORK_STRATEGY", config="fork-strategy", from_uv="fork-strategy"),
    Option("no-sources", "--no-sources", "flag", "Ignore `tool.uv.sources` and `tool.cw.sources` of projects", variables="NO_SOURCES", config="no-sources"),
    Option("no-sources-package", "--no-sources-package", "list", "Ignore the tool-specific sources of this package", metavar="PKG", variables="NO_SOURCES_PACKAGE"),
    Option("python-version", "--python-version", "text", "Resolve for this Python", metavar="VERSION"),
    Option("python-platform", "--python-platform", "text", "Resolve for this platform", metavar="PLATFORM"),
    Option("torch-backend", "--torch-backend", "text", "Only `auto` is supported; name the index of another backend with --index", choices="auto", variables="TORCH_BACKEND", hidden=True),
    # How it is built.
    Option("config-settings", "-C --config-setting --config-settings", "list", "Setting for build backends, as KEY=VALUE", metavar="KEY=VALUE", config="config-settings"),
    Option("config-settings-package", "--config-settings-package", "list", "Setting for the build backend of this package, as PKG:KEY=VALUE", metavar="PKG:KEY=VALUE"),
    Option("no-build-isolation", "--no-build-isolation", "flag", "Build in the environment itself, without isolation", off="--build-isolation", variables="NO_BUILD_ISOLATION", config="no-build-isolation"),
    Option("no-build-isolation-package", "--no-build-isolation-package", "list", "Build this package in the environment itself, without isolation", metavar="PKG", config="no-build-isolation-package"),
    Option("no-build", "--no-build", "flag", "Do not build packages from source", off="--build", variables="NO_BUILD", config="no-build"),
    Option("no-build-package", "--no-build-package", "list", "Do not build this package from source", metavar="PKG", config="no-build-package"),
    Option("no-binary", "--no-binary", "list", "Build this package from source, or `:all:`", metavar="PKG", variables="NO_BINARY", separators=", ", config="no-binary"),
    Option("no-binary-package", "--no-binary-package", "list", "Build this package from source", metavar="PKG", config="no-binary-package"),
    Option("only-binary", "--only-binary", "list", "Do not build this package, or `:all:`, from source", metavar="PKG", config="only-binary"),
    # How it is installed.
    Option("link-mode", "--link-mode", "text", "How to place files in environments; `!` forbids other modes", metavar="MODE", choices=_LINK_MODES, variables="LINK_MODE", config="link-mode", from_uv="link-mode"),
    Option("no-fold", "--no-fold", "list", "Place this package file by file instead of linking its directories", metavar="PKG", variables="NO_FOLD", uv=False, config="no-fold"),
    Option("compile-bytecode", "--compile-bytecode --compile", "flag", "Compile modules to bytecode, once for all environments that use the store", off="--no-compile-bytecode --no-compile", variables="COMPILE_BYTECODE", config="compile-bytecode"),
    Option("compile-timeout", "", "number", "Seconds to compile one module; 0 for no limit", variables="COMPILE_BYTECODE_TIMEOUT", config="compile-timeout"),
    Option("durability", "--durability", "text", "When to sync an installed state to disk", metavar="WHEN", choices="recover sync", variables="DURABILITY", uv=False, config="durability"),
    Option("reinstall", "--reinstall --force-reinstall --ignore-installed", "flag", "Reinstall packages that are already installed", off="--no-reinstall", config="reinstall"),
    Option("reinstall-package", "--reinstall-package", "list", "Reinstall this package", metavar="PKG"),
    Option("exact", "--exact", "flag", "Remove packages that are not requested"),
    Option("strict", "--strict", "flag", "Check the environment after the installation"),
    Option("dry-run", "--dry-run", "flag", "Print the planned changes without making them"),
    Option("check", "--check", "flag", "Exit with status 1 if anything would change"),
    Option("report", "--report", "text", "Write an installation report in pip's format; `-` for stdout", metavar="FILE"),
    Option("allow-empty-requirements", "--allow-empty-requirements", "flag", "Allow requirements files without requirements", off="--no-allow-empty-requirements"),
    Option("yes", "-y --yes", "flag", "Accepted for compatibility with pip; cw never asks for confirmation"),
    Option("no-installer-metadata", "--no-installer-metadata", "flag", "Do not write INSTALLER, REQUESTED and direct_url.json", variables="NO_INSTALLER_METADATA"),
    # compile.
    Option("output-file", "-o --output-file", "path", "Write to FILE; prefer the versions that it pins", metavar="FILE"),
    Option("generate-hashes", "--generate-hashes", "flag", "Include the hashes of all files"),
    Option("universal", "--universal", "flag", "Resolve for every platform and Python at once"),
    Option("no-strip-extras", "--no-strip-extras", "flag", "Include extras", off="--strip-extras"),
    Option("no-strip-markers", "--no-strip-markers", "flag", "Include environment markers", off="--strip-markers"),
    Option("no-annotate", "--no-annotate", "flag", "Omit the `via` comments", off="--annotate"),
    Option("annotation-style", "--annotation-style", "text", "Position of the `via` comments", metavar="STYLE", choices="line split"),
    Option("no-header", "--no-header", "flag", "Omit the header", off="--header"),
    Option("custom-compile-command", "--custom-compile-command", "text", "Command to show in the header", metavar="COMMAND", variables="CUSTOM_COMPILE_COMMAND"),
    Option("emit-index-url", "--emit-index-url", "flag", "Include index options", off="--no-emit-index-url"),
    Option("emit-find-links", "--emit-find-links", "flag", "Include find-links options", off="--no-emit-find-links"),
    Option("emit-build-options", "--emit-build-options", "flag", "Include build options"),
    Option("emit-index-annotation", "--emit-index-annotation", "flag", "Include the index that each package came from"),
    Option("pip-tools", "--allow-unsafe --no-allow-unsafe --no-reuse-hashes --no-emit-options --no-emit-trusted-host", "flag", "Accepted for compatibility with pip-tools; cw always works this way", hidden=True),
    Option("resolver", "--resolver", "text", "Accepted for compatibility with pip-tools; cw always backtracks", choices="backtracking", hidden=True),
    Option("no-emit-package", "--no-emit-package --unsafe-package", "list", "Omit this package from the output", metavar="PKG"),
    # Looking.
    Option("exclude", "--exclude", "list", "Exclude this package", metavar="PKG"),
    Option("exclude-editable", "--exclude-editable", "flag", "Exclude editable projects"),
    Option("only-editable", "-e --editable", "flag", "List editable projects only"),
    Option("outdated", "-o --outdated", "flag", "List only packages that have a newer version"),
    Option("uptodate", "-u --uptodate", "flag", "List only packages that have no newer version"),
    Option("local", "-l --local", "flag", "List only packages of the environment itself, not those of the base interpreter"),
    Option("not-required", "--not-required", "flag", "List only packages that no other package depends on"),
    Option("path", "--path", "paths", "Use the packages in this directory instead", metavar="DIR"),
    Option("files", "-f --files", "flag", "List the installed files"),
    Option("all", "--all", "flag", "Include everything"),
    Option("depth", "-d --depth", "number", "Maximum depth of the tree", metavar="N"),
    Option("prune", "--prune", "list", "Hide this package and its dependencies", metavar="PKG"),
    Option("package", "--package", "list", "Show the tree of this package", metavar="PKG"),
    Option("no-dedupe", "--no-dedupe", "flag", "Repeat subtrees instead of marking them"),
    Option("invert", "--invert --reverse", "flag", "Show the packages that depend on each package"),
    Option("show-version-specifiers", "--show-version-specifiers", "flag", "Show version constraints"),
    Option("show-sizes", "--show-sizes", "flag", "Show installed sizes"),
    # download, wheel, hash, index.
    Option("dest", "-d --dest --destination-directory", "path", "Directory for the files", metavar="DIR"),
    Option("wheel-dir", "-w --wheel-dir", "path", "Directory for the wheels", metavar="DIR"),
    Option("algorithm", "-a --algorithm", "text", "Hash algorithm", metavar="ALGORITHM", choices="sha256 sha384 sha512"),
    Option("out-dir", "-o --out-dir", "path", "Directory for the built files", metavar="DIR"),
    Option("sdist", "--sdist", "flag", "Build the source distribution"),
    Option("wheel", "--wheel", "flag", "Build the wheel"),
    Option("no-create-gitignore", "--no-create-gitignore", "flag", "Do not write a .gitignore into a new output directory"),
    Option("uv-build", "--no-build-logs --force-pep517", "flag", "Accepted for compatibility with uv; cw shows the output of a build backend when a build fails", hidden=True),
    # venv.
    Option("seed", "--seed", "flag", "Also install pip", variables="VENV_SEED"),
    Option("clear", "-c --clear", "flag", "Remove an existing environment or directory first", off="--no-clear", variables="VENV_CLEAR"),
    Option("force", "--force", "flag", "Proceed despite the conditions that normally stop this command"),
    Option("allow-existing", "--allow-existing", "flag", "Keep existing files in the directory"),
    Option("prompt", "--prompt", "text", "Prompt of the activated shell", metavar="PROMPT"),
    Option("system-site-packages", "--system-site-packages", "flag", "Give access to the packages of the base interpreter"),
    Option("relocatable", "--relocatable", "flag", "Make the environment relocatable", off="--no-relocatable", variables="VENV_RELOCATABLE"),
    Option("no-project", "--no-project --no-workspace", "flag", "Accepted for compatibility with uv", hidden=True),
    # cache, doctor, env.
    Option("private", "--private", "flag", "Create a store for one user"),
    Option("shared-group", "--group", "text", "Create a store that the members of this group share", metavar="NAME"),
    Option("publish", "--publish", "flag", "Create a store that its owner fills and all users read"),
    Option("repair", "--repair", "flag", "Replace damaged entries"),
    Option("fix", "--fix", "flag", "Repair what can be repaired"),
    Option("older-than", "--older-than", "text", "Only entries that were not used for this long", metavar="AGE"),
    Option("unreferenced", "--unreferenced", "flag", "Only entries that no environment uses"),
    Option("ci", "--ci", "flag", "Remove downloaded packages and keep those built from source"),
    Option("human", "-H --human --human-readable", "flag", "Print sizes in readable units"),
    Option("message", "-m --message", "text", "Message to store with the snapshot", metavar="TEXT"),
    # python.
    Option("only-installed", "--only-installed --all-versions --all-platforms --all-arches --show-urls", "flag", "Accepted for compatibility with uv", hidden=True),
    Option("show-version", "--show-version", "flag", "Print the version, not the path"),
    Option("script", "--script", "path", "Find the interpreter that this script requires (PEP 723)", metavar="FILE"),
    Option("resolve-links", "--resolve-links", "flag", "Resolve symbolic links in the path"),
    # Projects.
    Option("locked", "--locked", "flag", "Fail if the lock file is outdated, without changing it", variables="LOCKED"),
    Option("frozen", "--frozen", "flag", "Use the lock file without checking whether it is up to date", off="--no-frozen", variables="FROZEN"),
    Option("check-exists", "--check-exists", "flag", "Only check that a lock file exists"),
    Option("merge", "--merge", "flag", "Act as a git merge driver: merge the lock files `%A`, `%O` and `%B` into the first"),
    Option("for-script", "--script", "path", "Use this script (PEP 723) instead of the project", metavar="FILE"),
    Option("no-extra", "--no-extra", "list", "Exclude this extra", metavar="EXTRA"),
    Option("dev", "--dev", "flag", "Include the `dev` group"),
    Option("no-dev", "--no-dev", "flag", "Exclude the `dev` group", variables="NO_DEV"),
    Option("only-dev", "--only-dev", "flag", "Install only the `dev` group"),
    Option("no-group", "--no-group", "list", "Exclude this dependency group", metavar="GROUP", variables="NO_GROUP"),
    Option("only-group", "--only-group", "list", "Include only this dependency group, without the project and other groups", metavar="GROUP"),
    Option("all-groups", "--all-groups", "flag", "Include all dependency groups"),
    Option("no-default-groups", "--no-default-groups", "flag", "Exclude the default groups", variables="NO_DEFAULT_GROUPS"),
    Option("inexact", "--inexact --no-exact", "flag", "Keep installed packages that are not in the lock file"),
    Option("active", "--active", "flag", "Use the active virtual environment", off="--no-active"),
    Option("all-packages", "--all-packages --all", "flag", "Include all members of the workspace"),
    Option("no-install-project", "--no-install-project", "flag", "Do not install the project itself", variables="NO_INSTALL_PROJECT"),
    Option("no-install-workspace", "--no-install-workspace", "flag", "Do not install members of the workspace", variables="NO_INSTALL_WORKSPACE"),
    Option("no-install-local", "--no-install-local", "flag", "Do not install local projects and archives", variables="NO_INSTALL_LOCAL"),
    Option("no-install-package", "--no-install-package", "list", "Do not install this package", metavar="PKG"),
    Option("project-environment", "", "path", "Directory of the project's environment", variables="PROJECT_ENVIRONMENT"),
    Option("project-environments", "", "path", "Directory that holds the environments of all projects, each with a link at `.venv`", uv=False, variables="PROJECT_ENVIRONMENTS", config="project-environments"),
    Option("member", "--package", "list", "Use this member of the workspace; can be used multiple times", metavar="PKG"),
    Option("module", "-m --module", "flag", "Run a module, like `python -m`"),
    Option("as-script", "-s", "flag", "Run the file as a Python script, regardless of its name"),
    Option("with", "-w --with", "list", "Also make this package available", metavar="PKG"),
    Option("with-editable", "--with-editable", "list", "Also make this project available, in editable mode", metavar="PATH"),
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
