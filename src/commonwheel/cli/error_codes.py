"""Meaning, usual cause and remedy of every error code: the data behind `docs/errors.md`.

Laws of this file: data only, and no command loads it. Each code belongs to one class; `tests/cli/test_error_codes.py`
checks that no code of the source is missing here, and that the page is current.
"""

from typing import Final, NamedTuple


class Help(NamedTuple):
    """What a user can know about an error code before an error with it appears: one sentence each."""

    meaning: str
    cause: str
    remedy: str


#: In the order of the codes.
CODES: "Final[dict[str, Help]]" = {
    "bad-cache-keys": Help(
        "The `cache-keys` of a project are invalid.",
        "`[tool.uv]` or `[tool.cw]` in the `pyproject.toml` has a key of an unknown kind or type.",
        'Write keys such as `cache-keys = [{ file = "**/*.c" }]`.',
    ),
    "bad-configuration": Help(
        "A configuration file or an environment variable has an invalid value.",
        "A typing error, or a value of another type than the option takes.",
        "Correct the value in the file or variable that the message names; the reference lists the options.",
    ),
    "bad-declaration": Help(
        "Two declarations of a project contradict each other.",
        "A source names a member that does not exist, or environments overlap.",
        "Correct the `pyproject.toml` that the message names.",
    ),
    "bad-source-archive": Help(
        "A file is not a usable source distribution.",
        "The archive is damaged, has an unsupported format, or contains paths that lead out of it.",
        "Download the file again; if it stays the same, report it to the authors of the package.",
    ),
    "bad-version-bump": Help(
        "The version of a project cannot be increased as requested.",
        "The result would not be newer than the present version.",
        "Increase another part too, or give the exact version.",
    ),
    "bad-wheel": Help(
        "A file is not a valid wheel; the context lists every fault.",
        "The archive is damaged, its RECORD does not match its files, or a build backend wrote it incorrectly.",
        "Download or build the wheel again; if the fault stays, report it to the authors of the package.",
    ),
    "bad-workspace": Help(
        "The members of a workspace contradict each other, or are not projects.",
        "A glob of `members` matches a directory without a project, or two members have one name.",
        "Correct `members` or `exclude` in the file that the message names.",
    ),
    "body-too-large": Help(
        "A server sent more data than an index page or metadata file may have.",
        "The URL is not that of a package index.",
        "Check the URL of the index.",
    ),
    "body-too-slow": Help(
        "A download stayed below the minimum speed for too long.",
        "An overloaded server, proxy or network.",
        "Run the command again later, or increase `--timeout`.",
    ),
    "broken-environment": Help(
        "The selected environment exists and does not work.",
        "Its interpreter was removed or upgraded, or the directory is not a virtual environment.",
        "Recreate it with `cw venv --clear PATH`.",
    ),
    "broken-lock": Help(
        "The lock refers to packages that it does not contain.",
        "The file was edited by hand, or merged incorrectly.",
        "Run `cw lock`.",
    ),
    "build-failed": Help(
        "A build backend could not build a source distribution or a project.",
        "A missing compiler, header or build requirement, or a fault in the project; the log has the output of the backend.",
        "Follow the hint, or use a version that has a wheel (`--only-binary NAME`).",
    ),
    "cancelled": Help(
        "A request was cancelled before its answer arrived.",
        "Another task failed, or the command was interrupted.",
        "Look at the error that was reported first.",
    ),
    "cannot-edit-project": Help(
        "A `pyproject.toml` cannot be changed.",
        "It is not valid TOML, or has a value of another type where the change belongs.",
        "Correct the file.",
    ),
    "cannot-lock": Help(
        "A part of the resolution cannot be written to a lock file.",
        "A file without a hash, or a source that other machines cannot reach.",
        "Use an index that lists hashes, or take the package from another source.",
    ),
    "cannot-restore": Help(
        "An earlier state of the environment cannot be restored; nothing was changed.",
        "The index has removed files of that state, and the store does not have them.",
        "Provide the missing wheels with `--find-links`, or choose another state (`cw env log`).",
    ),
    "cannot-uninstall": Help(
        "A package cannot be uninstalled safely.",
        "It has no list of its files (RECORD), as with distutils or some system packages.",
        "Remove it with the tool that installed it, or create a new environment.",
    ),
    "certificates": Help(
        "A configured certificate file or directory is unusable.",
        "`--cert`, `SSL_CERT_FILE` or `SSL_CERT_DIR` names something that does not exist or has no certificates.",
        "Correct the path, or remove the setting to use the certificates of the system.",
    ),
    "clash": Help(
        "Two packages, or a package and an existing file, need the same path; nothing was changed.",
        "Packages that are not meant to be installed together, or a file that no package owns.",
        "Remove one of the packages, or the file that the message names.",
    ),
    "compile-bytecode": Help(
        "Compiling installed modules to bytecode failed.",
        "The interpreter ended, or took longer than the time limit.",
        "Increase the compile timeout, or install without `--compile-bytecode`.",
    ),
    "conflicting-selection": Help(
        "Extras or groups were selected that the project declares to conflict.",
        "`conflicts` in `[tool.uv]` lists both.",
        "Leave one of them out.",
    ),
    "cyclic-build": Help(
        "A package needs itself to be built, directly or through others.",
        "Source distributions whose build requirements form a circle; the context shows it.",
        "Provide a wheel for one of them, or install one and use `--no-build-isolation`.",
    ),
    "disk": Help(
        "A file or directory could not be read or changed.",
        "Permissions, a full or read-only file system, a quota; the context has the facts about the path.",
        "Follow the hint, then run the command again.",
    ),
    "entries-vanished": Help(
        "The store lost entries while they were being installed; nothing was changed.",
        "Another user or program deleted files of the store.",
        "Run the command again.",
    ),
    "entry-lost": Help(
        "A store entry cannot be read.",
        "It was deleted or damaged.",
        "Run the command again; `cw doctor` and `cw cache verify` find further damage.",
    ),
    "environment-busy": Help(
        "Another command is changing the environment, on a file system without locks.",
        "A parallel installation.",
        "Wait for it to end, then run the command again.",
    ),
    "environment-changed": Help(
        "Another command changed the environment after this one had planned its change; nothing was changed.",
        "Parallel installations into one environment.",
        "Run the command again.",
    ),
    "environment-exists": Help(
        "Something exists where the environment is to be created.",
        "An earlier environment, or a file or directory of another kind.",
        "Choose another path, or use `--clear` (and `--force` for a directory that is not an environment).",
    ),
    "environment-not-writable": Help(
        "You have no write permission for the environment.",
        "It belongs to another user or to the system.",
        "Create an environment of your own with `cw venv`.",
    ),
    "externally-managed": Help(
        "The interpreter is managed by another tool (PEP 668).",
        "`--system` or `--python` selects a Python of the operating system.",
        "Create an environment with `cw venv`.",
    ),
    "folder-unreadable": Help(
        "A `--find-links` location or a `file:` index cannot be read.",
        "A wrong path, or missing permissions.",
        "Correct the path or its permissions.",
    ),
    "foreign-journal": Help(
        "An interrupted change of an environment cannot be recovered, because its journal is not trusted.",
        "Another user made the journal or can replace it, or it names paths outside the environment; cw moved nothing.",
        "Look at the files that the message names and remove the journal; pass `--trust USER` only if you trust its owner.",
    ),
    "foreign-project-file": Help(
        "A file of the project belongs to a user whose files are not used.",
        "Another user created it in a directory that several users can write to.",
        "Find out who created it; delete it, or trust the user with `--trust`.",
    ),
    "foreign-state": Help(
        "The state directory of an environment (`.cw`) is not trusted.",
        "`.cw` or a part of it is a symbolic link, is not a directory, or belongs to another user.",
        "Look at what the message names and remove it; pass `--trust USER` only if you trust its owner.",
    ),
    "git-failed": Help(
        "A git repository or revision could not be fetched.",
        "A wrong URL or revision, missing credentials, or no network.",
        "Try `git ls-remote URL`; write a branch, tag or commit after the `@`.",
    ),
    "halted": Help(
        "A task was stopped because another task failed.",
        "The failure of another download or build.",
        "Look at the error that was reported first.",
    ),
    "hash-mismatch": Help(
        "A downloaded file does not match an expected hash; it was not used.",
        "The file changed on the server, or on the way.",
        "Find out why the file changed before you accept its new hash.",
    ),
    "hash-not-offered": Help(
        "No usable file of a version has one of the required hashes.",
        "The requirements file has hashes for other platforms only, or the index serves other files.",
        "Add the hash of the file that you want, or create the file again with `cw pip compile --generate-hashes`.",
    ),
    "hashes-missing": Help(
        "Hash checking is on, and some requirements are not pinned or have no hash.",
        "One line with `--hash`, or `--require-hashes`, makes hashes necessary for every line.",
        "Create the file with `cw pip compile --generate-hashes`.",
    ),
    "http-status": Help(
        "A server refused a request.",
        "Missing credentials (401, 403), a wrong URL (404), or a fault of the server (5xx).",
        "Check the URL and the credentials.",
    ),
    "index-page-mismatch": Help(
        "An index answered with the page of another project; it was not used.",
        "A misconfigured index or proxy.",
        "Report it to the operators of the index.",
    ),
    "internal": Help(
        "A bug in Commonwheel.",
        "Unknown; the traceback shows the place.",
        "Report it with the traceback.",
    ),
    "interpreter": Help(
        "An executable is not a working Python interpreter.",
        "It does not exist, does not start, or does not answer as Python does.",
        "Choose another one; `cw python list` shows what is found.",
    ),
    "invalid-direct-url": Help(
        "The `direct_url.json` of an installed package is invalid (PEP 610).",
        "Another installer wrote it incorrectly, or it was edited.",
        "Reinstall the package.",
    ),
    "invalid-entry-point": Help(
        "The entry points of a wheel cannot become scripts.",
        "`entry_points.txt` has a line that does not follow the specification.",
        "Report it to the authors of the package, or use another version.",
    ),
    "invalid-env-file": Help(
        "A file of environment variables cannot be read.",
        "A line is not `NAME=value`, or a quote is not closed.",
        "Correct the line that the message names.",
    ),
    "invalid-index": Help(
        "A configured index is not a valid URL or path.",
        "An unknown scheme, or an `[[index]]` table without `url`.",
        "Use https, http, file or a path.",
    ),
    "invalid-index-page": Help(
        "The answer of an index is not a project page.",
        "The URL is not that of a simple API, or a proxy answered instead.",
        "Check the URL of the index; project names are appended to it.",
    ),
    "invalid-installed": Help(
        "A directory looks like an installed package and has no name or version.",
        "An interrupted installation by another tool.",
        "Remove the directory if nothing uses it.",
    ),
    "invalid-lock": Help(
        "A lock file is invalid (PEP 751).",
        "It was edited, or written by a tool with errors; the issue begins with the path of the key.",
        "Create it again with `cw pip compile`.",
    ),
    "invalid-marker": Help(
        "A text is not a valid environment marker (PEP 508).",
        "A typing error; the context shows the position.",
        "Correct the marker.",
    ),
    "invalid-metadata": Help(
        "The metadata of a package is invalid; the context lists every fault.",
        "An old or broken build backend.",
        "Use another version of the package.",
    ),
    "invalid-pyproject": Help(
        "A `pyproject.toml` is invalid; each issue begins with the path of the key.",
        "A syntax error, or a value that the specification does not allow.",
        "Correct the file.",
    ),
    "invalid-python-request": Help(
        "The Python request is invalid.",
        "A typing error in `--python`, or a version of Python 2.",
        "Write it as `3.12`, `3.12.1` or `>=3.10`.",
    ),
    "invalid-record": Help(
        "The RECORD of a package cannot be read.",
        "The installation was edited or damaged.",
        "Reinstall the package.",
    ),
    "invalid-requirement": Help(
        "A text is not a valid requirement (PEP 508).",
        "A typing error; the context shows the position.",
        "Write it as `name`, `name==1.0` or `name @ URL`.",
    ),
    "invalid-requirements-file": Help(
        "A requirements file cannot be read, or has invalid lines.",
        "A typing error, an encoding other than UTF-8, or a file of another kind after `-r`.",
        "Correct the lines that the message lists.",
    ),
    "invalid-script": Help(
        "An entry point or a file of a wheel must not become a script of the environment.",
        "Its name has a path or characters that are not allowed, or it does not name `module:attribute`.",
        "Report it to the authors of the package, or use another version.",
    ),
    "invalid-script-metadata": Help(
        "The metadata block of a script is invalid (PEP 723).",
        "A syntax error in the block, or two blocks in one file.",
        "Correct the block at the line that the message names.",
    ),
    "invalid-specifier": Help(
        "A text is not a valid list of version specifiers (PEP 440).",
        "A typing error, such as `=` instead of `==`.",
        "Write it as `>=1.0,<2`.",
    ),
    "invalid-store-policy": Help(
        "The `store.toml` of a store is invalid.",
        "It was edited.",
        "Correct the keys that the message lists; the page on sharing describes them.",
    ),
    "invalid-time": Help(
        "A text is not a valid time, age or size.",
        "A typing error in an option such as `--exclude-newer` or `--max-size`.",
        "Write a date (`2026-01-31`), an age (`30 days`) or a size (`10GB`).",
    ),
    "invalid-uv-lock": Help(
        "A `uv.lock` cannot be read.",
        "It was edited by hand, damaged, or written in a newer version of the format.",
        "Restore the file, or delete it and run `cw lock`.",
    ),
    "invalid-version": Help(
        "A text is not a valid version (PEP 440).",
        "A typing error, or a package with a version from before PEP 440.",
        "Write it as `1.2.3`.",
    ),
    "invalid-wheel-file": Help(
        "The `WHEEL` file of a wheel is invalid.",
        "A build backend with errors.",
        "Use another version of the package.",
    ),
    "invalid-wheel-name": Help(
        "The name of a file is not that of a wheel.",
        "The file was renamed.",
        "Restore the name `name-version[-build]-python-abi-platform.whl`.",
    ),
    "layer-refused": Help(
        "A store does not accept new entries.",
        "It is read-only for you, full, or not trusted.",
        "Nothing, if another store takes the entry; otherwise see `cw doctor`.",
    ),
    "link-refused": Help(
        "The required link mode (with `!`) is not possible here.",
        "Store and environment are on different file systems, or the file system does not support the mode.",
        "Use the mode without `!`, which falls back package by package.",
    ),
    "lock-does-not-fit": Help(
        "A valid lock file has nothing to install for this interpreter, extra or group.",
        "It was created for other platforms or Python versions.",
        "Lock again for this interpreter, or use another one.",
    ),
    "lock-timeout": Help(
        "Waiting for a lock took too long; the context names its holder.",
        "Another command holds the lock.",
        "Wait for that command to end, or end it.",
    ),
    "malformed": Help(
        "A text does not follow its specification; the context lists every fault.",
        "Depends on the text; most errors of this kind have a code of their own.",
        "Correct the text.",
    ),
    "member-not-locked": Help(
        "A member of the workspace is not in the lock.",
        "The member is new, and `--frozen` is set.",
        "Run `cw lock`.",
    ),
    "merge-marks": Help(
        "A `uv.lock` contains the marks of an unfinished merge.",
        "Two branches changed the lock.",
        "Run `cw lock`, which takes the versions of both sides and resolves again.",
    ),
    "metadata-unavailable": Help(
        "The metadata of one version cannot be read; the resolver continues with other versions.",
        "A broken file, a failed build, or `--offline`.",
        "Choose another version, or follow the reason that the explanation gives.",
    ),
    "network": Help(
        "A file could not be fetched.",
        "No network, a wrong host name, a proxy, or TLS certificates that do not match.",
        "Check the URL, the proxy settings and the network, then run the command again.",
    ),
    "no-default-index": Help(
        "No package index is configured.",
        "No index is set, and no installed pip has a default to use.",
        "Set one with `--default-index URL`, `CW_DEFAULT_INDEX` or `default-index`.",
    ),
    "no-environment": Help(
        "No virtual environment was found.",
        "None is active, and there is no `.venv` here or above.",
        "Create one with `cw venv`, or use `--system`.",
    ),
    "no-files-to-lock": Help(
        "A version that was chosen has no file that a lock could name.",
        "The index lists the version without any usable file.",
        "Constrain the package to another version.",
    ),
    "no-interpreter": Help(
        "No interpreter matches the request.",
        "That version is not installed, or not on PATH.",
        "Install it, or name one with `--python PATH`.",
    ),
    "no-lock": Help(
        "There is no lock, and the command must not create one.",
        "The project was never locked, and `--locked` or `--frozen` is set.",
        "Run `cw lock`.",
    ),
    "no-locked-file-fits": Help(
        "No file of a locked package can be used with this interpreter.",
        "The package has no wheel for this platform, and no source distribution.",
        "Use another Python, or add the platform to `required-environments`.",
    ),
    "no-program": Help(
        "There is nothing to run.",
        "No program was named, or the environment has no program of that name.",
        "Name a program of the list, or add the package that provides it.",
    ),
    "no-project": Help(
        "No project is at or above the directory.",
        "The command was run outside of a project.",
        "Run it in the project, name the project with `--project DIR`, or make one with `cw init`.",
    ),
    "no-ranges": Help(
        "A server does not serve parts of files, or the file changed between two parts.",
        "The server has no range support.",
        "Nothing: the whole file is downloaded instead.",
    ),
    "no-solution": Help(
        "No selection of versions meets all requirements; the context explains why.",
        "Requirements that contradict each other.",
        "Relax one of the requirements that the explanation names.",
    ),
    "no-store": Help(
        "No store accepts a package.",
        "All stores are read-only, full or not trusted; the context has the reason for each.",
        "Choose another store with `--cache-dir`, or see `cw doctor`.",
    ),
    "no-such-entry": Help(
        "No store has the package that the command names.",
        "A typing error, or the package was pruned.",
        "`cw cache list` shows what the stores have.",
    ),
    "no-such-source": Help(
        "A path or URL does not lead to anything usable.",
        "A wrong path, or a file that was moved or deleted on the server.",
        "Check the path or URL; `--refresh` ignores cached index data.",
    ),
    "no-such-state": Help(
        "The environment has no saved state of that number or name.",
        "A typing error, or an environment that cw has not changed.",
        "`cw env log` lists the states.",
    ),
    "no-usable-file": Help(
        "A version has no file that can be used here.",
        "It has wheels for other platforms only, or the options forbid what it has.",
        "Choose another version, or allow source distributions or wheels.",
    ),
    "not-a-dependency": Help(
        "A package that should be removed is not in the list of requirements.",
        "It is in another list, or only a dependency of a dependency.",
        "Follow the hint, which names the list that contains it.",
    ),
    "not-a-project": Help(
        "A directory or archive has nothing that can be built.",
        "It has no `pyproject.toml`, `setup.py` or `setup.cfg`, or a file of it cannot be read.",
        "Name the directory that has one (`#subdirectory=` for archives and repositories).",
    ),
    "not-an-environment": Help(
        "The place of the project environment is taken.",
        "A directory there is not empty and not an environment, or belongs to another user.",
        "Move it away, or set `CW_PROJECT_ENVIRONMENT` to another place.",
    ),
    "not-in-store": Help(
        "Packages are missing in the store, and `--read-only-cache` forbids adding them.",
        "They were never installed with this store, or were pruned.",
        "Run the command once without `--read-only-cache`.",
    ),
    "nothing-to-undo-in-project": Help(
        "No change of the project can be undone.",
        "Nothing was changed by cw yet, or the files were edited after the change.",
        "Revert the edits first, or change the files by hand.",
    ),
    "offline": Help(
        "A file is not in the cache, and `--offline` is set.",
        "It was never fetched, or was pruned.",
        "Run the command once without `--offline`.",
    ),
    "outdated-lock": Help(
        "The lock does not match the project.",
        "The `pyproject.toml` or the settings changed after the last `cw lock`.",
        "Run `cw lock`.",
    ),
    "pip-configuration": Help(
        "A configuration file of pip is invalid.",
        "A syntax error or an unreadable file.",
        "Correct it, or set `PIP_CONFIG_FILE` to another file (`/dev/null` for none).",
    ),
    "process": Help(
        "A program could not be started.",
        "It is not installed or not on PATH, or its file system forbids programs.",
        "Install it, or correct PATH.",
    ),
    "process-timeout": Help(
        "A program was stopped because it took too long.",
        "The program waits for something, or the machine is overloaded.",
        "Run the command again; look at the output of the program in the context.",
    ),
    "project-exists": Help(
        "There is a project, or a script with metadata, where a new one was to be made.",
        "The directory has a `pyproject.toml`, or the script a block of metadata.",
        "Choose another directory, or change what is there with `cw add`.",
    ),
    "project-not-managed": Help(
        "The project is not to be managed by cw.",
        "Its `pyproject.toml` says `managed = false`.",
        "Use `cw pip`, or remove the line.",
    ),
    "recovery-failed": Help(
        "An interrupted change could not be undone yet; its journal is kept for the next attempt.",
        "The file system is full or read-only, or permissions changed.",
        "Remove the cause that the context names, then run any command that changes the environment.",
    ),
    "source-conflict": Help(
        "One project is required from two different sources.",
        "Two requirements with different URLs or paths.",
        "Keep one of them, or add an override.",
    ),
    "source-mismatch": Help(
        "A source has another name, version or hash than required.",
        "A wrong URL or name, or a file that was replaced.",
        "Correct the requirement, or update the hash if the file was replaced on purpose.",
    ),
    "staging-lost": Help(
        "A process that places files was killed; nothing was changed.",
        "The system ran out of memory, or a user killed the process.",
        "Run the command again.",
    ),
    "store-init": Help(
        "A directory cannot become a store.",
        "It is not empty, is a store with other settings, or has other permissions.",
        "Choose a new or an empty directory.",
    ),
    "too-many-redirects": Help(
        "A server redirects in a circle, or too often; the context shows the chain.",
        "A wrong URL, or missing credentials.",
        "Check the URL and the credentials of the index.",
    ),
    "unhashed": Help(
        "Hash checking is on, and a dependency is not listed with a hash.",
        "The requirements file does not list all dependencies.",
        "Create the file with `cw pip compile --generate-hashes`.",
    ),
    "unknown-group": Help(
        "A project has no such extra or dependency group.",
        "A typing error; the context lists those it has.",
        "Use one of the listed names.",
    ),
    "unknown-index": Help(
        "A package is assigned to an index that is not configured.",
        "A typing error in the name of the index.",
        "Configure it with `--index NAME=URL`, or correct the name.",
    ),
    "unknown-option": Help(
        "The command has no such option.",
        "A typing error, or an option of another command.",
        "`cw help COMMAND` lists the options.",
    ),
    "unknown-platform": Help(
        "The value of `--python-platform` is unknown.",
        "A typing error.",
        "Use `linux`, `macos`, `windows`, or a name such as `aarch64-unknown-linux-gnu`.",
    ),
    "unknown-selection": Help(
        "The project has no such extra, group or member.",
        "A typing error, or an option for another project.",
        "Use one of the names that the message lists.",
    ),
    "unprotected-link": Help(
        "An index page that was fetched over https links to a file over plain http, and gives no hash for it.",
        "The index is set up incorrectly; another host on the way could replace such a file.",
        "Report it to the operators of the index; pass `--allow-insecure-host HOST` only if you trust the network in between.",
    ),
    "unsupported-index-version": Help(
        "An index uses a later major version of the simple API (PEP 629).",
        "The index is newer than Commonwheel.",
        "Upgrade Commonwheel, or use another index.",
    ),
    "unsupported-interpreter": Help(
        "The interpreter is older than Commonwheel supports.",
        "An old Python was selected or found first.",
        "Choose a newer one with `--python`.",
    ),
    "unsupported-wheel-version": Help(
        "A wheel uses a later major version of the format, which must not be installed (PEP 427).",
        "The package is newer than Commonwheel.",
        "Use an older release of the package, or upgrade Commonwheel.",
    ),
    "usage": Help(
        "The arguments of a command do not fit each other or the surroundings.",
        "Options that exclude each other, a missing argument, or a file that does not exist.",
        "Follow the hint; `cw help COMMAND` describes the arguments.",
    ),
    "workspace-source": Help(
        "A requirement comes from a workspace, which the command does not read.",
        "`cw pip` was used on a project whose sources say `workspace = true`.",
        "Use `cw sync`, or `cw export` for a file of requirements.",
    ),
    "would-change": Help(
        "`--check` found changes to make.",
        "The environment or file is not up to date.",
        "Run the command without `--check`.",
    ),
    "wrong-python": Help(
        "The requested Python is not supported by the project.",
        "`.python-version`, `--python` or the active environment contradicts `requires-python`.",
        "Request another Python, or change `requires-python`.",
    ),
}
