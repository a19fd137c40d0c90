"""The composition root: builds the parts when they are first asked for, and ties resolving, building and installing together.

This is the one file whose functions import: laziness has a place here, and is a habit nowhere else. A warm command
touches a few of these parts, and never the network, a TOML parser, a build backend or a process.

Laws of this file: it makes and connects; what is done with the parts is written in `road` and `commands`.
"""

import os
import sys
import time
from _thread import RLock

from commonwheel import __version__
from commonwheel.errors import CommonwheelError, UsageError
from commonwheel.events import Silence
from commonwheel.settings import Settings
from commonwheel.specs.names import normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from commonwheel.build.builder import Builder
    from commonwheel.build.vcs import Repositories
    from commonwheel.commands.beginning import Begun
    from commonwheel.copies import Standing
    from commonwheel.events import Reporter
    from commonwheel.fs.start import Start
    from commonwheel.index.catalogue import Catalogue
    from commonwheel.index.configured import Index
    from commonwheel.index.defaults import PipConfiguration
    from commonwheel.index.rules import Rules
    from commonwheel.index.search import Search
    from commonwheel.install.recovery import Recovered
    from commonwheel.install.transaction import Receipt
    from commonwheel.model import (
        Candidate,
        Entry,
        Environment,
        Installed,
        Interpreter,
        Metadata,
        PathSource,
        Pin,
        Plan,
        Requirement,
        Resolution,
        SafeUrl,
        Target,
    )
    from commonwheel.net.client import Client
    from commonwheel.process import Finished
    from commonwheel.python.discovery import Surroundings
    from commonwheel.resolve.inputs import Inputs
    from commonwheel.resolve.locked import Lock as Resolved
    from commonwheel.resolve.locked import Scheme
    from commonwheel.road.ahead import Ahead
    from commonwheel.road.children import Children
    from commonwheel.road.material import Material
    from commonwheel.road.resolving import Answer, Question
    from commonwheel.specs.pyproject import Project
    from commonwheel.specs.requirements_txt import Option
    from commonwheel.specs.script_block import Script
    from commonwheel.store.records import Records
    from commonwheel.store.store import Store
    from commonwheel.store.trust import Trust

_ALL = ":all:"
# Commands that ask indexes.
_ASKING = frozenset(f"pip {name}" for name in ("install", "sync", "compile", "download", "wheel"))
# Commands that only look, and say where.
_TOLD_WHERE = frozenset(f"pip {name}" for name in ("list", "freeze", "show", "tree", "check"))


class Session:
    """One run of cw: its words, settings, environment, store, indexes. A context manager that closes what was opened."""

    version = __version__

    def __init__(self, given: "Mapping[str, object]", *, command: str = "", words: "Sequence[str]" = ()) -> None:
        directory = given.get("directory")
        if isinstance(directory, str):
            _enter(directory)
        self.environ: Mapping[str, str] = os.environ
        self.cwd = os.getcwd()
        self._given = given
        self.command = command
        self.words = tuple(words)
        self.reporter: Reporter = Silence()
        project = given.get("project") or self.environ.get("CW_PROJECT") or self.environ.get("UV_PROJECT")
        # a link that the user names is taken at its word, and what lies above its target is above the project
        start = self.project_start = os.path.realpath(project) if isinstance(project, str) else self.cwd
        self.settings = Settings(
            given,
            self.environ,
            start,
            _read_toml,
            pip_interface=command.startswith("pip "),
            finder=_Finder(self, start),
        )
        self._unsaid: list[str] = []
        self.file_options: tuple[Option, ...] = ()
        self.config_settings: tuple[tuple[Requirement, str, str], ...] = ()
        self.build_constraints: tuple[Requirement, ...] = ()
        self.upgraded: frozenset[str] = frozenset()
        self.answered: Answer | None = None
        self.compiled, self.compiling = 0, 0.0
        self._made: dict[str, Any] = {}
        self._making = RLock()
        self._closing: list[Callable[[], object]] = []
        self._told = False
        self.outputs: list[str] = []
        self.begun: Begun | None = None
        self.ahead: Ahead | None = None
        #: files of requirements that were read, with their stamps; "" for what has none, or means more than its text
        self.texts_read: dict[str, str] = {}
        self._expected: tuple[str, ...] = ()
        self._early: Search | None = None

    def __enter__(self) -> "Self":
        unsaid, self._unsaid = self._unsaid, []
        for message in unsaid:
            self.warn(message)
        return self

    def warn(self, message: str) -> None:
        """Warn the user; what is found out before there is a reporter is said when there is one."""
        if isinstance(self.reporter, Silence):
            self._unsaid.append(message)
        else:
            self.reporter.note("warning", message)

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        if error is None and "material" in self._made and not self.settings.flag("no-cache") and self._has_limit():
            from commonwheel.road import tidying

            tidying.tidy(self, time.time())
        self.close()

    def close(self) -> None:
        """Close what was opened, the last first."""
        while self._closing:
            self._closing.pop()()

    @property
    def command_line(self) -> str:
        """Return what the user typed, with the secrets of URLs masked."""
        from commonwheel.specs.sources import mask

        return " ".join(["cw", *map(mask, self.words)])

    def _once(self, name: str, make: "Callable[[], Any]") -> "Any":
        if name not in self._made:
            # the threads that fetch and build ask for the client at the same moment
            with self._making:
                if name not in self._made:
                    self._made[name] = make()
        return self._made[name]

    # --- the store --------------------------------------------------------------------------------------------------

    def _has_limit(self) -> bool:
        """Tell whether somebody wants a store to stay small; what keeps it so takes 20 ms to load."""
        if self.settings.text("max-size") or self.settings.text("max-age"):
            return True
        return any(layer.exists and layer.policy.max_size is not None for layer in self.store.layers)

    @property
    def store_directory(self) -> str:
        """Return the personal store: the setting, else `cw` in the XDG cache directory. It need not exist."""
        given = self.settings.text("cache-dir")
        if given:
            return os.path.abspath(os.path.join(self.cwd, os.path.expanduser(given)))
        return self._default_store

    @property
    def _default_store(self) -> str:
        home = self.environ.get("XDG_CACHE_HOME") or os.path.join(
            self.environ.get("HOME") or os.path.expanduser("~"), ".cache"
        )
        return os.path.join(home, "cw")

    @property
    def store(self) -> "Store":
        """Return the store: the configured layers, and the personal one last."""
        return self._once("store", self._make_store)  # type: ignore[no-any-return]

    def _make_store(self) -> "Store":
        from commonwheel.store.store import Store

        return Store(self.records.layers, self.reporter, self._admission)

    @property
    def trust(self) -> "Trust":
        """Return whose files count: mine, root's, and those of users whom the settings name."""
        return self._once("trust", self._make_trust)  # type: ignore[no-any-return]

    def _make_trust(self) -> "Trust":
        from commonwheel.store.trust import Trust

        return Trust(self.settings.many("trust"))

    @property
    def records(self) -> "Records":
        """Return what the layers of the store remember: most commands need no more of it."""
        return self._once("records", self._make_records)  # type: ignore[no-any-return]

    def _make_records(self) -> "Records":
        from commonwheel.store.layers import Layer
        from commonwheel.store.records import Records

        trust = self.trust
        read_only = self.settings.flag("read-only-cache")
        kept = self.settings.flag("keep-archives") if self.settings.is_set("keep-archives") else None
        layers: dict[str, Layer] = {}

        def add(root: str, *, temporary: bool = False) -> Layer:
            root = os.path.normpath(os.path.join(self.cwd, os.path.expanduser(root)))
            made = Layer(root, trust, read_only=read_only, temporary=temporary, keep_archives=kept, read_toml=_toml)
            return layers.setdefault(made.root, made)

        passing = self._temporary_store()
        if not self.settings.flag("no-cache"):
            for root in self.settings.many("layers"):
                add(root)
            own = add(self.store_directory)
            # what is private has no place in a store that is shared, or somebody else's
            if own.exists and not own.mine:
                add(self._default_store)
        if self.settings.flag("no-cache") or not read_only:
            add(passing, temporary=True)
        records = Records(tuple(layers.values()))
        self._closing += [lambda: self._drop(passing), records.close]
        return records

    def _admission(self, store: "Store") -> "Any":
        from commonwheel.store.admission import Admission

        copies = self.copies
        return Admission(
            store,
            verify_record=not self.settings.flag("no-verify-record"),
            aside=copies.ask_in_turn if copies else None,
        )

    # --- copies of this process ---------------------------------------------------------------------------------------

    @property
    def copies(self) -> "Standing | None":
        """Return copies of this process that parse pages and unpack wheels, None where there are none.

        They must be made before the first thread is: when it is clear that something will be fetched.
        """
        return self._once("copies", self._make_copies)  # type: ignore[no-any-return]

    def rest(self) -> None:
        """End the copies where all has been fetched: each holds memory, of which placing the files needs more than fetching them."""
        copies: Standing | None = self._made.get("copies")
        if copies is not None:
            copies.close()

    def _make_copies(self) -> "Standing | None":
        from commonwheel import copies
        from commonwheel.fs import disk

        records = self.records
        made = None if disk.is_observed() else copies.standing(lambda *words: _aside(records, *words), _pressing)
        if made is not None:
            self._closing.append(made.close)
        return made

    def _temporary_store(self) -> str:
        """Return where a store can be made that lives as long as this session: the last resort, if no other takes anything.

        Under `--no-cache` it is the only one, and lies beside the personal store, so that links to environments work.
        """
        from commonwheel.fs import disk

        beside = os.path.dirname(self.store_directory)
        if self.settings.flag("no-cache") and os.access(beside, os.W_OK | os.X_OK):
            return disk.temporary(beside)
        named = (self.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP"))
        return disk.temporary(next((path for path in (*named, "/tmp") if os.path.isdir(path)), self.cwd))  # noqa: S108 - a place of its own in there

    def _drop(self, temporary: str) -> None:
        """Delete the temporary store, if one was made; say so if that was not wished for."""
        if not os.path.lexists(temporary):
            return
        from commonwheel.fs import disk
        from commonwheel.store import layout

        if not self.settings.flag("no-cache") and os.path.isdir(os.path.join(temporary, layout.ENTRIES)):
            reasons = "; ".join(self.store.reasons())
            self.reporter.note(
                "warning", f"nothing could be kept for the next time, since no store takes it: {reasons}"
            )
        disk.erase(temporary)

    def get(self, key: str) -> bytes | None:
        """Return what is remembered of an interpreter (`python.interpreter.Memory`)."""
        return self.records.get("interpreters", key)

    def put(self, key: str, data: bytes) -> None:
        """Remember something of an interpreter."""
        self.records.put("interpreters", key, data)

    # --- interpreters and environments --------------------------------------------------------------------------------

    @property
    def where(self) -> "Surroundings":
        """Return where and with what interpreters are looked for."""
        return self._once("where", self._make_where)  # type: ignore[no-any-return]

    def _make_where(self) -> "Surroundings":
        from commonwheel.python.discovery import Surroundings

        search = self.environ.get("CW_PYTHON_SEARCH_PATH") or self.environ.get("UV_PYTHON_SEARCH_PATH")
        return Surroundings(self.environ, self.cwd, self, self._probe, search, self.reporter, self.start)

    @property
    def start(self) -> "Start":
        """Return the directory that the user started in, to look upward from it."""
        return self._once("start", self._make_start)  # type: ignore[no-any-return]

    def _make_start(self) -> "Start":
        from commonwheel.fs.start import Start

        return Start(self.cwd, lambda owner: self.trust.extended((str(owner),)), self.warn)

    def _probe(self, argv: "Sequence[str]", *, timeout: float | None = None) -> "Finished":
        """Run an interpreter that nothing is remembered of: then pages are not either, and are asked for meanwhile."""
        from commonwheel import process

        asks = self.command in _ASKING and not self.settings.flag("offline")
        return process.run(argv, timeout=timeout, meanwhile=self._begin_asking if asks else None)

    def expect(self, requirements: "Iterable[Requirement]") -> None:
        """Take note of what is asked for, whatever the target is: its pages need not wait until an interpreter has answered."""
        self._expected = tuple(one.name for one in requirements if one.name and one.source is None and not one.marker)

    def _begin_asking(self) -> None:
        """Load what asks indexes, and ask for the pages that are expected: the first catalogue goes on with that."""
        expected, self._expected = self._expected, ()
        if not expected:
            from commonwheel.index import registry  # noqa: F401 - loaded, and perhaps not used yet
            from commonwheel.net import client  # noqa: F401

            return
        try:
            self._early = self._search(self.rules())
            for name in expected:
                self._early.project(name)
        except CommonwheelError:  # it will be met again where it can be told
            return

    def environment(self, *, mutating: bool) -> "Environment":
        """Return the environment that the command is about.

        For a command that changes it: refused when somebody else manages it. Raises what `environment.locate` raises.
        """
        return self._once(f"environment {mutating}", lambda: self._locate(mutating))  # type: ignore[no-any-return]

    def _locate(self, mutating: bool) -> "Environment":
        from commonwheel.python import environment as environments

        settings = self.settings
        if settings.text("target") and settings.text("prefix"):
            raise UsageError("`--target` and `--prefix` cannot be used together", hint="choose one of them")
        request = environments.EnvironmentRequest(
            settings.text("python") or "",
            system=settings.flag("system"),
            target=settings.text("target") or "",
            prefix=settings.text("prefix") or "",
            parent=_parent(),
            changes=mutating,
        )
        found = environments.locate(request, self.where)
        paths = settings.many("path")
        if paths:
            root = os.path.join(self.cwd, paths[0])
            found = environments.target_environment(root, found.interpreter)
        if mutating:
            environments.refuse_if_managed(found, settings.flag("break-system-packages"), self.environ)
        if not (found.root == os.path.join(self.cwd, ".venv") or self._told):
            self._told = True
            level = "info" if mutating or self.command in _TOLD_WHERE else "debug"
            self.reporter.note(level, _introduced(found, self.cwd))
        return found

    def environment_at(self, root: str) -> "Environment":
        """Return the environment in a directory."""
        from commonwheel.python import discovery
        from commonwheel.python import environment as environments

        return environments.environment_of(self.where.probe(discovery.environment_python(root)), self.where)

    def new_environment(self, root: str, interpreter: "Interpreter") -> "Environment":
        """Make a virtual environment for a build."""
        from commonwheel.python import venv

        venv.create(root, interpreter, venv.Options(bare=True))
        return self.environment_at(root)

    def interpreter(self, request: str | None) -> "Interpreter":
        """Return the interpreter that a request means, or the first one that is found."""
        from commonwheel.python import discovery
        from commonwheel.python import request as requests

        return discovery.find(requests.parse(request or ""), self.where)

    def wanted_python(self) -> str:
        """Return which Python the project here wants: `.python-version`, else its `requires-python`; "" where it does not say.

        Nothing is asked of the project under `--no-project`.
        """
        from commonwheel.python import discovery

        pinned = discovery.pinned(self.where)
        if pinned or self.settings.flag("no-project"):
            return pinned
        for place in discovery.upward(self.cwd):
            path = os.path.join(place, "pyproject.toml")
            data = self.start.read(path, _names_python)
            if data is None:
                continue
            # a TOML parser costs more than the whole of `cw venv`
            return self.project(path).requires_python if b"requires-python" in data else ""
        return ""

    def script_python(self, name: str) -> str:
        """Return the `requires-python` of a script (PEP 723), "" for none."""
        from commonwheel.specs import script_block

        try:
            text = self.read_text(os.path.join(self.cwd, name))
        except OSError as error:
            raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error
        script = script_block.read(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, name)
        return script.requires_python if script is not None else ""

    def target(self, environment: "Environment") -> "Target":
        """Return what to resolve for: the environment's interpreter, or what `--python-version` and `--python-platform` say."""
        return self.target_of(environment.interpreter)

    def target_of(self, interpreter: "Interpreter") -> "Target":
        """Return what to resolve for: an interpreter, or what `--python-version` and `--python-platform` say."""
        version, platform = self.settings.text("python-version"), self.settings.text("python-platform")
        if not version and not platform:
            return interpreter.target
        from commonwheel.python import platforms

        return platforms.target(interpreter, version or "", platform or "", self.environ)

    def installed(self, environment: "Environment") -> "tuple[Installed, ...]":
        """Return every distribution that an environment can import."""
        from commonwheel.python.installed import installed

        return installed(environment, self.reporter)

    def with_installers(self, installed: "Iterable[Installed]") -> "tuple[Installed, ...]":
        """Return distributions with who installed them, which a listing leaves out for speed."""
        from commonwheel.python.installed import details

        return tuple(map(details, installed))

    def installed_metadata(self, one: "Installed") -> "Metadata | None":
        """Return the metadata of an installed distribution, None when it cannot be read."""
        from commonwheel.python.installed import read_metadata
        from commonwheel.specs import core_metadata

        try:
            return core_metadata.parse(read_metadata(one))
        except (OSError, core_metadata.InvalidMetadata):
            return None

    def recover(self, environment: "Environment") -> "Recovered":
        """Undo or finish what dead commands left in an environment."""
        from commonwheel.install import recovery

        if self.settings.text("durability") == "sync":
            from commonwheel.fs import system_calls

            system_calls.hand_over()
        timeout = self.settings.number("lock-timeout")
        return recovery.recover(
            environment,
            _is_sound,
            self.reporter,
            trust=self.trust,
            lock_timeout=300.0 if timeout is None else timeout,
            look_only=self.settings.flag("dry-run") or self.settings.flag("check"),
        )

    def remember_roots(
        self, environment: "Environment", modes: "Mapping[str, str] | None" = None, *, coming: bool = False
    ) -> None:
        """Note which entries an environment uses, so that pruning spares them.

        `modes` says how, by digest; `coming` that these are not yet in the environment, but about to be.
        """
        from commonwheel.road import changing
        from commonwheel.store import roots

        digests = changing.digests_in_use(environment)
        roots.keep(self.store, environment.root, (*digests, *(modes or ())) if coming else digests, modes)

    # --- projects ---------------------------------------------------------------------------------------------------

    @property
    def environments_directory(self) -> str:
        """Return the directory of environments that belong to no project: in the user's cache directory."""
        return os.path.join(os.path.dirname(self._default_store), "cw-environments")

    @property
    def python_wish(self) -> str:
        """Return which Python a project wants, as a request; "" for none."""
        return str(self._made.get("python wish", ""))

    def wish_python(self, request: str) -> None:
        """Take note of which Python a project wants, for what is built and resolved."""
        self._made["python wish"] = request

    def use_environment(self, environment: "Environment") -> None:
        """Let the command be about this environment."""
        self._made["environment True"] = self._made["environment False"] = environment

    def script(self, name: str) -> "Script":
        """Return what a script declares (PEP 723). Raises UsageError when it has no block."""
        from commonwheel.specs import script_block

        try:
            text = self.read_text(os.path.join(self.cwd, name))
        except OSError as error:
            raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error
        path = os.path.join(self.cwd, name)
        read = script_block.read(
            text.decode("utf-8", "replace") if isinstance(text, bytes) else text,
            name,
            base_directory=os.path.dirname(path),
        )
        if read is None:
            raise UsageError(
                f"`{name}` has no block of dependencies (PEP 723)", hint="add one: `# /// script` ... `# ///`"
            )
        return read

    def settle_at(self, root: str) -> None:
        """Read the settings of project files at the root of a workspace: those of its members do not count."""
        given = {**self._given, "project": root}
        self._given = given
        self.settings = Settings(given, self.environ, root, _read_toml, finder=_Finder(self, root))
        self._start_at(root)

    def _start_at(self, root: str) -> None:
        self._made.pop("start", None)
        from commonwheel.fs.start import Start

        self._made["start"] = Start(root, lambda owner: self.trust.extended((str(owner),)), self.warn)

    # --- files ------------------------------------------------------------------------------------------------------

    def read_text(self, place: str) -> bytes | str:
        """Return the content of a file, or of a URL; raises OSError or NetworkError."""
        if place.startswith(("http://", "https://")):
            from commonwheel.model import SafeUrl

            self.texts_read[place] = ""
            response = self.client.get(SafeUrl(place)).result()
            if response.status != 200:  # noqa: PLR2004 - HTTP
                raise UsageError(f"`{SafeUrl(place)}` cannot be read: the server answers {response.status}")
            return response.body
        from commonwheel.fs import facts

        with open(place, "rb") as stream:
            found = os.fstat(stream.fileno())
            data = stream.read()
        self.texts_read[place] = "" if b"${" in data else facts.stamp(found)
        return data

    def project(self, path: str) -> "Project":
        """Return what a pyproject.toml says; raises UsageError when it cannot be read."""
        from commonwheel.specs import pyproject

        self.texts_read[path] = ""
        try:
            with open(path, encoding="utf-8") as stream:
                return pyproject.read(stream.read(), path)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise UsageError(f"`{path}` cannot be read: {reason}", hint="check the path") from error

    def script_requirements(self, name: str, path: str) -> "tuple[Requirement, ...]":
        """Return the dependencies that a script declares (PEP 723)."""
        from commonwheel.specs import script_block

        try:
            data = self.read_text(path if not name.startswith(("http:", "https:")) else name)
        except OSError as error:
            raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        script = script_block.read(text, name, base_directory=os.path.dirname(path))
        if script is None:
            raise UsageError(
                f"`{name}` has no block of dependencies (PEP 723)", hint="add one: `# /// script` ... `# ///`"
            )
        return script.dependencies

    def locked_pins(
        self, name: str, path: str, target: "Target", extras: "Sequence[str]", groups: "Sequence[str]"
    ) -> "tuple[Pin, ...]":
        """Return the pins of a lock (PEP 751) for a target."""
        from commonwheel.specs import lock_file

        try:
            data = self.read_text(name if name.startswith(("http:", "https:")) else path)
        except OSError as error:
            raise UsageError(f"`{name}` cannot be read: {error.strerror}", hint="check the path") from error
        text = data.decode() if isinstance(data, bytes) else data
        lock = lock_file.read(text, name, os.path.dirname(path))
        for note in lock.notes:
            self.reporter.note("warning", note)
        no_wheels, no_sdists = self._formats()
        return lock_file.select(
            lock, target, extras=extras, groups=groups or None, prefer_sdist=no_wheels, forbid_sdist=no_sdists
        )

    def lock_versions(self, text: str, name: str) -> "Mapping[str, str]":
        """Return the versions that the text of a lock (PEP 751) holds, by name."""
        from commonwheel.specs import lock_file

        return lock_file.read(text, name, self.cwd).versions

    def lock_text(
        self, packages: "Iterable[tuple[Pin, tuple[Candidate, ...]]]", base_directory: str, requires_python: str
    ) -> str:
        """Return the text of a lock (PEP 751) of pins with their files."""
        from commonwheel.specs import lock_file

        locked = [lock_file.Locked(pin, files) for pin, files in packages]
        return lock_file.write(locked, base_directory=base_directory, requires_python=requires_python, created_by="cw")

    def hash_file(self, path: str, algorithm: str) -> str:
        """Return the hash of a file in hexadecimal; raises OSError."""
        import hashlib

        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()

    def parse_json(self, text: str) -> object:
        """Return the value of a JSON text, None for what is none."""
        import json

        try:
            return json.loads(text)
        except ValueError:
            return None

    def direct_reference(self, text: str) -> str:
        """Return the URL that brings a direct_url.json back, as `freeze` writes it."""
        from commonwheel.specs import direct_url

        return direct_url.requirement_url(text)

    # --- the network and the indexes ----------------------------------------------------------------------------------

    @property
    def pip(self) -> "PipConfiguration":
        """Return what pip is configured with; nothing under `--no-config`."""
        return self._once("pip", self._make_pip)  # type: ignore[no-any-return]

    def _make_pip(self) -> "PipConfiguration":
        from commonwheel.index import defaults

        if self.settings.flag("no-config"):
            return defaults.PipConfiguration()
        return defaults.configured(self.environ, tuple(dict.fromkeys((sys.prefix, sys.base_prefix))))

    @property
    def indexes(self) -> "tuple[tuple[Index, ...], tuple[Index, ...]]":
        """Return the indexes in the order in which they are asked, and the places of `--find-links`."""
        return self._once("indexes", self._make_indexes)  # type: ignore[no-any-return]

    def _make_indexes(self) -> "tuple[tuple[Index, ...], tuple[Index, ...]]":
        from commonwheel.road import indexes

        found, links, self._made["index origins"] = indexes.collect(self)
        return found, links

    def built_in_index(self) -> "SafeUrl":
        """Return the index that an installed pip uses when nothing is configured."""
        from commonwheel.index import defaults

        return defaults.built_in(self.records, _run_briefly, (sys.executable,), self.environ)

    @property
    def client(self) -> "Client":
        """Return the network."""
        return self._once("client", self._make_client)  # type: ignore[no-any-return]

    def _make_client(self) -> "Client":
        from commonwheel.net.client import Client, ClientOptions
        from commonwheel.net.credentials import Credentials

        settings, pip = self.settings, self.pip
        indexes, links = self.indexes
        credentials = Credentials(
            environ=self.environ,
            urls=[place.url.secret for place in (*indexes, *links) if not place.name],
            indexes={place.name: place.url.secret for place in indexes if place.name},
            keyring=_keyring if settings.text("keyring-provider") == "subprocess" else None,
            note=self.reporter.note,
        )
        environ = dict(self.environ)
        if settings.flag("no-proxy-env"):
            environ = {name: value for name, value in environ.items() if not name.lower().endswith("_proxy")}
        proxy = settings.text("proxy") or pip.proxy
        if proxy:
            environ |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy, "https_proxy": proxy}
        changes: dict[str, Any] = {}
        for key, name in (
            ("timeout", "timeout"),
            ("connect-timeout", "connect_timeout"),
            ("concurrent-downloads", "concurrent_downloads"),
            ("retries", "retries"),
        ):
            value = settings.number(key)
            if value is not None:
                changes[name] = value if name.endswith("timeout") else int(value)
        client = Client(
            ClientOptions(
                offline=settings.flag("offline"),
                certificates=settings.text("cert") or pip.certificates or None,
                client_certificate=settings.text("client-cert") or pip.client_certificate or None,
                insecure_hosts=(*settings.many("allow-insecure-host"), *pip.trusted_hosts),
                login=credentials.find,
                environ=environ,
                **changes,
            ),
            self.reporter,
        )
        self._closing.append(client.close)
        return client

    def catalogue(self, target: "Target", rules: "Rules | None" = None) -> "Catalogue":
        """Return what the indexes offer for a target."""
        from commonwheel.index.catalogue import Catalogue

        rules = rules or self.rules()
        search, self._early = self._early, None
        if search is None or search.rules != rules:
            search = self._search(rules)
        # by method call, so that neither the network nor the builds are loaded before they are needed
        return Catalogue(target, search, wheel_metadata=self._from_file, sdist_metadata=self._from_file)

    def _search(self, rules: "Rules") -> "Search":
        from commonwheel.index.search import Search

        indexes, links = self.indexes
        return Search(indexes, links, self.records, self._registry, rules, time.time(), reporter=self.reporter)

    def _from_file(self, candidate: "Candidate") -> "Metadata":
        return self.material.candidate_metadata(candidate)

    def _registry(self) -> "Any":
        return self._once("registry", self._make_registry)

    def _make_registry(self) -> "Any":
        # before the first request makes a thread, and before what only this process needs: each loads its part meanwhile
        copies = self.copies
        from commonwheel.index.registry import Registry

        client = self.client
        registry = Registry(
            client,
            self.records,
            time.time,
            _pressing,
            ranges=lambda url, size: _read_in_pieces(client, url, size),
            within=_metadata_within,
            reporter=self.reporter,
            aside=copies.ask if copies else None,
        )
        self._closing.append(registry.close)
        return registry

    def rules(self, **changes: object) -> "Rules":
        """Return the rules of choice that the settings and the options of requirements files make."""
        from commonwheel.index.rules import Formats, Rules

        settings = self.settings
        fields: dict[str, Any] = {
            "strategy": settings.text("index-strategy") or "first-index",
            "formats": Formats(*self._formats()),
            "offline": settings.flag("offline"),
            "lowest": settings.text("resolution") == "lowest",
            "refresh": settings.flag("refresh") or frozenset(map(normalize, settings.many("refresh-package"))),
            "bound": self._bound(),
        }
        newest = settings.text("exclude-newer")
        by_package = settings.many("exclude-newer-package")
        if newest or by_package:
            from commonwheel.specs import moments

            now = time.time()
            fields["newest"] = moments.moment(newest, now) if newest else None
            pairs = [text.partition("=") for text in by_package]
            fields["newest_of"] = {
                normalize(name): None if when == "false" else moments.moment(when, now) for name, _, when in pairs
            }
        return Rules(**(fields | changes))

    def moment(self, text: str) -> float:
        """Return a time, a date or an age as seconds since the epoch; raises InvalidMoment."""
        from commonwheel.specs import moments

        return moments.moment(text, time.time())

    def _formats(self) -> "tuple[frozenset[str], frozenset[str]]":
        settings = self.settings

        def names(texts: "Iterable[str]") -> "frozenset[str]":
            return frozenset(text if text == _ALL else normalize(text) for text in texts if text != ":none:")

        no_wheels = [*settings.many("no-binary"), *settings.many("no-binary-package")]
        no_sdists = [*settings.many("only-binary"), *settings.many("no-build-package")]
        no_wheels += [option.value for option in self.file_options if option.name == "no-binary"]
        no_sdists += [option.value for option in self.file_options if option.name == "only-binary"]
        if settings.flag("no-build"):
            no_sdists.append(_ALL)
        return names(no_wheels), names(no_sdists)

    def formats(self) -> "tuple[frozenset[str], frozenset[str]]":
        """Return the names that are not taken as wheels, and those that are not built (`:all:` for all)."""
        return self._formats()

    def forbidden_sdists(self) -> "frozenset[str]":
        """Return the names that must not be built from source, or `:all:`."""
        return self._formats()[1]

    def _bound(self) -> "dict[str, str]":
        """Return which names come from which named index, as `[tool.uv.sources]` and `[tool.cw.sources]` say it."""
        if self.settings.flag("no-sources"):
            return {}
        bound: dict[str, str] = {}
        for table, _ in self.settings.table("sources"):
            for name, source in table.items():
                if isinstance(source, dict) and isinstance(source.get("index"), str):
                    bound.setdefault(normalize(name), source["index"])
        return bound

    def inputs(self, **fields: "Any") -> "Inputs":
        """Return resolver inputs: what the settings say, and `fields`."""
        from commonwheel.resolve.inputs import Inputs

        settings = self.settings
        mode, modes = self._prereleases()
        upgraded = self._upgrades()
        made: dict[str, Any] = {
            "resolution": settings.text("resolution") or "highest",
            "prerelease": mode,
            "prerelease_packages": modes,
            "upgrade": settings.flag("upgrade"),
            "upgrade_packages": self.upgraded | {one.name for one in upgraded},
        }
        fields["constraints"] = (*fields.get("constraints", ()), *(one for one in upgraded if one.specifier))
        return Inputs(**(made | fields))

    def _upgrades(self) -> "list[Requirement]":
        """Return what `--upgrade-package` names; a specifier there narrows the upgrade."""
        texts = self.settings.many("upgrade-package")
        if not texts:
            return []
        from commonwheel.model import Origin
        from commonwheel.specs import requirement

        return [requirement.parse_dependency(text, Origin("--upgrade-package")) for text in texts]

    def _prereleases(self) -> "tuple[str, dict[str, str]]":
        """Return when pre-releases are taken, in general and by name; pip's words for it count too."""
        settings = self.settings
        mode = settings.text("prerelease") or "if-necessary"
        if settings.flag("pre") or any(option.name == "pre" for option in self.file_options):
            mode = "allow"
        modes: dict[str, str] = {}
        for key, meant in (("all-releases", "allow"), ("only-final", "disallow")):
            for name in settings.many(key):
                if name == _ALL:
                    mode = meant
                else:
                    modes[normalize(name)] = meant
        for text in settings.many("prerelease-package"):
            name, _, meant = text.partition("=")
            if meant not in ("allow", "disallow", "if-necessary", "explicit", "if-necessary-or-explicit"):
                raise UsageError(
                    f"`{text}` does not say when pre-releases of a package are taken",
                    hint="write NAME=allow, NAME=disallow, NAME=if-necessary or NAME=explicit",
                )
            modes[normalize(name)] = meant.removesuffix("-or-explicit")
        return mode.removesuffix("-or-explicit"), modes

    def solve(self, inputs: "Inputs", catalogue: "Catalogue") -> "Resolution":
        """Resolve for one target; an answer that is remembered needs no solver."""
        from commonwheel.resolve.resolution import solve

        return solve(inputs, catalogue, self.reporter)

    def solve_universal(self, inputs: "Inputs", catalogue: "Catalogue", python: str) -> "Resolution":
        """Resolve for every platform and all Pythons from the oldest on that `python` (a Requires-Python) admits."""
        from commonwheel.resolve import universal

        return universal.solve_universal(
            inputs,
            catalogue,
            self.reporter,
            python=self.oldest_python(python),
            fork_strategy=self.settings.text("fork-strategy") or "requires-python",
        )

    def solve_lock(self, inputs: "Inputs", scheme: "Scheme", catalogue: "Catalogue") -> "Resolved":
        """Resolve for all environments of a scheme: what a lock is made of."""
        from commonwheel.resolve import locking

        return locking.solve_lock(inputs, scheme, catalogue, self.reporter)

    def conditions(self, pins: "Sequence[Pin]", question: "Question", catalogue: "Catalogue") -> "dict[str, str]":
        """Return under which markers each pin of a resolution for one target is needed."""
        from commonwheel.model import Requirement
        from commonwheel.resolve import conditions, rules

        by_name = {pin.name: pin for pin in pins}
        # a path or a URL may stand in a line without the name of what is there
        by_place = {rules.place(pin.source): pin.name for pin in pins if pin.source is not None}
        asked = [
            one if one.name or one.source is None else one.replaced(name=by_place.get(rules.place(one.source), ""))
            for one in question.requirements
        ]

        def needs(name: str) -> "tuple[Requirement, ...]":
            pin = by_name[name]
            if pin.source is None:
                return catalogue.metadata(name, pin.version).requires
            return self.material.metadata(Requirement(name, source=pin.source))[1].requires

        overrides: dict[str, list[Requirement]] = {}
        for requirement in question.overrides:
            overrides.setdefault(requirement.name, []).append(requirement)
        return conditions.conditions(by_name, asked, needs, overrides, self.oldest_python(""))

    def oldest_python(self, requires_python: str) -> str:
        """Return from which Python on a universal resolution holds: the option, the project, or the interpreter's minor version."""
        from commonwheel.specs import versions

        given = self.settings.text("python-version") or versions.lower_bound(requires_python)
        if given:
            return given
        return ".".join(map(str, self.environment(mutating=False).interpreter.version[:2]))

    def explain(self, catalogue: "Catalogue", name: str, version: str, reason: str) -> str:
        """Return what is known beyond the reason for which a version is barred."""
        from commonwheel.road.explaining import Explainer

        explainer = Explainer(
            catalogue,
            self.indexes[0],
            strategy=self.settings.text("index-strategy") or "first-index",
            offline=self.settings.flag("offline"),
        )
        return explainer(name, version, reason)

    def latest(self, catalogue: "Catalogue", name: str) -> str:
        """Return the newest version of a project that can be used, "" for none; a pre-release only where asked for."""
        listing = catalogue.listing(name)
        mode, modes = self._prereleases()
        usable = ((1 << len(listing.versions)) - 1) << 1
        for mask in listing.barred.values():
            usable &= ~mask
        usable &= ~listing.yanked
        stable = usable if modes.get(name, mode) == "allow" else usable & ~listing.prereleases
        best = stable or usable
        return listing.versions[best.bit_length() - 2] if best > 1 else ""

    # --- builds -----------------------------------------------------------------------------------------------------

    @property
    def material(self) -> "Material":
        """Return what downloads and builds."""
        return self._once("material", self._make_material)  # type: ignore[no-any-return]

    def _make_material(self) -> "Material":
        self.copies  # noqa: B018 - made now, or never
        from commonwheel.fs import system_calls
        from commonwheel.road.material import Material

        system_calls.hand_over()

        builds = self.settings.number("concurrent-builds")
        material = Material(
            self,
            lambda: self.client,
            lambda: self.builder,
            lambda: self._once("trees", self._make_trees),
            lambda: self.children,
            builders=max(1, int(builds)) if builds else (os.cpu_count() or 2),
        )
        self._closing.append(material.close)
        return material

    def _make_trees(self) -> "Any":
        from commonwheel.road.trees import Trees

        material = self.material
        return Trees(self, material.arrivals, lambda: self.repositories, lambda: material.scratch)

    def look_ahead(self) -> "Ahead":
        """Return what fetches wheels ahead of the resolution, made now: the pages of that come before wheels."""
        from commonwheel.road.ahead import Ahead

        if self.ahead is None:
            self.material  # noqa: B018 - made in the main thread, which takes its signals, and closed after this
            copies = self.copies
            if copies is not None:
                copies.spare()
            self.ahead = Ahead(self, copies.share if copies is not None else _nothing)
            self._closing.append(self.ahead.close)
        return self.ahead

    @property
    def children(self) -> "Children":
        """Return what runs build backends and git."""
        return self._once("children", self._make_children)  # type: ignore[no-any-return]

    def _make_children(self) -> "Children":
        from commonwheel.road.children import Children

        builds = self.settings.number("concurrent-builds")
        return Children(int(builds) if builds else (os.cpu_count() or 2), _speech)

    @property
    def builder(self) -> "Builder":
        """Return what builds, with the interpreter of the environment that the command is about."""
        return self._once("builder", self._make_builder)  # type: ignore[no-any-return]

    def _make_builder(self) -> "Builder":
        from commonwheel.build.builder import Builder, Options
        from commonwheel.road import building
        from commonwheel.road.isolation import Isolation

        interpreter = self.build_interpreter
        whole, single = building.settings(self)
        options = Options(
            interpreter.executable,
            self.environ,
            whole,
            single,
            open_to_all=self.settings.flag("no-build-isolation"),
            open_packages=building.open_packages(self),
            tags=interpreter.tags,
        )
        isolation = Isolation(self, interpreter, self.build_constraints)
        scratch = self.material.scratch
        archive = os.path.dirname(scratch)
        return Builder(
            options,
            isolation,
            self.children,
            scratch,
            archive,
            self.reporter,
            lambda name: building.forbidden(self, name),
        )

    @property
    def build_interpreter(self) -> "Interpreter":
        """Return the interpreter of the environment that the command is about, which builds are made with."""
        for key in ("environment True", "environment False"):
            if key in self._made:
                return self._made[key].interpreter  # type: ignore[no-any-return]
        return self._once("build interpreter", lambda: self.interpreter(self.settings.text("python") or self.python_wish))  # type: ignore[no-any-return]

    def made_of(self, path: str) -> str:
        """Return what changes when a directory with `cache-keys` should be built anew."""
        from commonwheel.road import cache_keys

        return cache_keys.made_of(self, path)

    def rebuilds(self, source: "PathSource") -> bool:
        """Say whether a directory is built anew whatever is remembered: it was named on the command line."""
        from commonwheel.specs import file_url

        words = {part.strip() for word in self.words for part in (word, word.partition("=")[2], word.partition("@")[2])}
        paths = {file_url.to_path(word) or word for word in words if word}
        named = {os.path.normpath(os.path.join(self.cwd, path.partition("[")[0])) for path in paths}
        return os.path.normpath(source.path) in named

    def plain(self) -> "Session":
        """Return the session as builds see it: no upgrades, no pre-releases, no hashes asked of the user's packages."""
        return self._once("plain", lambda: _Plain(self))  # type: ignore[no-any-return]

    @property
    def repositories(self) -> "Repositories":
        """Return the git repositories of the personal store."""
        return self._once("repositories", self._make_repositories)  # type: ignore[no-any-return]

    def _make_repositories(self) -> "Repositories":
        from commonwheel.build.vcs import Repositories
        from commonwheel.store import layout

        offline = "--offline" if self.settings.flag("offline") else ""
        root = self.material.scratch.partition(f"/{layout.BUILDS}/")[0]
        return Repositories(f"{root}/{layout.GIT}", self.children.git, self.environ, self.reporter, offline=offline)

    def with_trees(self, asked: "Any") -> "tuple[Requirement, ...]":
        """Return the requirements asked for, and the dependencies of the projects whose metadata only a build can tell.

        Markers of those that speak of extras are answered by the extras that are wanted.
        """
        found = list(asked.requirements)
        for source, extras, origin in asked.trees:
            from commonwheel.model import Requirement
            from commonwheel.specs import markers

            named, metadata = self.material.metadata(Requirement("", source=source, origin=origin, text=source.path))
            origin = origin.replaced(place=f"{named.name} ({origin.place})")
            for requirement in metadata.requires:
                marker = markers.without_extras(markers.parse(requirement.marker), extras)
                if requirement.name != named.name and marker != markers.NEVER:
                    found.append(requirement.replaced(marker=str(marker), origin=origin))
        return tuple(found)

    # --- after an installation --------------------------------------------------------------------------------------

    def seed(self, root: str) -> "tuple[str, ...]":
        """Install pip into a new environment (and setuptools and wheel where its Python is older than 3.12); return what."""
        from commonwheel.install import plan as plans
        from commonwheel.model import Origin
        from commonwheel.road import changing, preparing, resolving
        from commonwheel.specs import requirement

        environment = self.environment_at(root)
        old = environment.interpreter.version < (3, 12)
        names = ("pip", "setuptools", "wheel") if old else ("pip",)
        question = resolving.Question(
            [requirement.parse_dependency(name, Origin("--seed")) for name in names], environment.interpreter.target
        )
        pins = resolving.with_files(resolving.answer(self, question))
        plan = plans.make((), pins)
        changing.carry_out(self, environment, plan, preparing.sound_entries(self, plan.add))
        return tuple(f"{pin.name}=={pin.version}" for pin in pins)

    def problems(self, environment: "Environment") -> "list[str]":
        """Return a sentence for each installed requirement that is missing or not met."""
        from commonwheel.road import graph

        return graph.problems(self.installed(environment), environment, self.target(environment))

    def needed(self, installed: "Sequence[Installed]", environment: "Environment") -> "frozenset[str]":
        """Return the names that some of the installed distributions ask for."""
        from commonwheel.road.graph import Graph

        graph = Graph(installed, environment)
        return frozenset([child for node in graph.nodes.values() for child, _ in node.needs])

    def is_newer(self, version: str, than: str) -> bool:
        """Say whether one version comes after another (PEP 440)."""
        from commonwheel.specs import versions

        return versions.version_key(version) > versions.version_key(than)

    def compile_bytecode(self, environment: "Environment", receipt: "Receipt") -> None:
        """Compile what a transaction installed, as far as it did not come with its bytecode.

        `compiled` and `compiling` tell how many files that were and how long it took (seconds), what images are made of included.
        """
        from commonwheel.road.bytecode import TIMESTAMP

        mode = self.invalidation_mode()
        came = receipt.compiled if mode == TIMESTAMP else ()
        locations = [package.location for package in receipt.added if package.name not in came]
        if locations:
            from commonwheel.install import bytecode

            self._compile(environment.interpreter, bytecode.modules(locations), mode)

    def make_images(self, interpreter: "Interpreter", entries: "Sequence[Entry]", tag: str) -> "dict[str, Entry]":
        """Compile entries for an interpreter, and return those with the trees of their images, by digest."""
        from commonwheel.road.bytecode import TIMESTAMP
        from commonwheel.store import imaging

        return imaging.build(self.store, entries, tag, lambda paths: self._compile(interpreter, paths, TIMESTAMP))

    def _compile(self, interpreter: "Interpreter", paths: "Sequence[str]", mode: str) -> "Collection[str]":
        """Compile modules; return those whose bytecode could not be written."""
        from commonwheel.install import bytecode

        limit = self.settings.number("compile-timeout")
        timeout = 60.0 if limit is None else limit or None
        started = time.perf_counter()
        done = bytecode.compile_quietly(interpreter, paths, self.reporter, mode=mode, timeout=timeout)
        self.compiled += done.count
        self.compiling += time.perf_counter() - started
        return done.unwritten

    def invalidation_mode(self) -> str:
        """Return how bytecode is to tell that it is stale: `timestamp`, `checked-hash` or `unchecked-hash`."""
        from commonwheel.road.bytecode import MODES

        # the variable is Python's own, and of its tools: `CHECKED_HASH`
        mode = (self.environ.get("PYC_INVALIDATION_MODE") or MODES[0]).lower().replace("_", "-")
        if mode not in MODES:
            names = ", ".join(one.upper().replace("-", "_") for one in MODES)
            raise UsageError(
                f"`{self.environ['PYC_INVALIDATION_MODE']}` is not a way to tell stale bytecode (`PYC_INVALIDATION_MODE`)",
                hint=f"use one of {names}",
            )
        return mode

    def write_report(self, place: str, plan: "Plan") -> None:
        """Write pip's installation report (version 1) of a plan to a file, or to stdout for `-`."""
        import json

        from commonwheel.fs import disk
        from commonwheel.road import preparing
        from commonwheel.specs import report

        environment = self._made["environment True"]
        if self.settings.flag("dry-run") or self.settings.flag("check"):
            entries, missing = preparing.at_hand(self, plan.add)
        else:
            entries, missing = {pin.name: self.material.wheel_file(pin) for pin in plan.add}, []
        metadata = {pin.name: _metadata_fields(entries[pin.name]) for pin in plan.add if pin.name in entries}
        metadata |= {pin.name: self._known_fields(pin) for pin in missing}
        hashes = {name: entry.digest for name, entry in entries.items()}
        document = report.of_plan(plan, metadata, environment.interpreter.markers, __version__, hashes)
        text = json.dumps(document, indent=2) + "\n"
        if place == "-":
            self.outputs.append(text)
        else:
            disk.write(os.path.join(self.cwd, place), text.encode())

    def _known_fields(self, pin: "Pin") -> "Mapping[str, tuple[str, ...]]":
        """Return what the resolution knew of the metadata of a pin that nobody has fetched."""
        fields: dict[str, tuple[str, ...]] = {"name": (pin.name,), "version": (pin.version,)}
        if pin.source is None and self.answered is not None:
            try:
                known = self.answered.catalogue.metadata(pin.name, pin.version)
            except CommonwheelError:
                return fields
            fields["requires-python"] = (known.requires_python,) if known.requires_python else ()
            fields["requires-dist"] = tuple(map(str, known.requires))
            fields["provides-extra"] = known.provides_extra
        return fields

    # --- for people -------------------------------------------------------------------------------------------------

    def scars(self, environment: "Environment") -> "list[str]":
        """Return a sentence for each broken script, dangling link, or sign of a move of an environment."""
        from commonwheel.install import verify

        found = [f"The script `{one.path}` {one.detail}" for one in verify.scripts(environment)]
        for site in dict.fromkeys((environment.paths["purelib"], environment.paths["platlib"])):
            found += [f"The link `{path}` leads to `{target}`, which is gone" for path, target in _dangling(site)]
        return found

    def derived(self) -> "Iterable[tuple[str, object, str]]":
        """Yield what follows from the settings: the store, the layers, the indexes."""
        yield "store", self.store_directory, self.settings.source("cache-dir")
        indexes, links = self.indexes
        origins = self._made.get("index origins", {})
        for place in (*indexes, *links):
            kind = "index" if place in indexes else "find-links"
            yield kind, place.url.shown, origins.get(place.url.shown, "default")


class _Plain:
    """A session for resolving what builds need: the user's wishes for his own packages do not reach there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._session, name)

    def inputs(self, **fields: "Any") -> "Inputs":
        """Return resolver inputs with the defaults."""
        from commonwheel.resolve.inputs import Inputs

        return Inputs(**fields)

    def rules(self, **changes: object) -> "Rules":
        """Return rules that do not make build requirements be built from source for a `--no-binary` of the user's."""
        from commonwheel.index.rules import Formats

        formats = Formats(frozenset(), self._session.forbidden_sdists())
        return self._session.rules(**({"formats": formats, "lowest": False} | changes))


def _names_python(data: bytes) -> bool:
    """Tell whether a pyproject.toml may say which Python it wants."""
    return b"requires-python" in data


class _Finder:
    """Open configuration files for the settings: those of a project only if nobody else may have put them there."""

    def __init__(self, session: Session, start: str) -> None:
        self._session = session
        self._path = start
        self._start: Start | None = None

    def project(self, path: str, trusted: "Sequence[str]", matters: "Callable[[bytes], bool]") -> bytes | None:
        """Return the content of a file at or above the start, None if it is not there or does not count."""
        if self._start is None:
            from commonwheel.fs.start import Start
            from commonwheel.store.trust import Trust

            self._start = Start(self._path, lambda owner: Trust((*trusted, str(owner))), self._session.warn)
        return self._start.read(path, matters)

    def own(self, path: str) -> bytes | None:
        """Return the content of a file of the user's or the system's configuration, None if it is not there.

        It is found through variables, which are the user's word; but under `sudo -E` these name another user's home. So the file itself
        must be mine or root's.
        """
        if not os.path.lexists(path):
            return None
        from commonwheel.fs.start import Start
        from commonwheel.store.trust import Trust

        return Start(os.path.dirname(path), lambda _: Trust(), self._session.warn).read(path)

    def warn(self, message: str) -> None:
        """Pass a warning on."""
        self._session.warn(message)


def _speech() -> "Callable[..., object]":
    """Load what speaks to build backends: not before one is being imported."""
    from commonwheel.build import speech

    return speech.call


def _nothing() -> None:
    """Do nothing."""


def _aside(records: "Records", kind: str, *words: "Any") -> object:
    """Do what a copy of this process is asked to do."""
    if kind == "entry":
        from commonwheel.store import making

        staged, wheel, verify_record = words
        return making.make(staged, making.Wheel(*wheel), verify_record=verify_record)
    return _pressing().pressed(records, *words)


def _pressing() -> "Any":
    """Load what parses pages, which takes some time."""
    from commonwheel.index import pressing

    return pressing


def _metadata_fields(entry: "Entry") -> "Mapping[str, tuple[str, ...]]":
    """Return the metadata fields of an entry."""
    from commonwheel.specs import core_metadata

    with open(os.path.join(entry.tree, entry.dist_info, "METADATA"), "rb") as stream:
        return core_metadata.read_all(stream.read()).fields


def _dangling(directory: str) -> "list[tuple[str, str]]":
    """Return the links at the top of a directory that lead nowhere, and where they lead."""
    try:
        with os.scandir(directory) as scan:
            paths = [one.path for one in scan if one.is_symlink() and not os.path.exists(one.path)]
    except OSError:
        return []
    return [(path, os.readlink(path)) for path in sorted(paths)]


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"`{directory}` cannot be entered: {error.strerror}", hint="check `--directory`") from error


def _parent() -> str:
    """Return the interpreter that runs `python -m commonwheel`, "" for the `cw` command."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return sys.executable if spec is not None and spec.name == "commonwheel.__main__" else ""


def _introduced(environment: "Environment", cwd: str) -> str:
    """Say, in uv's words, where a command looks; a directory of `--target` says nothing of its Python, so that is told."""
    interpreter = environment.interpreter
    version = ".".join(map(str, interpreter.version))
    if environment.kind in ("target", "prefix"):
        name = "CPython" if interpreter.implementation == "cpython" else interpreter.implementation
        return f"Using {name} {version} interpreter at: {_shown(interpreter.executable, cwd)}"
    root = interpreter.prefix if environment.kind == "system" else environment.root
    return f"Using Python {version} environment at: {_shown(root, cwd)}"


def _shown(path: str, cwd: str) -> str:
    """Return a path as a person would write it here."""
    return path.removeprefix(f"{cwd}{os.sep}")


def _toml(text: str) -> "dict[str, object]":
    import tomllib

    return tomllib.loads(text)


def _read_toml(text: str, path: str) -> "dict[str, object]":
    import tomllib

    from commonwheel.settings import ConfigError

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file `{path}` is not valid TOML: {error}") from error


def _is_sound(location: str) -> bool:
    from commonwheel.install import verify

    return verify.is_sound(location)


def _run(argv: "Sequence[str]", *, timeout: float | None = None) -> "Finished":
    from commonwheel import process

    return process.run(argv, timeout=timeout)


def _metadata_within(path: str, filename: str) -> bytes:
    from commonwheel.index import wheels

    return wheels.metadata_within(path, filename)


def _read_in_pieces(client: "Client", url: "SafeUrl", size: int | None) -> bytes | None:
    from commonwheel.net import objects

    return objects.wheel_metadata(client, url, size=size)


def _run_briefly(argv: "Sequence[str]", timeout: float) -> "Finished":
    return _run(argv, timeout=timeout)


def _keyring(service: str, user: str) -> str | None:
    from commonwheel import process

    try:
        finished = process.run(("keyring", "get", service, user), timeout=60.0)
    except CommonwheelError:
        return None
    return finished.stdout.decode("utf-8", "replace").rstrip("\r\n") or None if finished.code == 0 else None
