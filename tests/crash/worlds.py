"""Small environments in every link mode, and the changes that the crash tests break off: shared by the files beside this."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from commonwheel.events import Silence
from commonwheel.install import changeset, plan, recovery, transaction, verify
from kit.shelf import Shelf, environment, installed, pins, portrait

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.events import Reporter
    from commonwheel.model import Entry, Environment, Plan

MODES = ("hardlink", "copy", "symlink", "fold")
#: Every mode in an ordinary environment; where everything lies in one directory, those that differ most.
PLACES = (*((mode, "venv") for mode in MODES), ("hardlink", "target"), ("fold", "target"))
CHANGES = ("install", "upgrade", "reinstall", "uninstall", "sync")


class World:
    """An environment in its old state, a change, and what the environment looks like before and after it."""

    def __init__(self, directory: str, kind: str, mode: str, change: str, durability: str = "recover") -> None:
        # strict: a file that fell back to a copy after a fault would be right, and not the same
        self.link_mode = f"{mode}!"
        self.durability = durability
        self.reporter: Reporter = Silence()
        self.shelf = Shelf(f"{directory}/store")
        self.environment: Environment = environment(f"{directory}/env", kind)
        self.root = self.environment.root
        self._saved = f"{directory}/saved"
        self._change: Callable[[], object] = getattr(self, f"_{change}")
        self._furnish()
        copy_tree(self.root, self._saved)
        self.old = portrait(self.root)
        self.run()
        self.new = portrait(self.root)
        assert self.new != self.old
        self.restore()

    def _furnish(self) -> None:
        """Install what is there before: packages that share a namespace, scripts, data, and files that nobody lists."""
        site = self.environment.paths["purelib"]
        first = [
            self._alpha(),
            self.shelf.add("beta", "1.0", {"beta.py": "one", "ns/beta.py": "one", "ns/__init__.py": ""}),
            self.shelf.add("gamma", "1.0", {"gamma/__init__.py": "one", "gamma/data.bin": b"\x00" * 5000}),
        ]  # fmt: skip
        self.apply(plan.make((), pins(*first)), first)
        # compiled files of ours, and a file of the user's within a package
        for path, text in {f"{site}/__pycache__/beta.cpython-311.pyc": "c", f"{site}/ns/user.cfg": "mine"}.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def apply(self, wanted: Plan, entries: list[Entry]) -> transaction.Receipt:
        change = changeset.make(
            self.environment, wanted, {entry.name: entry for entry in entries}, self.shelf, link_mode=self.link_mode,
            seen=changeset.stamp(self.environment),
        )  # fmt: skip
        return transaction.apply(
            self.environment, change, transaction.Options(durability=self.durability, processes=1), self.reporter
        )

    def run(self) -> None:
        """Carry out the change."""
        self._change()

    def restore(self) -> None:
        """Restore the old state. Its files are hard links to the saved ones, so that a write into them is seen."""
        shutil.rmtree(self.root)
        copy_tree(self._saved, self.root)

    def recover(self) -> recovery.Recovered:
        return recovery.recover(self.environment, verify.is_sound)

    def outcome(self) -> str:
        """Return `old`, `new`, or what is neither."""
        now = portrait(self.root)
        if now == self.old:
            return "old"
        if now == self.new:
            return "new"
        changed = {path for path in now.keys() | self.old.keys() if now.get(path) != self.old.get(path)}
        return f"neither: {sorted(changed)}"

    def rests(self) -> list[str]:
        """Return temporary names anywhere below the root."""
        return [
            os.path.join(directory, name)
            for directory, directories, files in os.walk(self.root)
            for name in (*directories, *files)
            if name.startswith((".tmp-", ".trash-"))
        ]

    # -- the changes --

    def _alpha(self) -> Entry:
        return self.shelf.add(
            "alpha", "1.0",
            {"alpha/__init__.py": "one", "alpha/sub/mod.py": "one", "alpha/gone.py": "", "ns/alpha.py": "one"},
            console=[("al", "alpha:main"), ("old-al", "alpha:old")],
            data={"data/share/alpha.txt": "one"},
        )  # fmt: skip

    def _upgraded(self) -> Entry:
        return self.shelf.add(
            "alpha", "2.0",
            {"alpha/__init__.py": "two", "alpha/sub/mod.py": "two", "alpha/fresh.py": "", "ns/alpha.py": "two"},
            console=[("al", "alpha:main")],
            data={"data/share/alpha.txt": "two", "data/etc/alpha/a.cfg": "two"},
        )  # fmt: skip

    def _install(self) -> None:
        # `ns` is there already, as a directory that others own too; another package joins `gamma` there: it unfolds
        delta = self.shelf.add(
            "delta", "1.0", {"delta/__init__.py": "one", "ns/delta.py": "one", "gamma/delta/plugin.py": ""},
            console=[("de", "delta:main")], foldable=("delta",),
        )  # fmt: skip
        self.apply(plan.make(installed(self.environment), pins(delta)), [delta])

    def _upgrade(self) -> None:
        entry = self._upgraded()
        self.apply(plan.make(installed(self.environment), pins(entry)), [entry])

    def _reinstall(self) -> None:
        # `alpha` as it was, over files that were changed or lost
        entry = self._alpha()
        wanted = plan.make(installed(self.environment), pins(entry, requested=True), plan.Wishes(reinstall_all=True))
        self.apply(wanted, [entry])

    def _uninstall(self) -> None:
        self.apply(plan.removal(installed(self.environment), ["alpha", "gamma"]), [])

    def _sync(self) -> None:
        entries = [self._upgraded(), self.shelf.add("epsilon", "1.0")]
        wanted = plan.make(installed(self.environment), pins(*entries), plan.Wishes(exact=True))
        self.apply(wanted, entries)


def copy_tree(source: str, target: str) -> None:
    """Copy directories, and hard-link files and links, so that equal inodes stay equal."""
    os.mkdir(target, 0o700)
    with os.scandir(source) as scan:
        for entry in scan:
            inner = os.path.join(target, entry.name)
            if entry.is_dir(follow_symlinks=False):
                copy_tree(entry.path, inner)
            else:
                os.link(entry.path, inner, follow_symlinks=False)
    os.chmod(target, os.stat(source).st_mode & 0o7777)
