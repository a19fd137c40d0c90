"""`cw config`: every setting, and where it came from."""

import json

import pytest


@pytest.fixture
def rows(cw):
    def ask(*words, **environ):
        return {row["key"]: row for row in json.loads(cw("config", *words, "--json", environ=environ).ok().out)}

    return ask


def test_what_is_set_is_shown_with_its_source(cw, rows):
    found = rows(UV_LINK_MODE="copy")
    assert found["link-mode"] == {"key": "link-mode", "value": "copy", "source": "variable UV_LINK_MODE"}
    assert found["no-index"]["source"] == cw.path("cw.toml")
    assert found["store"]["value"] == cw.store
    assert "resolution" not in found
    assert "resolution" in rows("--all")


def test_single_keys(cw, rows):
    assert set(rows("resolution", "offline")) == {"resolution", "offline"}
    text = cw("config", "resolution").ok().out
    assert text.split()[:3] == ["resolution", "=", "(not"]
    ran = cw("config", "nonsense").failed(2)
    assert "`nonsense`" in ran.err
    assert "cw config --all" in ran.err


def test_the_indexes_in_their_order(cw):
    cw.write(
        "cw.toml",
        '[[index]]\nurl = "https://in-house.example/simple"\n[[index]]\nurl = "https://last.example/simple"\ndefault = true\n',
    )
    shown = [row for row in json.loads(cw("config", "--json").ok().out) if row["key"] == "index"]
    assert [row["value"] for row in shown] == ["https://in-house.example/simple", "https://last.example/simple"]
    assert {row["source"] for row in shown} == {cw.path("cw.toml")}


def test_what_pip_is_configured_with_is_shown_as_such(cw):
    cw.write("cw.toml", "")
    cw.write("pip.conf", "[global]\nindex-url = https://of-pip.example/simple\nextra-index-url = file:///opt/simple\n")
    environ = {"PIP_CONFIG_FILE": cw.path("pip.conf")}
    shown = [row for row in json.loads(cw("config", "--json", environ=environ).ok().out) if row["key"] == "index"]
    assert [row["value"] for row in shown] == ["file:///opt/simple", "https://of-pip.example/simple"]
    assert all("pip.conf" in row["source"] for row in shown)
