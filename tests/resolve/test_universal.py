"""One resolution for all worlds, held against each single world."""

import os
import random
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.markers import Marker as OracleMarker
from packaging.specifiers import SpecifierSet

from commonwheel.events import Silence
from commonwheel.model import Metadata, Origin, Resolution, Target
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs
from commonwheel.resolve.universal import solve_universal
from kit.fake_catalogue import LINUX, FakeCatalogue, requirement

MANY = int(os.environ.get("CW_MANY", "700")) // 3

WORLDS = [
    {**LINUX, **python, **platform}
    for python in (
        {"python_version": "3.8", "python_full_version": "3.8.0"},
        {"python_version": "3.9", "python_full_version": "3.9.7"},
        {"python_version": "3.10", "python_full_version": "3.10.0"},
        {"python_version": "3.12", "python_full_version": "3.12.3"},
    )
    for platform in (
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    )
]
MARKERS = ["python_version >= '3.9'", "python_version < '3.9'", "python_version < '3.10'", "python_version >= '3.10'",
           "sys_platform == 'win32'", "sys_platform != 'win32'", "sys_platform == 'darwin' and python_version >= '3.9'"]  # fmt: skip


class Instance:
    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.names = [f"p{i}" for i in range(self.pick.randint(2, 5))]
        self.index: dict[str, dict[str, dict[str, Any]]] = {
            name: {
                f"{major}.0": {
                    "requires": self.texts(name, self.pick.choice([0, 0, 1, 2])),
                    "extras": ["e"],
                    "python": self.pick.choice(["", "", "", ">=3.9", ">=3.10", "<3.10", ">=3.8,<4"]),
                }
                for major in range(1, self.pick.randint(1, 4) + 1)
            }
            for name in self.names
        }
        self.asked = [text for _ in range(self.pick.randint(1, 2)) for text in self.texts("", 1)]

    def texts(self, own: str, count: int) -> list[str]:
        found = []
        for _ in range(count):
            name = self.pick.choice([name for name in self.names if name != own])
            if self.pick.random() < 0.3:  # siblings under opposite markers
                bound = self.pick.randint(1, 3)
                one, other = self.pick.choice(
                    [(MARKERS[0], MARKERS[1]), (MARKERS[2], MARKERS[3]), (MARKERS[4], MARKERS[5])]
                )
                found += [f"{name}<={bound}.0 ; {one}", f"{name}>={bound}.0 ; {other}"]
                continue
            extra = "[e]" if self.pick.random() < 0.2 else ""
            specifier = self.pick.choice(["", "", ">=1.0", "<3.0", "!=2.0", ">=2.0"])
            marker = self.pick.choice(["", "", *MARKERS])
            if own and self.pick.random() < 0.2:
                marker = f"({marker}) and extra == 'e'" if marker else "extra == 'e'"
            found.append(f"{name}{extra}{specifier}" + (f" ; {marker}" if marker else ""))
        return found

    def closure(self, chosen: dict[str, str], world: dict[str, str]) -> set[str] | None:
        """Return what is needed in one world, or None when something does not fit there."""
        waiting = [requirement(text) for text in self.asked if holds(requirement(text).marker, world)]
        seen: set[tuple[str, str]] = set()
        while waiting:
            wanted = waiting.pop()
            version = chosen.get(wanted.name)
            if version is None or not SpecifierSet(wanted.specifier).contains(version):
                return None
            what = self.index[wanted.name][version]
            python = what["python"].split(",")[0]
            if python.startswith(">=") and not SpecifierSet(python).contains(world["python_full_version"]):
                return None
            for extra in ("", *wanted.extras):
                if (wanted.name, extra) not in seen:
                    seen.add((wanted.name, extra))
                    one = [requirement(text) for text in what["requires"]]
                    waiting += [
                        r for r in one if holds(r.marker, world, extra) and (not extra or not holds(r.marker, world))
                    ]
        return {name for name, _ in seen}


def holds(marker: str, world: dict[str, str], extra: str = "") -> bool:
    return not marker or OracleMarker(marker).evaluate({**world, "extra": extra})


def solved(instance: Instance, **fields: Any) -> Resolution:
    offers = FakeCatalogue(instance.index, "99")
    asked = tuple(requirement(text, Origin("requirements.txt", i + 1)) for i, text in enumerate(instance.asked))
    given = {key: fields.pop(key) for key in ("fork_strategy", "environments") if key in fields}
    return solve_universal(Inputs(asked, Target({}, ()), **fields), offers, Silence(), python="3.8", **given)


@pytest.mark.parametrize("strategy", ["requires-python", "fewest"])
def test_each_environment_gets_exactly_its_packages(strategy: str) -> None:
    answered = several = 0
    for seed in range(MANY):
        instance = Instance(seed)
        try:
            resolution = solved(instance, fork_strategy=strategy)
        except NoSolution:
            continue
        answered += 1
        several += len({pin.name for pin in resolution.pins}) < len(resolution.pins)
        for world in WORLDS:
            here = [pin for pin in resolution.pins if holds(pin.marker, world)]
            chosen = {pin.name: pin.version for pin in here}
            assert len(chosen) == len(here), (seed, world)
            assert instance.closure(chosen, world) == set(chosen), (seed, world)
    assert answered > MANY / 2
    assert several > MANY / 20


DIRECTORY = os.path.join(os.path.dirname(__file__), os.pardir, "scenarios")


def load() -> Iterator[Any]:
    with open(os.path.join(DIRECTORY, "universal.toml"), "rb") as file:
        for case in tomllib.load(file)["case"]:
            yield pytest.param(case, id=case["name"])


@pytest.mark.parametrize("case", list(load()))
def test_universal_scenario(case: dict[str, Any]) -> None:
    given = dict(case.get("with", {}))
    world = {key: given.pop(key) for key in ("environments", "fork_strategy") if key in given}
    world["environments"] = tuple(world.get("environments", ()))
    python = given.pop("python", "3.8")
    given["constraints"] = tuple(
        requirement(text, Origin("constraints.txt", 1)) for text in given.pop("constraints", ())
    )
    given["overrides"] = tuple(requirement(text) for text in given.pop("overrides", ()))
    sources = given.pop("sources", {})
    if sources:
        given["source_metadata"] = lambda wanted: Metadata(wanted.name, sources[wanted.name], ())
    asked = tuple(requirement(text, Origin("requirements.txt", i + 1)) for i, text in enumerate(case["ask"]))
    inputs, offers = Inputs(asked, Target({}, ()), **given), FakeCatalogue(case["index"], "99")
    if "because" in case:
        with pytest.raises(NoSolution) as caught:
            solve_universal(inputs, offers, Silence(), python=python, **world)
        assert list(caught.value.context) == case["because"]
        return
    resolution = solve_universal(inputs, offers, Silence(), python=python, **world)
    pins = [
        f"{p.name}{'[' + ','.join(p.extras) + ']' if p.extras else ''}=={p.version}{' ; ' if p.marker else ''}{p.marker}"
        for p in resolution.pins
    ]
    assert pins == case["answer"]
    assert list(resolution.warnings) == case.get("warnings", [])
    for name, parents in case.get("parents", {}).items():
        assert list(resolution.parents[name]) == parents
