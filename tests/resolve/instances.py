"""Small random worlds of packages, and their solutions by brute force."""

import itertools
import random
from typing import Any

from packaging.specifiers import SpecifierSet

from kit.fake_catalogue import FakeCatalogue, requirement


class Instance:
    """An index of up to six projects of up to four versions, extras `e` and `f`, broken metadata, and one to three questions."""

    def __init__(self, seed: int, *, size: int = 6) -> None:
        self.pick = random.Random(seed)
        self.names = [f"p{i}" for i in range(self.pick.randint(2, size))]
        self.index: dict[str, dict[str, dict[str, Any]]] = {}
        for name in self.names:
            self.index[name] = {}
            for major in range(1, self.pick.randint(1, 4) + 1):
                requires = [self.text(inside=True) for _ in range(self.pick.choice([0, 0, 1, 1, 2, 3]))]
                what: dict[str, Any] = {"requires": requires, "extras": ["e", "f"]}
                if self.pick.random() < 0.05:
                    what["error"] = "broken"
                self.index[name][f"{major}.0"] = what
        self.asked = [self.text() for _ in range(self.pick.randint(1, 3))]

    def text(self, *, inside: bool = False) -> str:
        name = self.pick.choice(self.names)
        if inside and self.pick.random() < 0.03:
            name = "nowhere"
        extras = sorted({self.pick.choice("ef") for _ in range(self.pick.choice([0, 0, 0, 1, 2]))})
        bound = f"{self.pick.randint(1, 4)}.0"
        specifier = self.pick.choice(["", "", "==", ">=", "<=", "!=", "<", ">"])
        marker = f" ; extra == '{self.pick.choice('ef')}'" if inside and self.pick.random() < 0.35 else ""
        return name + (f"[{','.join(extras)}]" if extras else "") + (specifier and specifier + bound) + marker

    def offers(self) -> FakeCatalogue:
        return FakeCatalogue(self.index)

    def closure(self, chosen: dict[str, str]) -> set[str] | None:
        """Return the names that are needed if these versions are chosen; None when something does not fit."""
        waiting = [requirement(text) for text in self.asked]
        seen: set[tuple[str, str]] = set()
        while waiting:
            wanted = waiting.pop()
            version = chosen.get(wanted.name)
            if version is None or not SpecifierSet(wanted.specifier).contains(version):
                return None
            what = self.index[wanted.name][version]
            if "error" in what:
                return None
            for extra in ("", *wanted.extras):
                if (wanted.name, extra) in seen:
                    continue
                seen.add((wanted.name, extra))
                for text in what["requires"]:
                    one = requirement(text)
                    if (not extra and not one.marker) or (extra and f"'{extra}'" in one.marker):
                        waiting.append(one)
        return {name for name, _ in seen}

    def solvable(self) -> bool:
        for versions in itertools.product(*([None, *self.index[name]] for name in self.names)):
            chosen = {name: version for name, version in zip(self.names, versions, strict=True) if version}
            if self.closure(chosen) is not None:
                return True
        return False
