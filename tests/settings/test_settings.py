"""Where every value comes from: the command line, variables, files; and what is said when one is wrong."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from commonwheel.settings.options import OPTIONS, PERSONAL
from commonwheel.settings.settings import ConfigError, Settings
from kit.finder import Finder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project below a home directory, with a user's and a system's configuration to write to."""
    (tmp_path / "project" / "deep").mkdir(parents=True)
    return tmp_path


def write(home: Path, name: str, text: str) -> str:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def settings(
    home: Path,
    given: Mapping[str, object] | None = None,
    environ: dict[str, str] | None = None,
    *,
    start: str = "project",
    pip: bool = True,
    finder: Finder | None = None,
) -> Settings:
    surroundings = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": f"{home}/user",
        "XDG_CONFIG_DIRS": f"{home}/system",
        **(environ or {}),
    }
    return Settings(
        given or {}, surroundings, str(home / start), lambda text, _: tomllib.loads(text), pip_interface=pip,
        finder=finder or Finder(),
    )  # fmt: skip


def test_nearest_source_of_a_value_wins(home: Path) -> None:
    """Take one away after the other and see who is next."""
    files = {
        name: write(home, name, f'link-mode = "{value}"')
        for name, value in (
            ("project/cw.toml", "copy"), ("project/uv.toml", "clone"), ("user/cw/cw.toml", "hardlink"), ("user/uv/uv.toml", "symlink"),
            ("system/cw/cw.toml", "copy"), ("system/uv/uv.toml", "clone"),
        )
    }  # fmt: skip
    environ = {"CW_LINK_MODE": "fold", "UV_LINK_MODE": "auto"}
    given = {"link-mode": "hardlink!"}
    seen = []
    found = settings(home, given, environ).setting("link-mode")
    assert (found.value, found.source) == ("hardlink!", "command line")
    for name in ("CW_LINK_MODE", "UV_LINK_MODE"):
        found = settings(home, {}, environ).setting("link-mode")
        assert (found.value, found.source) == (environ.pop(name), f"variable {name}")
    for path in files.values():
        seen.append(settings(home).setting("link-mode").source)
        os.remove(path)
    assert seen == list(files.values())
    assert settings(home).setting("link-mode").value is None


def test_uv_cache_directory_is_never_used(home: Path) -> None:
    """`uv cache clean` would empty our store."""
    assert settings(home, environ={"UV_CACHE_DIR": "/uv"}).text("cache-dir") is None
    assert settings(home, environ={"CW_CACHE_DIR": "/cw", "UV_CACHE_DIR": "/uv"}).text("cache-dir") == "/cw"
    write(home, "project/uv.toml", 'cache-dir = "/uv"')
    assert settings(home).text("cache-dir") is None


def test_file_lists_are_joined_from_one_source(home: Path) -> None:
    write(home, "project/cw.toml", 'find-links = ["a"]')
    write(home, "user/cw/cw.toml", 'find-links = ["b"]')
    assert settings(home).many("find-links") == ("a", "b")
    assert settings(home, environ={"CW_FIND_LINKS": "c, d"}).many("find-links") == ("c", "d")
    assert settings(home, {"find-links": ["e"]}, {"CW_FIND_LINKS": "c"}).many("find-links") == ("e",)


def test_project_file_uses_its_tool_tables(home: Path) -> None:
    write(
        home,
        "project/pyproject.toml",
        '[tool.cw]\nresolution = "lowest"\n[tool.uv]\nresolution = "highest"\nprerelease = "allow"\n',
    )
    found = settings(home, start="project/deep")
    assert (found.text("resolution"), found.text("prerelease")) == ("lowest", "allow")
    write(home, "project/uv.toml", "")
    found = settings(home, start="project/deep")
    assert (found.text("resolution"), found.text("prerelease")) == ("lowest", None)  # a uv.toml silences [tool.uv]


def test_project_file_without_settings_does_not_hide_parents(home: Path) -> None:
    write(home, "project/deep/pyproject.toml", '[project]\nname = "x"\n')
    write(home, "project/cw.toml", 'resolution = "lowest"')
    assert settings(home, start="project/deep").text("resolution") == "lowest"


def test_only_some_keys_of_uv_files_count(home: Path) -> None:
    write(home, "project/uv.toml", 'exclude-newer = "2026-01-01"\nrequire-hashes = true\nno-build = true\n')
    found = settings(home)
    assert found.text("exclude-newer") == "2026-01-01"
    assert not found.flag("require-hashes")
    assert not found.flag("no-build")


def test_pip_table_applies_to_pip_commands(home: Path) -> None:
    write(home, "project/cw.toml", 'resolution = "highest"\n[pip]\nresolution = "lowest"\n')
    assert settings(home).text("resolution") == "lowest"
    assert settings(home, pip=False).text("resolution") == "highest"


def test_tables_come_from_all_files_nearest_first(home: Path) -> None:
    project = write(home, "project/cw.toml", '[[index]]\nurl = "https://a.example"\n')
    user = write(home, "user/uv/uv.toml", '[[index]]\nurl = "https://b.example"\n')
    assert [(table["url"], path) for table, path in settings(home).table("index")] == [
        ("https://a.example", project), ("https://b.example", user),
    ]  # fmt: skip


def test_config_file_option_and_no_config(home: Path) -> None:
    write(home, "project/cw.toml", 'resolution = "lowest"')
    other = write(home, "elsewhere/my.toml", 'prerelease = "allow"')
    for found in (settings(home, {"config-file": other}), settings(home, environ={"UV_CONFIG_FILE": other})):
        assert (found.text("resolution"), found.text("prerelease")) == (None, "allow")
    project = write(home, "elsewhere/pyproject.toml", '[tool.cw]\nprerelease = "allow"\n')
    assert settings(home, {"config-file": project}).text("prerelease") == "allow"
    for found in (settings(home, {"no-config": True}), settings(home, environ={"CW_NO_CONFIG": "1"})):
        assert found.text("resolution") is None
    with pytest.raises(ConfigError) as caught:
        settings(home, {"config-file": "nothing.toml"}).text("resolution")
    assert "nothing.toml" in str(caught.value)


def test_cutoff_date_can_be_reset(home: Path) -> None:
    write(
        home,
        "project/cw.toml",
        "exclude-newer = false\nexclude-newer-package = { torch = false, six = '2026-01-01' }\n",
    )
    write(home, "user/cw/cw.toml", 'exclude-newer = "2025-01-01"')
    assert settings(home).text("exclude-newer") is None
    assert settings(home).many("exclude-newer-package") == ("torch=false", "six=2026-01-01")


def test_paths_in_files_are_relative_to_the_file(home: Path) -> None:
    write(home, "project/cw.toml", 'cert = "ca.pem"\n')
    write(home, "user/cw/cw.toml", 'layers = ["shared"]\n')
    found = settings(home, start="project/deep")
    assert found.many("layers") == (f"{home}/user/cw/shared",)
    assert found.text("cert") == f"{home}/project/ca.pem"


@pytest.mark.parametrize(
    ("text", "on"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("false", False), ("", False)]
)
def test_boolean_variables(home: Path, text: str, on: bool) -> None:
    assert settings(home, environ={"UV_OFFLINE": text}).flag("offline") is on


def test_no_binary_is_a_flag_in_uv_and_a_list_here(home: Path) -> None:
    assert settings(home, environ={"UV_NO_BINARY": "1"}).many("no-binary") == (":all:",)
    assert settings(home, environ={"UV_NO_BINARY": "0"}).many("no-binary") == ()
    assert settings(home, environ={"CW_NO_BINARY": "six, attrs"}).many("no-binary") == ("six", "attrs")


@pytest.mark.parametrize(
    ("environ", "file", "key", "said"),
    [
        ({"CW_OFFLINE": "maybe"}, "", "offline", "CW_OFFLINE"),
        ({"UV_HTTP_TIMEOUT": "soon"}, "", "timeout", "UV_HTTP_TIMEOUT"),
        ({"UV_LINK_MODE": "magic"}, "", "link-mode", "UV_LINK_MODE"),
        ({}, 'link-mode = "magic"', "link-mode", "cw.toml"),
        ({}, "offline = 3", "offline", "true or false"),
        ({}, 'find-links = [{ url = "x" }]', "find-links", "list of texts"),
        ({}, "resolution = []", "resolution", "must be a text"),
        ({}, 'timeout = "x"', "timeout", "not a number"),
    ],
)
def test_invalid_value_error_names_its_place(
    home: Path, environ: dict[str, str], file: str, key: str, said: str
) -> None:
    write(home, "project/cw.toml", file)
    with pytest.raises(ConfigError) as caught:
        settings(home, environ=environ).setting(key)
    assert said in f"{caught.value} {caught.value.hint}"
    assert caught.value.exit_status == 2


def test_undecodable_file_is_reported(home: Path) -> None:
    (home / "project" / "cw.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        settings(home).text("resolution")


@pytest.mark.parametrize("key", PERSONAL)
@pytest.mark.parametrize("name", ["cw.toml", "pyproject.toml"])
def test_project_cannot_set_trust_stores_or_verification(home: Path, key: str, name: str) -> None:
    option = OPTIONS[key]
    flag = option.kind == "flag"
    text = f"{option.config} = true" if flag else f"{option.config} = {['theirs'] if option.many else 'theirs'!r}"
    text = text.replace("'", '"')
    written = write(home, f"project/{name}", text if name == "cw.toml" else f"[tool.cw]\n{text}")
    heard = Finder()
    found = settings(home, finder=heard)
    assert found.setting(key).value is None
    assert len(heard.warnings) == 1
    assert f"`{option.config}` in `{written}` is ignored" in heard.warnings[0]
    assert option.flags[0] in heard.warnings[0]
    # the user's own file decides
    write(home, "user/cw/cw.toml", text.replace("theirs", "mine"))
    value = settings(home).setting(key).value
    assert value is True if flag else "mine" in str(value)


def test_project_cannot_set_uvs_insecure_host(home: Path) -> None:
    write(home, "project/uv.toml", 'allow-insecure-host = ["a"]\nindex-url = "http://b"')
    heard = Finder()
    found = settings(home, finder=heard)
    assert found.many("allow-insecure-host") == ()
    assert found.text("index-url") == "http://b"
    assert len(heard.warnings) == 1


def test_pip_table_of_a_project_cannot_set_trust(home: Path) -> None:
    write(home, "project/cw.toml", '[pip]\ntrust = ["a"]')
    assert settings(home).many("trust") == ()


def test_trust_is_known_before_a_project_file_is_opened(home: Path) -> None:
    write(home, "project/cw.toml", "offline = true")
    write(home, "user/cw/cw.toml", 'trust = ["friend"]')
    heard = Finder()
    assert settings(home, finder=heard).flag("offline")
    assert heard.trusted == ("friend",)
    assert settings(home, {"trust": ["other"]}, finder=heard).flag("offline")
    assert heard.trusted == ("other",)


def test_project_file_without_settings_needs_no_parser(home: Path) -> None:
    write(home, "project/pyproject.toml", "this is [not TOML")
    parsed: list[str] = []

    def parse(text: str, _: str) -> dict[str, object]:
        parsed.append(text)
        return {}

    found = Settings({}, {"HOME": str(home)}, str(home / "project"), parse, finder=Finder())
    assert found.text("resolution") is None
    assert parsed == []


def test_option_spellings_are_unique_and_kinds_known() -> None:
    kinds = {"flag", "count", "text", "path", "number", "list", "paths"}
    for key, option in OPTIONS.items():
        assert option.kind in kinds, key
        assert option.hidden or option.help or not option.flags, key
        assert all(flag.startswith("-") for flag in option.flags + option.off), key
