"""In which order indexes are asked, who names them, and what each table of a configuration file may say."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from commonwheel.index.pip_config import PipConfiguration
from commonwheel.model import Origin, SafeUrl
from commonwheel.operations.configured_indexes import InvalidIndex, collect
from commonwheel.settings.settings import Settings
from commonwheel.specs.requirements_txt import Option
from kit.finder import Finder

A, B, C, PIP, BUILT_IN = (f"https://{name}.example/simple" for name in ("a", "b", "c", "pip", "built-in"))


class Asking:
    """Be what of a session names indexes: real settings, and a pip that says what the test wants."""

    def __init__(
        self,
        tmp_path: object,
        given: Mapping[str, object] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        config: str = "",
        pip: PipConfiguration | None = None,
        options: tuple[Option, ...] = (),
    ) -> None:
        self.cwd = str(tmp_path)
        self.environ: Mapping[str, str] = {"HOME": self.cwd, **(environ or {})}
        with open(f"{tmp_path}/cw.toml", "w", encoding="utf-8") as stream:
            stream.write(config)
        self.settings = Settings(
            given or {},
            {"HOME": "/nowhere", **(environ or {})},
            self.cwd,
            lambda text, _: tomllib.loads(text),
            finder=Finder(),
        )
        self.file_options = options
        self.pip = pip or PipConfiguration()

    def built_in_index(self) -> SafeUrl:
        return SafeUrl(BUILT_IN)

    def moment(self, text: str) -> float:
        return {"2026-01-01": 1000.0}[text]


def urls(asking: Asking) -> list[str]:
    return [index.url.secret for index in collect(asking).indexes]


def links(asking: Asking) -> list[str]:
    return [index.url.secret for index in collect(asking).links]


def option(name: str, url: str) -> Option:
    return Option(name, url, Origin("r.txt", 3), SafeUrl(url))


def test_default_index_of_pip_is_the_fallback(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    assert urls(asking) == [BUILT_IN]
    assert collect(asking).origins == {BUILT_IN: "the installed pip's default"}


def test_default_index_comes_last(tmp_path: Path) -> None:
    given = {"index": [A, f"inner={B}"], "extra-index-url": [C], "default-index": PIP}
    assert urls(Asking(tmp_path, given)) == [A, B, C, PIP]
    assert [index.name for index in collect(Asking(tmp_path, given)).indexes] == ["", "inner", "", ""]


def test_explicit_default_ignores_pip_configuration(tmp_path: Path) -> None:
    pip = PipConfiguration(index_url=SafeUrl(PIP), extra_index_urls=(SafeUrl(B),), find_links=("/wheels",))
    assert urls(Asking(tmp_path, {"default-index": A}, pip=pip)) == [A]
    assert links(Asking(tmp_path, {"default-index": A}, pip=pip)) == []
    assert urls(Asking(tmp_path, pip=pip)) == [B, PIP]
    assert links(Asking(tmp_path, pip=pip)) == ["file:///wheels"]
    assert urls(Asking(tmp_path, {"extra-index-url": [C]}, pip=pip)) == [C, B, PIP]


def test_local_indexes_of_pip_stand_beside_the_others_first(tmp_path: Path) -> None:
    pip = PipConfiguration(extra_index_urls=(SafeUrl(B), SafeUrl("file:///opt/simple")))
    found = collect(Asking(tmp_path, {"index": [C]}, pip=pip)).indexes
    assert [(index.url.secret, index.beside) for index in found] == [
        ("file:///opt/simple", True), (C, False), (B, False), (BUILT_IN, False),
    ]  # fmt: skip


def test_explicit_local_index_keeps_its_position(tmp_path: Path) -> None:
    found = collect(Asking(tmp_path, {"index": [A, "file:///opt/simple"]})).indexes
    assert [(index.url.secret, index.beside) for index in found] == [
        (A, False), ("file:///opt/simple", False), (BUILT_IN, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "environ", "config", "in_file", "winner"),
    [
        ({"index-url": A}, {"UV_INDEX_URL": B}, "", C, A),
        ({}, {"CW_DEFAULT_INDEX": B, "UV_DEFAULT_INDEX": A}, "", C, C),
        ({}, {"CW_DEFAULT_INDEX": B, "UV_DEFAULT_INDEX": A}, f'index-url = "{C}"', "", B),
        ({}, {"UV_DEFAULT_INDEX": A}, "", "", A),
        ({}, {}, f'[[index]]\nurl = "{A}"\ndefault = true', "", A),
        ({}, {}, f'index-url = "{B}"', "", B),
        ({}, {}, "", "", PIP),
    ],
)
def test_default_index_precedence(
    tmp_path: Path, given: dict[str, object], environ: dict[str, str], config: str, in_file: str, winner: str
) -> None:
    """The command line, the requirements file, variables, configuration files, pip's configuration."""
    options = (option("index-url", in_file),) if in_file else ()
    asking = Asking(
        tmp_path, given, environ=environ, config=config, options=options, pip=PipConfiguration(index_url=SafeUrl(PIP))
    )
    assert urls(asking) == [winner]


def test_options_of_requirements_files_count(tmp_path: Path) -> None:
    options = (option("extra-index-url", A), option("find-links", "https://links.example/all"))
    asking = Asking(tmp_path, options=options)
    assert urls(asking) == [A, BUILT_IN]
    assert links(asking) == ["https://links.example/all"]
    assert collect(asking).origins[A] == "r.txt:3"
    assert urls(Asking(tmp_path, options=(Option("no-index", "", Origin("r.txt", 1)),))) == []


def test_no_index_keeps_find_links(tmp_path: Path) -> None:
    asking = Asking(tmp_path, {"no-index": True, "index": [A], "find-links": ["wheels"]})
    assert urls(asking) == []
    assert links(asking) == [f"file://{tmp_path}/wheels"]


def test_index_table_keys(tmp_path: Path) -> None:
    config = f"""
        [[index]]
        name = "Inner_One"
        url = "{A}"
        explicit = true
        ignore-error-codes = [403]
        cache-control = {{ api = "max-age=60" }}
        exclude-newer = "2026-01-01"
        [[index]]
        url = "wheels"
        format = "flat"
        exclude-newer = false
    """
    one, two, _ = collect(Asking(tmp_path, config=config)).indexes
    assert (one.name, one.explicit, one.ignored, one.cache_control, one.newest) == (
        "inner-one",
        True,
        frozenset({403}),
        "max-age=60",
        1000.0,
    )
    assert (two.url.secret, two.flat, two.newest) == (f"file://{tmp_path}/wheels", True, False)


@pytest.mark.parametrize(
    "config", ["[[index]]\nname = 'x'", "[[index]]\nurl = 3", "[[index]]\nurl = 'ftp://x.example'"]
)
def test_index_table_without_valid_url_names_its_file(tmp_path: Path, config: str) -> None:
    with pytest.raises(InvalidIndex) as caught:
        collect(Asking(tmp_path, config=config))
    assert caught.value.hint


def test_invalid_scheme_error_hides_the_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidIndex) as caught:
        collect(Asking(tmp_path, {"index": ["ftp://me:secret@x.example"]}))
    assert "secret" not in str(caught.value)


def test_first_mention_of_a_url_wins(tmp_path: Path) -> None:
    assert urls(Asking(tmp_path, {"index": [A, B, A], "default-index": B})) == [A, B]


@pytest.mark.parametrize(
    ("given", "environ", "netrc", "private"),
    [
        ({}, {}, "", []),
        ({"index": ["https://me:secret@a.example/x"]}, {}, "", ["a.example"]),
        ({"index": ["https://me@a.example/x"]}, {}, "", ["a.example"]),
        ({"index": ["https://me:secret@a.example/x", "https://a.example/y"]}, {}, "", ["a.example", "a.example"]),
        ({"index": [f"in.house={A}"]}, {"UV_INDEX_IN_HOUSE_USERNAME": "me"}, "", ["a.example"]),
        ({"index": [f"in.house={A}"]}, {"CW_INDEX_IN_HOUSE_PASSWORD": "secret"}, "", ["a.example"]),
        ({"index": [A]}, {}, "machine b.example login me password secret", []),
        ({"index": [A]}, {}, "machine a.example login me password secret", ["a.example"]),
        ({"index": ["https://A.example:8443/x"]}, {}, "machine a.example login me password secret", ["a.example"]),
        ({"index": [A]}, {}, "default login me password secret", ["a.example", "built-in.example"]),
        ({"find-links": ["https://a.example/page"]}, {}, "machine a.example login me password secret", ["a.example"]),
    ],
)
def test_index_with_login_is_private(
    tmp_path: Path, given: dict[str, object], environ: dict[str, str], netrc: str, private: list[str]
) -> None:
    if netrc:
        (tmp_path / ".netrc").write_text(netrc + "\n")
    made = collect(Asking(tmp_path, given, environ=environ))
    found, flat = made.indexes, made.links
    hosts = [index.url.bare.split("/")[2].split(":")[0].lower() for index in (*found, *flat) if index.private]
    assert sorted(hosts) == private


def test_local_index_is_not_private_despite_netrc(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    assert not collect(Asking(tmp_path, {"default-index": str(tmp_path)})).indexes[0].private
