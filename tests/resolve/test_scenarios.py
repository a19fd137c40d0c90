"""Resolver cases as data: `tests/scenarios/*.toml` says index, question, and answer or explanation.

[[case]]
name = "..."
ask = ["a", "b<2"]              # lines 1 and 2 of requirements.txt
answer = ["a==1.0", "b==1.5"]   # all pins, sorted; or:
because = ["Because ...", "And because ..."]   and perhaps   hint = "..."
[case.index]
a = { "1.0" = ["b>=1"] }        # see kit.fake_catalogue
[case.with]                     # anything of Inputs: constraints, installed = { a = "1.0" }, prerelease = "allow", ...
"""

import os
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from commonwheel.events import Silence
from commonwheel.model import Origin, Requirement, Target
from commonwheel.resolve.report import NoSolution
from commonwheel.resolve.request import Inputs, Scope
from commonwheel.resolve.resolution import solve
from kit.fake_catalogue import LINUX, FakeCatalogue, described, requirement

DIRECTORY = os.path.join(os.path.dirname(__file__), os.pardir, "scenarios")


def load() -> Iterator[Any]:
    for name in sorted(os.listdir(DIRECTORY)):
        if name.endswith(".toml") and not name.startswith("universal"):
            with open(os.path.join(DIRECTORY, name), "rb") as file:
                for case in tomllib.load(file)["case"]:
                    yield pytest.param(case, id=f"{name[:-5]}: {case['name']}")


def lines(texts: Sequence[str], file: str) -> tuple[Requirement, ...]:
    return tuple(requirement(text, Origin(file, i + 1)) for i, text in enumerate(texts))


def question(case: dict[str, Any], offers: FakeCatalogue) -> Inputs:
    given = dict(case.get("with", {}))
    python = given.pop("python", "3.12.1")
    environment = {**LINUX, "python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    environment.update(given.pop("environment", {}))
    fields: dict[str, Any] = {"details": offers.details}
    for key, file in (("constraints", "constraints.txt"), ("overrides", "overrides.txt")):
        fields[key] = lines(given.pop(key, ()), file)
    fields["installed"] = {
        name: (what["version"], described(name, what["version"], what)) if isinstance(what, dict) else
        (what, described(name, what, offers.index.get(name, {}).get(what, [])))
        for name, what in given.pop("installed", {}).items()
    }  # fmt: skip
    fields["excludes"] = tuple(given.pop("excludes", ()))
    fields["upgrade_packages"] = frozenset(given.pop("upgrade_packages", ()))
    fields["scopes"] = tuple(
        Scope(
            s["package"],
            s.get("version", ""),
            lines(s.get("overrides", ()), "overrides.txt"),
            tuple(s.get("excludes", ())),
        )
        for s in given.pop("scopes", ())
    )
    if "sources" in given:
        described_sources = {
            name: (requirement(f"{name} @ {what['from']}").source, described(name, what["version"], what))
            for name, what in given.pop("sources").items()
        }
        asked = {r.name for r in lines([*case["ask"], *case.get("with", {}).get("constraints", ())], "") if r.source}
        fields["sources"] = {name: found for name, found in described_sources.items() if name in asked}
        fields["source_metadata"] = lambda wanted: described_sources[wanted.name][1]
    return Inputs(lines(case["ask"], "requirements.txt"), Target(environment, ()), **fields, **given)


@pytest.mark.parametrize("case", list(load()))
def test_scenario(case: dict[str, Any]) -> None:
    offers = FakeCatalogue(case.get("index", {}), case.get("with", {}).get("python", "3.12.1"), notes=case.get("notes"))
    if "because" in case:
        with pytest.raises(NoSolution) as caught:
            solve(question(case, offers), offers, Silence())
        assert list(caught.value.context) == case["because"]
        assert (caught.value.hint or "") == case.get("hint", "")
        return
    resolution = solve(question(case, offers), offers, Silence())
    pins = [f"{p.name}{'[' + ','.join(p.extras) + ']' if p.extras else ''}=={p.version}" for p in resolution.pins]
    assert pins == case["answer"]
    assert list(resolution.warnings) == case.get("warnings", [])
    for name, parents in case.get("parents", {}).items():
        assert list(resolution.parents[name]) == parents
    for unasked in case.get("unasked", ()):
        assert unasked not in offers.asked
