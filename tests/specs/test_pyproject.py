import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.dependency_groups import resolve_dependency_groups

from commonwheel.model import Origin, PathSource
from commonwheel.specs import pyproject
from commonwheel.specs.pyproject import InvalidPyproject, Project, UnknownGroup

TEXT = """
[build-system]
requires = ["hatchling>=1", "x @ ./x"]
build-backend = "hatchling.build:api.make"
backend-path = ["."]

[project]
name = "My.Project"
version = "1.0-rc1"
requires-python = ">= 3.9 , <4"
dependencies = ["flask[a]>=1 ; python_version > '3'", "local @ file:../local"]
dynamic = ["readme"]

[project.optional-dependencies]
Some_Extra = ["pytest; os_name == 'nt' or os_name == 'x'", "my-project[docs] ; python_version < '4'"]
docs = ["sphinx"]
all = ["my_project[some.extra,docs]", "my-project[all]"]

[dependency-groups]
Dev = ["ruff==1.0", {include-group = "te_st"}]
te-st = ["pytest", {include-group = "Lint"}]
lint = ["ruff==1.0", "tool @ ./tool"]

[tool.uv]
index = [{name = "x", url = "https://index.example"}]
[tool.cw]
link-mode = "copy"
"""


def read(text: str, path: str = "/p/pyproject.toml") -> Project:
    return pyproject.read(text, path)


def test_all_tables() -> None:
    found = read(TEXT)
    assert (found.name, found.version, found.requires_python) == ("my-project", "1.0rc1", ">=3.9,<4")
    assert found.extras == ("some-extra", "docs", "all")
    assert found.build_system == pyproject.BuildSystem(("hatchling>=1", "x @ ./x"), "hatchling.build:api.make", (".",))
    assert found.tool("cw") == {"link-mode": "copy"}
    assert found.tool("uv")["index"] == [{"name": "x", "url": "https://index.example"}]
    assert found.tool("other") == {}
    assert (found.directory, found.dynamic_dependencies, found.dynamic) == ("/p", False, frozenset(["readme"]))
    assert found.requires[1].source == PathSource("/local")
    assert found.requires[0].origin == Origin("/p/pyproject.toml (project.dependencies[0])")


def test_extras() -> None:
    found = read(TEXT)
    assert [str(r) for r in found.dependencies(["DOCS"])][2:] == ["sphinx"]
    assert [str(r) for r in found.dependencies(["all"])][2:] == [
        "sphinx", "pytest ; os_name == 'nt' or os_name == 'x'", "sphinx ; python_version < '4'",
    ]  # fmt: skip
    assert len(found.dependencies()) == 2
    with pytest.raises(UnknownGroup, match="no extra `nope`"):
        found.dependencies(["nope"])


def test_static_metadata() -> None:
    found = pyproject.static_metadata(read(TEXT))
    assert found is not None
    assert (found.name, found.version, found.requires_python, found.provides_extra) == (
        "my-project", "1.0rc1", ">=3.9,<4", ("some-extra", "docs", "all"),
    )  # fmt: skip
    assert [str(r) for r in found.requires][2:5] == [
        "pytest ; (os_name == 'nt' or os_name == 'x') and extra == \"some-extra\"",
        "my-project[docs] ; python_version < '4' and extra == \"some-extra\"",
        'sphinx ; extra == "docs"',
    ]
    assert all(r.origin is None for r in found.requires)


@pytest.mark.parametrize("field", ["version", "dependencies", "optional-dependencies", "requires-python"])
def test_dynamic_fields_are_not_static(field: str) -> None:
    lines = [line for line in ('name = "a"', 'version = "1"') if not line.startswith(field)]
    text = "\n".join(["[project]", *lines, f'dynamic = ["{field}"]'])
    found = read(text)
    assert pyproject.static_metadata(found) is None
    assert found.dynamic_dependencies == field.endswith("dependencies")


def test_file_without_project_table() -> None:
    found = read("[tool.black]\n")
    assert pyproject.static_metadata(found) is None
    assert found.dynamic_dependencies
    assert found.build_system is None
    assert (found.name, found.dependencies(), found.extras) == ("", (), ())


def test_dependency_groups() -> None:
    found = read(TEXT)
    assert [str(r) for r in found.group("dev")] == ["ruff==1.0", "pytest", "ruff==1.0", "tool @ /p/tool"]
    assert found.group("DEV")[1].origin == Origin("/p/pyproject.toml (dependency-groups.te-st[0])")
    assert [str(r) for r in found.group("dev", Origin("x"))] == ["ruff==1.0", "pytest", "tool @ /p/tool"]
    with pytest.raises(UnknownGroup) as caught:
        found.group("nope")
    assert "dev, te-st, lint" in str(caught.value.hint)
    with pytest.raises(UnknownGroup):
        read("[project]\nname='a'\nversion='1'\n").group("dev")


MEMBER = st.one_of(
    st.sampled_from(["a", "b>=1"]), st.sampled_from(["X", "y", "z.z"]).map(lambda g: {"include-group": g})
)


@given(
    st.fixed_dictionaries(
        {"x": st.lists(MEMBER, max_size=3), "Y": st.lists(MEMBER, max_size=3), "z-z": st.lists(MEMBER, max_size=2)}
    )
)
def test_group_resolution_matches_packaging(groups: dict[str, list[object]]) -> None:
    project = Project("/p/pyproject.toml", groups=groups)
    try:
        expected = resolve_dependency_groups(groups, "x")  # type: ignore[arg-type]
    except ExceptionGroup:
        with pytest.raises(InvalidPyproject, match="cannot be read") as caught:
            project.group("x")
        assert "includes itself" in caught.value.issues[0]
    else:
        # packaging repeats what several groups ask for
        assert [str(r) for r in project.group("x", Origin("x"))] == list(dict.fromkeys(expected))


def test_all_group_faults_are_reported_together() -> None:
    found = read(
        '[dependency-groups]\na = ["b =1", 3, {include-group = "a"}, {x = "y"}, {include-group = "c"}]\nc = "text"\nA = []\n'
    )
    found = found.replaced(groups={k: v for k, v in found.groups.items() if k != "A"})
    with pytest.raises(InvalidPyproject) as caught:
        found.group("a")
    told = "\n".join(caught.value.issues)
    for path in (
        "dependency-groups.a[0]: ",
        "dependency-groups.a[1]: ",
        "dependency-groups.a: it includes itself: a → a",
        "dependency-groups.a[3]: ",
        "dependency-groups.c: ",
    ):
        assert path in told
    with pytest.raises(InvalidPyproject, match="cannot be read"):
        read("[dependency-groups]\na-b = []\na_b = []\n").group("a-b")


def test_faults_have_their_key_path() -> None:
    text = """
    [build-system]
    build-backend = "not a module"
    backend-path = ["../out", 3]
    [project]
    name = "-bad-"
    version = "one"
    requires-python = "newest"
    dependencies = ["ok", "foo =1", 3]
    dynamic = "version"
    [project.optional-dependencies]
    "bad name" = []
    a-b = "text"
    a_b = ["bar >"]
    """
    with pytest.raises(InvalidPyproject) as caught:
        read(text)
    told = "\n".join(caught.value.issues)
    for path in (
        "build-system.requires: it is missing", "build-system.build-backend: ", "build-system.backend-path[0]: ", "build-system.backend-path[1]: ",
        "project.name: ", "project.version: ", "project.requires-python: ", "project.dependencies[1]: ", "project.dependencies[2]: ", "project.dynamic: ",
        "project.optional-dependencies: `bad name`", "project.optional-dependencies.a-b: ", "project.optional-dependencies: `a_b` is there twice",
        "project.optional-dependencies.a_b[0]: ",
    ):  # fmt: skip
        assert path in told
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    "text",
    [
        "[project",
        "project = 3",
        "[project]\nversion='1'",
        "[project]\nname='a'",
        "[project]\nname='a'\ndynamic=['name','version']",
        "tool = []",
        "dependency-groups = 1",
        "build-system = 'x'",
        "[project]\nname=3\nversion=3",
    ],
)
def test_invalid_pyproject_is_refused(text: str) -> None:
    with pytest.raises(InvalidPyproject):
        read(text)


@given(
    st.recursive(
        st.sampled_from(["a", "1", 3, True]),
        lambda i: (
            st.lists(i, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "version",
                        "dependencies",
                        "dynamic",
                        "optional-dependencies",
                        "requires",
                        "requires-python",
                        "build-backend",
                        "x",
                    ]
                ),
                i,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_any_document_parses_or_raises_one_error(value: object) -> None:
    def toml(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(toml, value)) + "]"
        return "true" if value is True else repr(value)

    text = f"project = {toml(value)}\nbuild-system = {toml(value)}\ntool = {toml(value)}\n"
    tomllib.loads(text)
    try:
        pyproject.static_metadata(read(text))
    except InvalidPyproject as error:
        assert error.issues  # noqa: PT017 - both ways are fine, nothing else is


def test_build_system_is_read_despite_other_faults() -> None:
    text = '[build-system]\nrequires = ["flit"]\nbuild-backend = "flit.api"\n[project]\nname = 3\ndependencies = "x"\n'
    system = pyproject.build_system(text, "p/pyproject.toml")
    assert system is not None
    assert (system.requires, system.backend, system.backend_path) == (("flit",), "flit.api", ())
    assert pyproject.build_system("[tool.x]\n", "p/pyproject.toml") is None
    with pytest.raises(pyproject.InvalidPyproject, match="not a valid"):
        pyproject.build_system("[build-system]\nrequires = 3\n", "p/pyproject.toml")
    with pytest.raises(pyproject.InvalidPyproject, match="not valid TOML"):
        pyproject.build_system("[build-system\n", "p/pyproject.toml")
