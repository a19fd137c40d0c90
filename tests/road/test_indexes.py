"""In which order indexes are asked, who names them, and what each table of a configuration file may say."""

import tomllib
from collections.abc import Mapping

import pytest

from commonwheel.index.defaults import PipConfiguration
from commonwheel.model import Origin, SafeUrl
from commonwheel.road.indexes import InvalidIndex, collect
from commonwheel.settings import Settings
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
        self.environ = {"HOME": self.cwd, **(environ or {})}
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
    return [index.url.secret for index in collect(asking)[0]]


def links(asking: Asking) -> list[str]:
    return [index.url.secret for index in collect(asking)[1]]


def option(name: str, url: str) -> Option:
    return Option(name, url, Origin("r.txt", 3), SafeUrl(url))


def test_the_default_is_what_pip_has_built_in_when_nobody_says_anything(tmp_path):
    asking = Asking(tmp_path)
    assert urls(asking) == [BUILT_IN]
    assert collect(asking)[2] == {BUILT_IN: "the installed pip's default"}


def test_the_default_index_comes_last(tmp_path):
    given = {"index": [A, f"inner={B}"], "extra-index-url": [C], "default-index": PIP}
    assert urls(Asking(tmp_path, given)) == [A, B, C, PIP]
    assert [index.name for index in collect(Asking(tmp_path, given))[0]] == ["", "inner", "", ""]


def test_naming_a_default_leaves_the_configuration_of_pip_out(tmp_path):
    pip = PipConfiguration(index_url=SafeUrl(PIP), extra_index_urls=(SafeUrl(B),), find_links=("/wheels",))
    assert urls(Asking(tmp_path, {"default-index": A}, pip=pip)) == [A]
    assert links(Asking(tmp_path, {"default-index": A}, pip=pip)) == []
    assert urls(Asking(tmp_path, pip=pip)) == [B, PIP]
    assert links(Asking(tmp_path, pip=pip)) == ["file:///wheels"]
    assert urls(Asking(tmp_path, {"extra-index-url": [C]}, pip=pip)) == [C, B, PIP]


def test_local_indexes_of_pip_stand_beside_the_others_and_first(tmp_path):
    pip = PipConfiguration(extra_index_urls=(SafeUrl(B), SafeUrl("file:///opt/simple")))
    found = collect(Asking(tmp_path, {"index": [C]}, pip=pip))[0]
    assert [(index.url.secret, index.beside) for index in found] == [
        ("file:///opt/simple", True), (C, False), (B, False), (BUILT_IN, False),
    ]  # fmt: skip


def test_a_local_index_that_is_named_to_cw_keeps_its_place_in_the_row(tmp_path):
    found = collect(Asking(tmp_path, {"index": [A, "file:///opt/simple"]}))[0]
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
def test_who_names_the_default_index(tmp_path, given, environ, config, in_file, winner):
    """The command line, the requirements file, variables, configuration files, pip's configuration."""
    options = (option("index-url", in_file),) if in_file else ()
    asking = Asking(
        tmp_path, given, environ=environ, config=config, options=options, pip=PipConfiguration(index_url=SafeUrl(PIP))
    )
    assert urls(asking) == [winner]


def test_options_of_requirements_files_count(tmp_path):
    options = (option("extra-index-url", A), option("find-links", "https://links.example/all"))
    asking = Asking(tmp_path, options=options)
    assert urls(asking) == [A, BUILT_IN]
    assert links(asking) == ["https://links.example/all"]
    assert collect(asking)[2][A] == "r.txt:3"
    assert urls(Asking(tmp_path, options=(Option("no-index", "", Origin("r.txt", 1)),))) == []


def test_no_index_leaves_all_indexes_out_but_not_the_links(tmp_path):
    asking = Asking(tmp_path, {"no-index": True, "index": [A], "find-links": ["wheels"]})
    assert urls(asking) == []
    assert links(asking) == [f"file://{tmp_path}/wheels"]


def test_a_table_says_what_an_index_is_like(tmp_path):
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
    one, two, _ = collect(Asking(tmp_path, config=config))[0]
    assert (one.name, one.explicit, one.ignored, one.cache_control, one.newest) == (
        "inner-one",
        True,
        {403},
        "max-age=60",
        1000.0,
    )
    assert (two.url.secret, two.flat, two.newest) == (f"file://{tmp_path}/wheels", True, False)


@pytest.mark.parametrize(
    "config", ["[[index]]\nname = 'x'", "[[index]]\nurl = 3", "[[index]]\nurl = 'ftp://x.example'"]
)
def test_a_table_without_a_good_url_is_told_with_its_file(tmp_path, config):
    with pytest.raises(InvalidIndex) as caught:
        collect(Asking(tmp_path, config=config))
    assert caught.value.hint


def test_a_bad_scheme_is_told_without_the_password(tmp_path):
    with pytest.raises(InvalidIndex) as caught:
        collect(Asking(tmp_path, {"index": ["ftp://me:secret@x.example"]}))
    assert "secret" not in str(caught.value)


def test_the_first_mention_of_a_url_wins(tmp_path):
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
def test_what_is_asked_with_a_login_is_private(tmp_path, given, environ, netrc, private):
    if netrc:
        (tmp_path / ".netrc").write_text(netrc + "\n")
    found, flat, _ = collect(Asking(tmp_path, given, environ=environ))
    hosts = [index.url.bare.split("/")[2].split(":")[0].lower() for index in (*found, *flat) if index.private]
    assert sorted(hosts) == private


def test_a_local_index_is_not_private_whatever_netrc_says(tmp_path):
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    assert not collect(Asking(tmp_path, {"default-index": str(tmp_path)}))[0][0].private
