import itertools

import pytest

from commonwheel.model import PathSource, SafeUrl, UrlSource, VcsSource
from commonwheel.specs import markers, pyproject, tool_sources
from commonwheel.specs.pyproject import InvalidPyproject
from commonwheel.specs.requirement import parse_dependency

HEAD = '[project]\nname = "x"\nversion = "1"\ndependencies = ["Foo[a]>=1 ; os_name == \'posix\'", "bar", "own @ https://h.example/own.zip"]\n'


def sourced(sources: str, more: str = "", *, extras: tuple[str, ...] = ()) -> list[tuple[str, object, str]]:
    project = pyproject.read(f"{HEAD}{more}\n[tool.uv.sources]\n{sources}", "/p/pyproject.toml")
    return [(r.name + r.specifier, r.source, r.marker) for r in project.dependencies(extras, sources=True)]


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        (
            '{git = "https://h.example/r", tag = "v1", subdirectory = "s"}',
            VcsSource("git", SafeUrl("https://h.example/r"), "v1", "s"),
        ),
        ('{git = "git+ssh://git@h.example/r@main"}', VcsSource("git", SafeUrl("ssh://git@h.example/r"), "main")),
        ('{git = "https://h.example/r", branch = "b"}', VcsSource("git", SafeUrl("https://h.example/r"), "b")),
        ('{url = "https://h.example/f.zip", subdirectory = "s"}', UrlSource(SafeUrl("https://h.example/f.zip"), "s")),
        ('{path = "../f", editable = true}', PathSource("/f", True)),
        ('{path = "f-1.0.tar.gz"}', PathSource("/p/f-1.0.tar.gz")),
    ],
)
def test_source_kinds(entry: str, source: object) -> None:
    own = UrlSource(SafeUrl("https://h.example/own.zip"))
    marker = 'os_name == "posix"'
    assert sourced(f"FOO = {entry}\nown = {{path = '.'}}") == [
        ("foo", source, marker),
        ("bar", None, ""),
        ("own", own, ""),
    ]


def test_sources_apply_only_on_request() -> None:
    project = pyproject.read(f'{HEAD}[tool.uv.sources]\nbar = {{path = "b"}}\nfoo = 3', "/p/pyproject.toml")
    assert project.dependencies()[1].source is None
    with pytest.raises(InvalidPyproject, match="sources"):
        project.dependencies(sources=True)


def test_index_sources_need_the_settings() -> None:
    assert sourced('bar = {index = "private"}')[1] == ("bar", None, "")


def test_cw_table_wins_over_uv_table() -> None:
    project = pyproject.read(
        f'{HEAD}[tool.uv.sources]\nbar = {{path = "u"}}\n[tool.cw.sources]\nbar = {{path = "c"}}', "/p/pyproject.toml"
    )
    assert project.dependencies(sources=True)[1].source == PathSource("/p/c")


def test_extras_and_groups() -> None:
    more = "[project.optional-dependencies]\ncpu = ['torch']\ngpu = ['torch']\n[dependency-groups]\ndev = ['torch']\n"
    sources = "torch = [{path = 'c', extra = 'CPU'}, {path = 'd', group = 'dev'}]"
    assert sourced(sources, more, extras=("cpu", "gpu"))[3:] == [("torch", PathSource("/p/c"), ""), ("torch", None, "")]
    project = pyproject.read(f"{HEAD}{more}[tool.uv.sources]\n{sources}", "/p/pyproject.toml")
    assert [r.source for r in project.group("dev", sources=True)] == [PathSource("/p/d")]
    assert [r.source for r in project.group("dev")] == [None]


@pytest.mark.parametrize("marker", ["", "python_version >= '3.9'", "os_name == 'nt'"])
@pytest.mark.parametrize(
    "rules",
    [
        ["sys_platform == 'linux'"],
        [
            "sys_platform == 'linux' and python_version < '3.10'",
            "sys_platform == 'darwin' or sys_platform == 'win32' and os_name == 'nt'",
        ],
        ["'x' in platform_machine"],
    ],
)
def test_marker_sources_split_into_disjoint_parts(marker: str, rules: list[str]) -> None:
    issues: list[str] = []
    table = {"foo": [{"path": f"r{i}", "marker": rule} for i, rule in enumerate(rules)]}
    found = tool_sources.applied(
        parse_dependency(f"foo>=1{';' if marker else ''}{marker}"), tool_sources.rules(table, "s", "/p", issues)
    )
    assert not issues
    for platform, python, os_name, machine in itertools.product(
        ("linux", "darwin", "win32"), ("3.8", "3.9", "3.12"), ("posix", "nt"), ("x86", "arm")
    ):
        world = {"sys_platform": platform, "python_version": python, "os_name": os_name, "platform_machine": machine}
        holding = [one for one in found if markers.evaluate(one.marker, world)]
        assert len(holding) == (1 if markers.evaluate(marker, world) else 0)
        for one in holding:
            index = None if one.source is None else int(one.source.path[-1])  # type: ignore[union-attr]
            assert index == next((i for i, rule in enumerate(rules) if markers.evaluate(rule, world)), None)
            assert one.specifier == (">=1" if index is None else "")


def test_all_faults_are_reported_together() -> None:
    sources = """
    a = 3
    b = {}
    c = {git = "https://h.example/r", path = "x"}
    d = {path = "x", colour = "red"}
    e = {path = 3}
    f = {workspace = 3}
    g = [{path = "x", marker = "nonsense"}, "x"]
    h = {url = "./x"}
    i = {git = "git@h.example:o/r"}
    """
    with pytest.raises(InvalidPyproject) as caught:
        sourced(sources)
    told = "\n".join(caught.value.issues)
    for name in "abcdefghi":
        assert f"tool.uv.sources.{name}" in told
