"""What builds are made with is one key, and every part of it changes the key."""

from typing import Any

import pytest

from commonwheel.model import Interpreter, Origin, PathSource, Requirement, SafeUrl, UrlSource, VcsSource
from commonwheel.settings.settings import Settings
from commonwheel.sources.build_inputs import BuildInputs, place_of

PYTHON = Interpreter("/v/bin/python", (3, 12, 1), "cpython", "/v", "/usr", "/usr/bin/python3", {}, (), {"python_full_version": "3.12.1"}, ("cp312-cp312-linux_x86_64",))  # fmt: skip


def inputs(environ: dict[str, str] | None = None, **given: Any) -> BuildInputs:
    """Return what builds are made with under some settings."""
    made = {name: given.pop(name, ()) for name in ("config_settings", "build_constraints")}
    python = given.pop("build_interpreter", PYTHON)
    settings = Settings({key.replace("_", "-"): value for key, value in given.items()}, {}, "/", lambda *_: {})
    return BuildInputs(settings, environ or {}, lambda: python, made["config_settings"], made["build_constraints"])


def test_config_settings_for_all_one_or_a_line() -> None:
    made = inputs(
        config_settings=(
            (Requirement("named"), "line", "1"),
            (Requirement("", source=PathSource("/p/demo")), "place", "2"),
            (Requirement("", source=UrlSource(SafeUrl("https://me:x@host.example/d.zip"))), "url", "3"),
        ),
        config_settings_package=["Some.Name:key=a=b", "some-name:key=c"],
    )
    whole, single = made.settings()
    assert whole == {}
    assert single == {
        "some-name": {"key": ["a=b", "c"]},
        "named": {"line": "1"},
        "/p/demo": {"place": "2"},
        "https://host.example/d.zip": {"url": "3"},
    }


def test_repeated_key_makes_a_list() -> None:
    settings = Settings({"config-settings": ["a=1", "b=x", "a=2", "a=3", "flag"]}, {}, "/", lambda *_: {})
    made = BuildInputs(settings, {}, lambda: PYTHON)
    assert made.settings()[0] == {"a": ["1", "2", "3"], "b": "x", "flag": ""}


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
    assert inputs(environ, **changed).key("demo") != inputs().key("demo")


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
    assert inputs(environ, **changed).key("demo") == inputs().key("demo")


def test_settings_of_a_source_apply_to_it_only() -> None:
    made = inputs(config_settings=((Requirement("", source=PathSource("/p/demo")), "a", "1"),))
    assert made.key("demo", "/p/demo") != made.key("demo", "/p/other")


def test_forbidden_build_is_named_with_the_reason() -> None:
    assert inputs().forbidden("demo") is None
    assert "`--no-build`" in (inputs(no_build=True).forbidden("") or "")
    made = inputs(no_build_package=["De.Mo"])
    assert "`--no-build-package de-mo`" in (made.forbidden("de-mo") or "")
    assert made.forbidden("other") is None
    assert made.forbidden("") is None


def test_source_is_shown_without_secrets() -> None:
    assert place_of(VcsSource("git", SafeUrl("https://me:x@host.example/r"))) == "https://host.example/r"
