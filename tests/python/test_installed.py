"""What is listed as installed, against what interpreters say of themselves, and what lies about in real directories."""

import glob
import os
import shutil
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.model import Environment, Installed
from commonwheel.python import environment, installed, venv
from commonwheel.python.discovery import Surroundings
from commonwheel.python.environment import EnvironmentRequest
from kit import pythons as kit
from kit.users import users

THEMSELVES = """
import json
from importlib.metadata import distributions
found = {}
for one in distributions():
    name = one.metadata["Name"]
    if name:
        found.setdefault(name.lower().replace("_", "-").replace(".", "-"), one.version)
print(json.dumps(found))
"""


def located(python: str, **environ: str) -> Environment:
    where = Surroundings({"PATH": "", **environ}, "/", kit.MEMORY, kit.Counted())
    return environment.locate(EnvironmentRequest(python), where)


def listed(found: Environment) -> dict[str, str]:
    return {one.name: one.version for one in installed.installed(found, kit.Heard())}


@pytest.mark.parametrize("python", [*kit.pythons().values(), *filter(None, [kit.debian()]), sys.executable])
def test_result_matches_importlib_metadata(python: str) -> None:
    said = kit.says(python, THEMSELVES, isolated=True)
    assert isinstance(said, dict)
    assert listed(located(python)) == {name.replace("--", "-"): version for name, version in said.items()}


@pytest.mark.parametrize("python", [*kit.pythons().values(), *filter(None, [kit.debian()])])
def test_layers_of_system_site_packages(python: str, place: str) -> None:
    root = venv.create(os.path.join(place, "env"), kit.probed(python), venv.Options(system_site_packages=True))
    add(os.path.join(root, kit.probed(python).venv_paths["purelib"]), "pip", "999")
    said = kit.says(f"{root}/bin/python", THEMSELVES)
    assert isinstance(said, dict)
    found = installed.installed(located(root))
    assert {one.name: one.version for one in found} == said
    assert said["pip"] == "999"
    assert [one.name for one in found if one.own] == ["pip"]


class Site:
    """An environment and its site directory."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
        self.path = os.path.join(self.root, kit.probed(kit.newest()).venv_paths["purelib"])
        self.heard = kit.Heard()

    def installed(self, **environ: str) -> tuple[Installed, ...]:
        return installed.installed(located(self.root, **environ), self.heard)

    def names(self, **environ: str) -> list[tuple[str, str, bool]]:
        return [(one.name, one.version, one.own) for one in self.installed(**environ)]


@pytest.fixture
def site(place: str) -> Site:
    return Site(place)


def write(path: str, text: str = "") -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText.\n"


def add(directory: str, name: str, version: str, **files: str) -> str:
    path = f"{directory}/{name}-{version}.dist-info"
    write(f"{path}/METADATA", metadata(name, version))
    for key, text in files.items():
        write(f"{path}/{key.replace('__', '.')}", text)
    return path


# --- one distribution -----------------------------------------------------------------------------------------------------


def test_dist_info(site: Site) -> None:
    path = add(site.path, "Some_Package.x", "1.0", INSTALLER="uv\n", REQUESTED="")
    (one,) = site.installed()
    assert one == Installed("some-package-x", "1.0", path, "dist-info", site.path, "", True, "", "", True)
    assert installed.details(one).installer == "uv"
    assert installed.metadata_path(one) == f"{path}/METADATA"


def test_editable_installs_name_their_project(site: Site) -> None:
    url = '{"dir_info": {"editable": true}, "url": "file:///home/me/my%20project"}'
    add(site.path, "mine", "0.1", direct_url__json=url)
    (one,) = site.installed()
    assert one.editable == "/home/me/my project"
    assert one.direct_url == url


@pytest.mark.parametrize("directory", ["foo-bar-1.0", "foo_bar-1.0-2", "foo_bar-unknown"])
def test_ambiguous_directory_name_is_resolved_by_metadata(site: Site, directory: str) -> None:
    write(f"{site.path}/{directory}.dist-info/METADATA", metadata("Foo.Bar", "1.0.post2"))
    assert site.names() == [("foo-bar", "1.0.post2", True)]


def test_local_versions_are_kept(site: Site) -> None:
    add(site.path, "torch", "2.1.0+cu118")
    assert site.names() == [("torch", "2.1.0+cu118", True)]


def test_all_egg_info_forms(site: Site) -> None:
    write(f"{site.path}/one-1.0-py3.11.egg-info/PKG-INFO", metadata("one", "1.0"))
    write(f"{site.path}/two.egg-info/PKG-INFO", metadata("Two", "2.0"))
    write(f"{site.path}/three-3.0.egg-info", metadata("three", "3.0"))
    write(f"{site.path}/four-4.0-py3.11.egg/EGG-INFO/PKG-INFO", metadata("four", "4.0"))
    write(f"{site.path}/zipped-1.0-py3.11.egg", "PK")
    project = os.path.join(site.place, "five project")
    write(f"{project}/src/five.egg-info/PKG-INFO", metadata("Five", "5.0"))
    write(f"{site.path}/five.egg-link", f"{project}/src\n../")
    write(f"{site.path}/easy-install.pth", f"{project}/src\n")
    found = {one.name: one for one in site.installed()}
    assert {name: (one.version, one.form) for name, one in found.items()} == {
        "one": ("1.0", "egg-info"),
        "two": ("2.0", "egg-info"),
        "three": ("3.0", "egg-file"),
        "four": ("4.0", "egg-info"),
        "five": ("5.0", "egg-link"),
    }
    assert all(one.own for one in found.values())
    assert found["five"].editable == project
    assert found["five"].site == f"{project}/src"
    assert found["four"].site == f"{site.path}/four-4.0-py3.11.egg"
    for one in found.values():
        assert os.path.isfile(installed.metadata_path(one))
    shutil.rmtree(project)
    assert "five" not in {one.name for one in site.installed()}
    assert any("five.egg-link" in note for note in site.heard.notes)
    assert installed.metadata_path(found["five"]) == ""


REQUIRES = """
import json, sys
from importlib.metadata import PathDistribution
from pathlib import Path
print(json.dumps(PathDistribution(Path(sys.argv[1])).requires))
"""


def test_egg_info_requirements(site: Site) -> None:
    path = f"{site.path}/old-1.0-py3.8.egg-info"
    write(f"{path}/PKG-INFO", metadata("old", "1.0"))
    write(
        f"{path}/requires.txt",
        "a>=1\n\n[:python_version < '3.9']\nb\n\n[test]\nc\nd @ https://index.example/d.zip\n\n[test:os_name == 'nt' or x]\ne\n",
    )
    (one,) = site.installed()
    lines = installed.read_metadata(one).decode().splitlines()
    told = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    assert told == kit.says(kit.newest(), REQUIRES, path)
    write(f"{path}/PKG-INFO", "Name: old\nVersion: 1.0\nRequires-Dist: z\n\n")
    assert installed.read_metadata(one) == b"Name: old\nVersion: 1.0\nRequires-Dist: z\n\n"
    os.remove(f"{path}/PKG-INFO")
    with pytest.raises(OSError, match="PKG-INFO"):
        installed.read_metadata(one)


def test_conda_packages_without_record(site: Site) -> None:
    write(f"{site.path}/numpy-1.26.0.dist-info/METADATA", metadata("numpy", "1.26.0"))
    write(f"{site.path}/numpy-1.26.0.dist-info/INSTALLER", "conda")
    assert site.names() == [("numpy", "1.26.0", True)]


def test_broken_distributions_are_reported_and_skipped(site: Site) -> None:
    add(site.path, "good", "1.0")
    os.mkdir(f"{site.path}/half-1.0.dist-info")
    write(f"{site.path}/file-1.0.dist-info", "not a directory")
    write(f"{site.path}/~ood-0.9.dist-info/METADATA", metadata("good", "0.9"))
    write(f"{site.path}/.dist-info/METADATA", "")
    write(f"{site.path}/nameless.dist-info/METADATA", "")
    write(f"{site.path}/nameless.egg-info/PKG-INFO", "Metadata-Version: 1.0\n")
    write(f"{site.path}/dangling.egg-link", "")
    os.symlink("/gone", f"{site.path}/loop-1.0.dist-info")
    write(f"{site.path}/~ip/x.py", "")
    assert site.names() == [("good", "1.0", True)]
    for name in ("half-1.0", "file-1.0", "~ood-0.9", "nameless.dist", "nameless.egg", "dangling.egg", "loop-1.0"):
        assert any(name in note for note in site.heard.notes), name


def test_duplicates_in_one_directory_are_both_listed_newer_last(site: Site) -> None:
    new, old = add(site.path, "twice", "1.0"), add(site.path, "twice", "2.0")
    os.utime(old, (1, 1))
    assert [one.location for one in site.installed()] == [old, new]
    assert any("twice" in note and "more than once" in note for note in site.heard.notes)


# --- further places -------------------------------------------------------------------------------------------------------


def test_pth_files(site: Site) -> None:
    for name in ("shared", "overlay", "hidden", "relative", "commented", "new in layer"):
        add(os.path.join(site.place, name), name.split()[0], "1.0")
    write(os.path.join(site.place, "shared", "deeper.pth"), os.path.join(site.place, "new in layer"))
    write(
        f"{site.path}/b.pth",
        f"\ufeff{site.place}/shared\n\nimport os; os.abort()\n# {site.place}/commented\n/nonexistent\n../../../../relative\n",
    )
    write(f"{site.path}/a.pth", f"import site; site.addsitedir({site.place + '/overlay'!r})\n")
    write(f"{site.path}/.hidden.pth", f"{site.place}/hidden\n")
    write(f"{site.path}/broken.pth", "import site; site.addsitedir(\nimport\tx\n\0\n")
    add(site.path, "own", "1.0")
    assert site.names() == [
        ("overlay", "1.0", False),
        ("own", "1.0", True),
        ("relative", "1.0", False),
        ("shared", "1.0", False),
    ]


def test_pth_parsing_matches_python(site: Site) -> None:
    for name in ("shared", "overlay", "hidden", "relative", "commented"):
        add(os.path.join(site.place, name), name, "1.0")
    write(f"{site.path}/a.pth", f"import site; site.addsitedir({site.place + '/overlay'!r})\n{site.place}/shared\n")
    write(f"{site.path}/b.pth", f"#{site.place}/commented\n  \n../../../../relative\n{site.place}/hidden/..//hidden \n")
    assert listed(located(site.root)) == kit.says(f"{site.root}/bin/python", THEMSELVES)


def test_editable_project_is_not_hidden_by_its_egg_info(site: Site) -> None:
    project = os.path.join(site.place, "project")
    write(f"{project}/src/mine.egg-info/PKG-INFO", metadata("mine", "0.0.1"))
    write(f"{site.path}/__editable__.mine.pth", f"{project}/src\n")
    add(site.path, "mine", "0.2", direct_url__json=f'{{"dir_info":{{"editable":true}},"url":"file://{project}"}}')
    (one,) = site.installed()
    assert (one.version, one.own, one.form) == ("0.2", True, "dist-info")


def test_pythonpath_is_a_layer_that_is_never_changed(site: Site) -> None:
    shared = os.path.join(site.place, "shared")
    add(shared, "numpy", "1.26.0")
    add(shared, "scipy", "1.0")
    add(site.path, "numpy", "2.0")
    write(f"{shared}/more.pth", site.place)  # not read there: PYTHONPATH is no site directory
    assert site.names(PYTHONPATH=f"/nonexistent{os.pathsep}{shared}") == [
        ("numpy", "2.0", True),
        ("scipy", "1.0", False),
    ]
    assert any("numpy" in note and "PYTHONPATH" in note for note in site.heard.notes)
    assert site.names() == [("numpy", "2.0", True)]


def test_first_layer_wins(site: Site) -> None:
    one, two = os.path.join(site.place, "one"), os.path.join(site.place, "two")
    add(one, "x", "1.0")
    add(two, "x", "2.0")
    assert site.names(PYTHONPATH=f"{one}{os.pathsep}{two}") == [("x", "1.0", False)]
    assert site.names(PYTHONPATH=f"{two}{os.pathsep}{one}") == [("x", "2.0", False)]


def test_purelib_and_platlib_are_both_used(site: Site) -> None:
    found = located(site.root)
    other = os.path.join(site.root, "lib64x", "site-packages")
    add(other, "plat", "1.0")
    add(site.path, "pure", "1.0")
    both = found.replaced(paths={**found.paths, "platlib": other})
    assert [(one.name, one.own) for one in installed.installed(both)] == [("plat", True), ("pure", True)]
    same = found.replaced(paths={**found.paths, "platlib": found.paths["purelib"].replace("/lib/", "/lib64/")})
    assert [one.name for one in installed.installed(same)] == ["pure"]


def test_target_directory_has_its_own_packages_only(place: str) -> None:
    add(os.path.join(place, "out"), "x", "1.0")
    found = environment.target_environment(os.path.join(place, "out"), kit.probed(sys.executable))
    assert listed(found) == {"x": "1.0"}
    nothing = environment.target_environment(os.path.join(place, "absent"), kit.probed(sys.executable))
    assert installed.installed(nothing) == ()


NAMES = st.text(alphabet=st.sampled_from("ab1._-~+ "), max_size=6)


@given(
    st.lists(
        st.tuples(NAMES, st.sampled_from([".dist-info", ".egg-info", ".egg-link", ".egg", ".pth", ""])), max_size=5
    )
)
def test_any_directory_name_is_handled(tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]]) -> None:
    place = str(tmp_path_factory.mktemp("site"))
    for stem, suffix in names:
        path = f"{place}/x{stem}{suffix}"
        if not os.path.lexists(path):
            write(f"{path}/METADATA" if suffix == ".dist-info" else path, f"Name: {stem}\nVersion: 1\n")
    found = environment.target_environment(place, kit.probed(sys.executable))
    for one in installed.installed(found, kit.Heard()):
        assert one.name
        assert one.version


SEEN_BY_ANOTHER = """
import os, sys
from commonwheel import process
from commonwheel.python import environment, installed
from commonwheel.python.discovery import Surroundings
from kit.pythons import Heard, Remember

heard = Heard()
environ = {"PATH": "/usr/bin:/bin", "VIRTUAL_ENV": sys.argv[1]}
found = environment.locate(environment.EnvironmentRequest(), Surroundings(environ, "/", Remember(), process.run))
print(*(one.name for one in installed.installed(found, heard)), *heard.notes)
"""


@pytest.mark.root
def test_environment_of_another_user(place: str) -> None:
    with users("alice", "bob") as (alice, bob):
        root = os.path.join(place, "env")
        bob.python("import sys, venv; venv.create(sys.argv[1], symlinks=True)", root, cwd="/").ok()
        site = next(iter(glob.glob(f"{root}/lib/python3*/site-packages")))
        add(site, "shared", "1.0")
        add(site, "secret", "1.0")
        os.chmod(f"{site}/secret-1.0.dist-info", 0o700)
        said = alice.python(SEEN_BY_ANOTHER, root).ok()
        assert said.startswith("shared warning: cannot read")
        assert "secret-1.0.dist-info" in said
        os.chmod(site, 0o711)
        said = alice.python(SEEN_BY_ANOTHER, root).ok()
        assert said.startswith("warning: cannot read")
        assert "is not known" in said
