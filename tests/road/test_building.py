"""What builds are made with is one key, and every part of it changes the key."""

from types import SimpleNamespace
from typing import Any

import pytest

from commonwheel.model import Interpreter, Origin, PathSource, Requirement, SafeUrl, UrlSource, VcsSource
from commonwheel.road import building
from commonwheel.settings import Settings

PYTHON = Interpreter("/v/bin/python", (3, 12, 1), "cpython", "/v", "/usr", "/usr/bin/python3", {}, (), {"python_full_version": "3.12.1"}, ("cp312-cp312-linux_x86_64",))  # fmt: skip


def parts(environ: dict[str, str] | None = None, **given: Any) -> Any:
    """Return as much of a session as builds are about."""
    made: dict[str, Any] = {
        "config_settings": (),
        "build_constraints": (),
        "build_interpreter": PYTHON,
    }
    for name in list(given):
        if name in made:
            made[name] = given.pop(name)
    settings = Settings({key.replace("_", "-"): value for key, value in given.items()}, {}, "/", lambda *_: {})
    return SimpleNamespace(settings=settings, environ=environ or {}, **made)


def test_config_settings_for_all_one_or_a_line() -> None:
    whole, single = building.settings(
        parts(
            config_settings=(
                (Requirement("named"), "line", "1"),
                (Requirement("", source=PathSource("/p/demo")), "place", "2"),
                (Requirement("", source=UrlSource(SafeUrl("https://me:x@host.example/d.zip"))), "url", "3"),
            ),
            config_settings_package=["Some.Name:key=a=b", "some-name:key=c"],
        )
    )
    assert whole == {}
    assert single == {
        "some-name": {"key": ["a=b", "c"]},
        "named": {"line": "1"},
        "/p/demo": {"place": "2"},
        "https://host.example/d.zip": {"url": "3"},
    }


def test_repeated_key_makes_a_list() -> None:
    made = parts()
    made.settings = Settings({"config-settings": ["a=1", "b=x", "a=2", "a=3", "flag"]}, {}, "/", lambda *_: {})
    assert building.settings(made)[0] == {"a": ["1", "2", "3"], "b": "x", "flag": ""}


@pytest.mark.parametrize(
    "changed",
    [
        {"environ": {"CFLAGS": "-O0"}},
        {"environ": {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO": "9"}},
        {"no_build_isolation": True},
        {"no_build_isolation_package": ["Demo"]},
        {"config_settings_package": ["demo:a=b"]},
        {"build_constraints": (Requirement("setuptools", specifier="<80", origin=Origin("b.txt")),)},
        {"build_interpreter": PYTHON.replaced(tags=("cp313-cp313-linux_x86_64",))},
        {"build_interpreter": PYTHON.replaced(markers={"python_full_version": "3.12.2"})},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_build_inputs_change_the_key(changed: dict[str, Any]) -> None:
    environ = changed.pop("environ", None)
    assert building.key(parts(environ, **changed), "demo") != building.key(parts(), "demo")


@pytest.mark.parametrize(
    "changed",
    [
        {"environ": {"HOME": "/elsewhere", "EDITOR": "vi"}},
        {"no_build_isolation_package": ["other"]},
        {"config_settings_package": ["other:a=b"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_irrelevant_inputs_keep_the_key(changed: dict[str, Any]) -> None:
    environ = changed.pop("environ", None)
    assert building.key(parts(environ, **changed), "demo") == building.key(parts(), "demo")


def test_settings_of_a_source_apply_to_it_only() -> None:
    made = parts(config_settings=((Requirement("", source=PathSource("/p/demo")), "a", "1"),))
    assert building.key(made, "demo", "/p/demo") != building.key(made, "demo", "/p/other")


def test_forbidden_build_is_named_with_the_reason() -> None:
    assert building.forbidden(parts(), "demo") is None
    assert "`--no-build`" in (building.forbidden(parts(no_build=True), "") or "")
    made = parts(no_build_package=["De.Mo"])
    assert "`--no-build-package de-mo`" in (building.forbidden(made, "de-mo") or "")
    assert building.forbidden(made, "other") is None
    assert building.forbidden(made, "") is None


def test_source_is_shown_without_secrets() -> None:
    assert building.place_of(VcsSource("git", SafeUrl("https://me:x@host.example/r"))) == "https://host.example/r"
