"""Compile bytecode: of what was installed, and of images; and count what was compiled.

Cold: this module loads what compiles, and is loaded when something has to be.
"""

import time

from commonwheel.install import bytecode as compilation
from commonwheel.operations.bytecode import TIMESTAMP
from commonwheel.store import build_image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from commonwheel.events import Reporter
    from commonwheel.model import Entry, Interpreter
    from commonwheel.settings.settings import Settings
    from commonwheel.store.store import Store


class Compiler:
    """Compile for one request; `count` files were compiled in `seconds`, what images are made of included."""

    def __init__(self, store: "Store", settings: "Settings", reporter: "Reporter") -> None:
        self._store = store
        self._settings = settings
        self._reporter = reporter
        self.count = 0
        self.seconds = 0.0

    def installed(self, interpreter: "Interpreter", locations: "Sequence[str]", mode: str) -> None:
        """Compile the modules of installed packages, whose metadata directories are at `locations`."""
        self._compile(interpreter, compilation.modules(locations), mode)

    def images(self, interpreter: "Interpreter", entries: "Sequence[Entry]", tag: str) -> "dict[str, Entry]":
        """Compile entries for an interpreter, and return those with the trees of their images, by digest."""
        return build_image.build(self._store, entries, tag, lambda paths: self._compile(interpreter, paths, TIMESTAMP))

    def _compile(self, interpreter: "Interpreter", paths: "Sequence[str]", mode: str) -> "Collection[str]":
        """Compile modules; return those whose bytecode could not be written."""
        limit = self._settings.number("compile-timeout")
        timeout = 60.0 if limit is None else limit or None
        started = time.perf_counter()
        done = compilation.compile_quietly(interpreter, paths, self._reporter, mode=mode, timeout=timeout)
        self.count += done.count
        self.seconds += time.perf_counter() - started
        return done.unwritten
