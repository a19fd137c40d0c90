"""Everything that is not a wheel on an index: fetched, built, remembered, recorded, and told when it cannot be."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import tomllib
import zipfile
from pathlib import Path

import pytest

from commonwheel import process
from kit.index_server import IndexServer, Status
from kit.processes import until, until_gone
from kit.sdists import BACKEND, PREPARES, commit, files_of, pyproject, repository, sdist
from kit.wheels import make_wheel
from kit.workshop import TRACED, Workshop

REPOSITORY = Path(__file__).resolve().parents[2]


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


# --- sdists of an index ---------------------------------------------------------------------------------------------


def test_sdist_is_built_once_and_cached(shop: Workshop) -> None:
    shop.sdist(needs=["lib"])
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    shop.install("demo").ok()
    assert shop.frozen() == ["demo==1.0", "lib==1.0"]
    assert shop.calls() == ["demo:wheel"]  # for its metadata, and kept
    assert shop.scratch() == []
    shop("venv", "--clear", "v").ok()
    shop.install("demo").ok()
    assert shop.frozen() == ["demo==1.0", "lib==1.0"]
    assert shop.calls() == []


def test_static_metadata_is_used_before_any_build(shop: Workshop) -> None:
    shop.sdist(static=True, needs=["missing-lib"])
    assert "missing-lib" in shop.fails("demo")
    assert shop.calls() == []


def test_another_sdist_of_the_same_name_is_rebuilt(shop: Workshop) -> None:
    path = shop.sdist(static=True)
    shop.install("demo").ok()
    os.remove(path)
    shop.sdist(static=True, files={"demo.py": "changed = True\n"})
    shop.install("--reinstall", "demo").ok()
    assert shop.module() == "changed = True\n"


def test_no_binary_and_only_binary_select_wheel_or_sdist(shop: Workshop) -> None:
    shop.sdist()
    make_wheel(shop.path("files"), "demo", "1.0", {"demo.py": "wheel = True\n"})
    shop.install("demo").ok()
    assert shop.module() == "wheel = True\n"
    for option in (("--no-binary", "demo"), ("--no-binary", ":all:"), ("--no-binary-package", "demo")):
        shop.install("--reinstall", *option, "demo").ok()
        assert "wheel" not in shop.module()
    shop.sdist("demo", "2.0")
    shop.install("--only-binary", ":all:", "-U", "demo").ok()
    assert shop.frozen() == ["demo==1.0"]


@pytest.mark.parametrize("option", [("--no-build",), ("--no-build-package", "demo"), ("--only-binary", "demo")])
def test_forbidden_build_does_not_run(shop: Workshop, option: tuple[str, ...]) -> None:
    shop.sdist(static=True)
    shop.fails(*option, "demo")
    assert shop.calls() == []


def test_no_build_accepts_previously_built_wheels(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    shop.install(path).ok()
    shop("venv", "--clear", "v").ok()
    shop.install("--no-build", path).ok()
    assert shop.fails("--no-build", "--refresh", "--reinstall", path).count("`--no-build` forbids it") == 1


def test_hashes_are_checked_against_the_sdist(shop: Workshop) -> None:
    path = shop.sdist()
    shop.write("good.txt", f"demo==1.0 --hash=sha256:{sha256(path)}\n")
    shop.write("bad.txt", f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    shop.install("-r", "good.txt").ok()
    assert shop.frozen() == ["demo==1.0"]
    shop("venv", "--clear", "v").ok()
    shop.fails("--no-deps", "-r", "bad.txt")


# --- directories ----------------------------------------------------------------------------------------------------


def test_directory_is_installed_and_recorded(shop: Workshop) -> None:
    path = shop.project()
    shop.install("./demo").ok()
    assert shop.frozen() == [f"demo @ file://{path.replace(' ', '%20')}"]
    assert shop.direct_url() == {"url": f"file://{path.replace(' ', '%20')}", "dir_info": {}}
    assert not os.path.exists(os.path.join(path, "build"))


def test_editable_project_is_its_path(shop: Workshop) -> None:
    path = shop.project()
    shop.install("-e", "demo").ok()
    url = f"file://{path.replace(' ', '%20')}"
    assert shop.frozen() == [f"-e {url}"]
    assert shop.direct_url() == {"url": url, "dir_info": {"editable": True}}
    Path(path, "demo.py").write_text("edited = True\n")
    said = subprocess.run(
        [shop.path("v", "bin", "python"), "-c", "import demo; print(demo.edited)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "True\n"
    assert shop.calls() == ["demo:editable"]


def test_editable_wheel_is_never_reused(shop: Workshop) -> None:
    shop.project()
    shop.install("-e", "demo").ok()
    shop.calls()
    shop("venv", "--clear", "v").ok()
    shop.install("-e", "demo").ok()
    assert shop.calls() == ["demo:editable"]
    shop.install("./demo").ok()
    assert shop.calls() == ["demo:wheel"]
    assert '"editable"' not in json.dumps(shop.direct_url())


def test_directory_on_the_command_line_is_rebuilt(shop: Workshop) -> None:
    path = shop.project(static=True)
    shop.install("./demo").ok()
    Path(path, "demo.py").write_text("changed = True\n")
    shop.install("./demo").ok()
    assert shop.module() == "changed = True\n"
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


def test_directory_in_a_file_is_rebuilt_when_its_keys_change(shop: Workshop) -> None:
    path = shop.project(
        files={"pyproject.toml": pyproject("demo", more='[tool.uv]\ncache-keys = [{ file = "*.txt" }]')}
    )
    shop.write("r.txt", "./demo\n")
    shop.install("-r", "r.txt").ok()
    Path(path, "demo.py").write_text("changed = True\n")
    shop.install("-r", "r.txt").ok()
    assert shop.calls() == ["demo:wheel"]
    Path(path, "new.txt").write_text("")
    shop.install("-r", "r.txt").ok()
    assert shop.calls() == ["demo:wheel"]
    assert shop.module() == "changed = True\n"
    shop.install("--reinstall", "-r", "r.txt").ok()
    assert shop.calls() == ["demo:wheel"]


@pytest.mark.parametrize("dynamic", [True, False])
def test_dependencies_and_extras_of_a_project_are_installed(shop: Workshop, dynamic: bool) -> None:
    for name in ("lib", "color"):
        make_wheel(shop.path("files"), name, "1.0", {f"{name}.py": ""})
    needs = ["lib", 'color ; extra == "pretty"'] if dynamic else ["lib"]
    backend = TRACED.replace('*("Requires-Dist: "', '"Provides-Extra: pretty", *("Requires-Dist: "')
    more = '[project.optional-dependencies]\npretty = ["color"]\n'
    files = {} if dynamic else {"pyproject.toml": pyproject("demo", needs=["lib"], more=more)}
    shop.project(needs=needs, backend=backend, files=files)
    shop.install("./demo[pretty]").ok()
    assert [line.partition(" ")[0].partition("=")[0] for line in shop.frozen()] == ["color", "demo", "lib"]


def test_project_sources_select_where_dependencies_come_from(shop: Workshop) -> None:
    shop.project("lib", "lib", "3.0")
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    sources = '[tool.uv.sources]\nlib = { path = "../lib", editable = true }\n'
    for static in (True, False):
        text = pyproject("demo" if static else "", needs=["lib"], more=sources)
        shop.project(needs=["lib"], files={"pyproject.toml": text})
        shop("venv", "--clear", "v").ok()
        shop.install("./demo").ok()
        assert any(line.startswith("-e file://") and line.endswith("/lib") for line in shop.frozen())
        shop("venv", "--clear", "v").ok()
        shop.install("--no-sources", "./demo").ok()
        assert "lib==1.0" in shop.frozen()


# --- archives -------------------------------------------------------------------------------------------------------


def test_local_archive_is_built_once_and_recorded_with_hash(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    shop.install(path).ok()
    assert shop.calls() == ["demo:wheel"]
    url = f"file://{path.replace(' ', '%20')}"
    assert shop.direct_url() == {"url": url, "archive_info": {"hashes": {"sha256": sha256(path)}}}
    shop("venv", "--clear", "v").ok()
    shop.install(path).ok()
    assert shop.calls() == []
    assert shop.direct_url() == {"url": url, "archive_info": {"hashes": {"sha256": sha256(path)}}}


def test_replaced_local_archive_is_noticed(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    shop.install(path).ok()
    shop.sdist(directory="elsewhere", files={"demo.py": "changed = True\n"})
    shop.install(path).ok()
    assert shop.module() == "changed = True\n"


def test_replaced_local_wheel_is_noticed(shop: Workshop) -> None:
    path = make_wheel(shop.path("elsewhere"), "demo", "1.0", {"demo.py": "first = True\n"})
    shop.install(str(path)).ok()
    make_wheel(shop.path("elsewhere"), "demo", "1.0", {"demo.py": "second = True\n"})
    shop.install(str(path)).ok()
    assert shop.module() == "second = True\n"


def test_zip_and_subdirectory_of_an_archive(shop: Workshop) -> None:
    with zipfile.ZipFile(shop.path("many.zip"), "w") as archive:
        for name, text in files_of("demo", backend=TRACED).items():
            archive.writestr(f"many-1.0/inner/demo/{name}", text)
    shop.install(f"file://{shop.path('many.zip').replace(' ', '%20')}#subdirectory=inner/demo").ok()
    assert shop.frozen()[0].startswith("demo @ file://")
    assert shop.frozen()[0].endswith("&subdirectory=inner/demo")
    assert "no directory `outer`" in shop.fails(
        f"file://{shop.path('many.zip').replace(' ', '%20')}#subdirectory=outer"
    )
    assert "does not look like a Python project" in shop.fails("./many.zip")


def test_archives_at_urls(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    wheel = str(make_wheel(shop.path("elsewhere"), "other", "1.0", {"other.py": ""}))
    with IndexServer() as server:
        source = server.put("/demo-1.0.tar.gz", Path(path).read_bytes())
        built = server.put("/other-1.0-py3-none-any.whl", Path(wheel).read_bytes())
        shop.install(f"demo @ {source}#sha256={sha256(path)}", built).ok()
        assert shop.direct_url() == {"url": source, "archive_info": {"hashes": {"sha256": sha256(path)}}}
        assert shop.direct_url("other") == {"url": built, "archive_info": {"hashes": {"sha256": sha256(wheel)}}}
        shop("venv", "--clear", "v").ok()
        shop.install(f"demo @ {source}#sha256={sha256(path)}").ok()
        assert len(server.seen("/demo-1.0.tar.gz")) == 1
        assert shop.calls() == ["demo:wheel"]
        said = shop.fails("--reinstall", f"demo @ {source}#sha256={'0' * 64}")
        assert "does not have the hash" in said
        assert "is `demo`" in shop.fails(f"else @ {source}")
        assert "answers 404" in shop.fails(source.replace("demo", "nothing"))


def test_expired_url_without_hash_is_requested_again(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    with IndexServer() as server:
        url = server.put("/main.tar.gz", Path(path).read_bytes(), **{"cache-control": "no-cache"})
        shop.install(f"demo @ {url}").ok()
        shop("venv", "--clear", "v").ok()
        shop.install(f"demo @ {url}").ok()
        assert [seen.status for seen in server.seen("/main.tar.gz")] == [200, 304]
        assert shop.calls() == ["demo:wheel"]
        shop.sdist(directory="elsewhere", files={"demo.py": "changed = True\n"})
        server.put("/main.tar.gz", Path(path).read_bytes(), **{"cache-control": "max-age=600"})
        shop.install("-U", f"demo @ {url}").ok()
        assert shop.module() == "changed = True\n"
        asked = len(server.seen("/main.tar.gz"))
        shop("venv", "--clear", "v").ok()
        shop.install(f"demo @ {url}").ok()
        assert len(server.seen("/main.tar.gz")) == asked
        shop.install("--refresh", "--reinstall", f"demo @ {url}").ok()
        assert len(server.seen("/main.tar.gz")) > asked


def test_server_error_is_reported(shop: Workshop) -> None:
    with IndexServer() as server:
        url = server.put("/demo-1.0.tar.gz", b"")
        server.script("/demo-1.0.tar.gz", Status(403))
        assert "answers 403" in shop.fails(url)


# --- repositories ---------------------------------------------------------------------------------------------------


def git_url(path: str) -> str:
    return f"git+file://{path.replace(' ', '%20')}"


def test_repository_is_pinned_to_its_commit(shop: Workshop) -> None:
    path = shop.path("repo")
    first = repository(path, files_of(backend=TRACED))
    shop.install(f"demo @ {git_url(path)}@main").ok()
    assert shop.frozen() == [f"demo @ {git_url(path)}@{first}"]
    assert shop.direct_url() == {
        "url": git_url(path).removeprefix("git+"),
        "vcs_info": {"vcs": "git", "commit_id": first, "requested_revision": "main"},
    }
    assert "Checked 1 package" in shop.install(f"demo @ {git_url(path)}@main").ok().err
    second = commit(path, {"demo.py": "changed = True\n"})
    shop.install("--reinstall", f"demo @ {git_url(path)}@main").ok()
    assert shop.frozen() == [f"demo @ {git_url(path)}@{second}"]
    assert shop.module() == "changed = True\n"
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


def test_built_commit_needs_no_repository(shop: Workshop) -> None:
    path = shop.path("repo")
    first = repository(path, files_of(backend=TRACED))
    shop.install(f"demo @ {git_url(path)}@{first}").ok()
    os.rename(path, shop.path("moved"))
    shop("venv", "--clear", "v").ok()
    shop.install(f"demo @ {git_url(path)}@{first}").ok()
    assert shop.calls() == ["demo:wheel"]
    assert shop.frozen() == [f"demo @ {git_url(path)}@{first}"]


def test_freeze_output_can_be_installed(shop: Workshop) -> None:
    repository(shop.path("repo"), {f"inner/{name}": text for name, text in files_of(backend=TRACED).items()})
    shop.install(f"demo @ {git_url(shop.path('repo'))}#subdirectory=inner").ok()
    shop.project("edit", "edited")
    shop.install("-e", "edit", shop.sdist("packed", directory="elsewhere")).ok()
    before = shop.frozen()
    assert len(before) == 3
    shop.write("frozen.txt", "\n".join(before))
    shop("venv", "--clear", "v").ok()
    shop.install("-r", "frozen.txt").ok()
    assert shop.frozen() == before


@pytest.mark.parametrize("name", ["pylock.toml", "locked.txt"])
def test_lock_of_sources_reproduces_them(shop: Workshop, name: str) -> None:
    first = repository(shop.path("repo"), {f"in/{at}": text for at, text in files_of("one", backend=TRACED).items()})
    shop.project("two", "two")
    shop.project("three", "three")
    packed = shop.sdist("four", directory="elsewhere")
    digest = hashlib.sha256(Path(packed).read_bytes()).hexdigest()
    shop.write(
        "in.txt",
        f"one @ {git_url(shop.path('repo'))}@main#subdirectory=in\n./two\n-e ./three\n./elsewhere/four-1.0.tar.gz\n",
    )
    shop("pip", "compile", "-p", "v", "in.txt", "-o", name).ok()
    text = Path(shop.path(name)).read_text()
    assert first in text
    if name == "pylock.toml":
        packages = {one["name"]: one for one in tomllib.loads(text)["packages"]}
        assert packages["one"]["vcs"]["commit-id"] == first
        assert packages["one"]["vcs"]["subdirectory"] == "in"
        assert packages["two"]["directory"].get("editable", False) is False
        assert packages["three"]["directory"]["editable"] is True
        assert packages["four"]["archive"]["hashes"] == {"sha256": digest}
    commit(shop.path("repo"), {"in/one.py": "changed = True\n"})
    shop.install("-r", name).ok()
    assert shop.module("one").startswith('"""A module."""')
    four, one, three, two = shop.frozen()
    assert four.endswith(f"four-1.0.tar.gz#sha256={digest}")
    assert one == f"one @ {git_url(shop.path('repo'))}@{first}#subdirectory=in"
    assert three.startswith("-e ")
    assert two.startswith("two @ file:")
    if name == "pylock.toml":
        with open(packed, "ab") as stream:
            stream.write(b"x")
        shop("venv", "--clear", "v").ok()
        ran = shop.install("-r", name)
        assert ran.code == 1
        assert digest in ran.err
        assert shop.frozen() == []
        assert shop.scratch() == []  # while the others, which were built beside it, may have come into the store


def test_transitive_repository_is_pinned_too(shop: Workshop) -> None:
    inner = repository(shop.path("lib"), files_of("lib", backend=TRACED))
    shop.project(needs=[f"lib @ {git_url(shop.path('lib'))}"])
    shop.install("./demo").ok()
    assert f"lib @ {git_url(shop.path('lib'))}@{inner}" in shop.frozen()


def test_relative_sources_in_a_repository_stay_in_it(shop: Workshop) -> None:
    files = {f"lib/{name}": text for name, text in files_of("lib", "3.0", backend=TRACED).items()}
    text = pyproject("demo", needs=["lib"], more='[tool.uv.sources]\nlib = { path = "../lib" }\n')
    files |= {
        f"demo/{name}": text
        for name, text in files_of(needs=["lib"], backend=TRACED, files={"pyproject.toml": text}).items()
    }
    head = repository(shop.path("repo"), files)
    for _ in range(2):  # the second time both are remembered
        shop.install(f"demo @ {git_url(shop.path('repo'))}#subdirectory=demo").ok()
        assert shop.frozen() == [
            f"{name} @ {git_url(shop.path('repo'))}@{head}#subdirectory={name}" for name in ("demo", "lib")
        ]
        shop("venv", "--clear", "v").ok()
    assert sorted(shop.calls()) == ["demo:wheel", "lib:wheel"]


def test_missing_revision_is_reported(shop: Workshop) -> None:
    repository(shop.path("repo"), files_of())
    assert "has no revision `nowhere`" in shop.fails(f"demo @ {git_url(shop.path('repo'))}@nowhere")


def test_editable_repository_is_refused(shop: Workshop) -> None:
    repository(shop.path("repo"), files_of())
    assert "clone the repository yourself" in shop.fails("-e", f"{git_url(shop.path('repo'))}#egg=demo")


def test_constraint_may_name_a_source(shop: Workshop) -> None:
    repository(shop.path("repo"), files_of("lib", "5.0", backend=TRACED))
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    shop.write("c.txt", f"lib @ {git_url(shop.path('repo'))}\n")
    shop.install("-c", "c.txt", "lib").ok()
    assert shop.frozen()[0].startswith("lib @ git+file://")


# --- settings -------------------------------------------------------------------------------------------------------


def settings_of(shop: Workshop, name: str = "demo") -> object:
    path = os.path.join(shop.site(), f"{name}_settings.py")
    return eval(Path(path).read_text()) if os.path.exists(path) else None  # a dictionary that the backend wrote


def test_config_settings_reach_the_backend_and_change_the_wheel(shop: Workshop) -> None:
    shop.sdist(static=True)
    shop.install("demo").ok()
    assert settings_of(shop) is None
    shop.install("--reinstall", "-C", "a=1", "-C", "a=2", "--config-settings-package", "demo:b=x=y", "demo").ok()
    assert settings_of(shop) == {"a": ["1", "2"], "b": "x=y"}
    shop.install("--reinstall", "--config-settings-package", "other:b=x", "demo").ok()
    assert settings_of(shop) is None
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


@pytest.mark.parametrize("line", ["demo", "./demo", "-e ./demo"])
def test_settings_of_a_line_apply_to_it_only(shop: Workshop, line: str) -> None:
    shop.project()
    shop.sdist(static=True)
    shop.sdist("other", static=True)
    shop.write("r.txt", f'{line} --config-settings "a=1"\nother\n' if "-e" not in line else f"{line}\nother\n")
    shop.install("-r", "r.txt").ok()
    assert settings_of(shop, "other") is None
    if "-e" not in line:
        assert settings_of(shop) == {"a": "1"}


def test_compiler_flags_change_the_wheel(shop: Workshop) -> None:
    shop.sdist(static=True)
    for environ in ({}, {"CFLAGS": "-O0"}, {"CFLAGS": "-O0"}, {"UNRELATED": "x"}):
        shop.install("--reinstall", "demo", environ=environ).ok()
    assert shop.calls() == ["demo:wheel", "demo:wheel"]


# --- trust ----------------------------------------------------------------------------------------------------------


def test_built_wheels_go_to_the_personal_store_only(place: str) -> None:
    shop = Workshop(place)
    shop("cache", "init", shop.path("shared"), "--publish").ok()
    shop.sdist()
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    shop.install("--layer", shop.path("shared"), "demo", "lib").ok()

    def entries(store: str) -> set[str]:
        found = Path(store, "v1/entries").glob("*/*/entry.txt") if Path(store, "v1/entries").exists() else ()
        return {name for one in found for name in ("demo", "lib") if f"\t{name}\t" in one.read_text()}

    assert entries(shop.path("shared")) == {"lib"}
    assert entries(shop.store) == {"demo"}
    assert not Path(shop.path("shared"), "v1/builds").exists()


# --- bad input ------------------------------------------------------------------------------------------------------


def test_directory_without_project_is_reported(shop: Workshop) -> None:
    os.mkdir(shop.path("empty"))
    assert "does not look like a Python project" in shop.fails("./empty")
    assert "does not exist" in shop.fails("./nowhere")


def test_broken_build_is_reported_with_its_log(shop: Workshop) -> None:
    shop.project(backend="print('half way')\nraise SystemExit('fatal error: zlib.h: No such file')\n")
    said = shop.fails("./demo")
    assert "`build_wheel` failed" in said or "`get_requires_for_build_wheel` failed" in said
    assert "half way" in said
    assert "development package that has `zlib.h`" in said
    [log] = shop.logs()
    assert log in said


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("raise SystemExit('no')", "ended with status 1"),
        ("os._exit(0)", "ended without an answer"),
        ("os.kill(os.getpid(), 9)", "ended with signal 9"),
        ("os.kill(os.getppid(), 9)", "ended with"),  # the process that calls the hooks
        ("os.killpg(0, 9)", "ended with signal 9"),
        ("os.closerange(0, 256)\n    os.abort()", "ended with signal 6"),
    ],
)
def test_any_backend_exit_stops_everything(shop: Workshop, ending: str, said: str) -> None:
    leaves = (
        "    import subprocess, threading, time\n    threading.Thread(target=time.sleep, args=(0.2,)).start()\n"
        "    subprocess.Popen(['sleep', '60'])\n    if os.fork() == 0: time.sleep(60)\n"
    )
    shop.project(backend=BACKEND.replace("    found = sources()\n", f"{leaves}    {ending}\n"))
    assert said in shop.fails("./demo")


def test_wrong_names_and_versions_are_reported(shop: Workshop) -> None:
    path = shop.sdist("demo", "1.0", static=True)
    other = sdist(shop.path("files"), "demo", "2.0", files_of("demo", "2.1", backend=TRACED))
    assert "should have version 2.0, but its metadata says 2.1" in shop.fails("demo==2.0")
    os.remove(other)
    os.remove(path)
    sdist(shop.path("files"), "demo", "1.0", files_of("else", "1.0", backend=TRACED))
    assert "calls it `else`" in shop.fails("demo")
    shop.project("tree", "else")
    tree = shop.path("tree").replace(" ", "%20")
    assert "its metadata calls it `else`" in shop.fails(f"demo @ file://{tree}")


def test_wheel_differing_from_its_metadata_is_reported(shop: Workshop) -> None:
    backend = PREPARES.replace(
        "stream.write(metadata())", 'stream.write(metadata().replace("Version: 1.0", "Version: 1.5"))'
    )
    shop.project(backend=backend)
    said = shop.fails("./demo")
    assert "said that it is `demo` 1.5, but was built to `demo-1.0-py3-none-any.whl`" in said


def test_missing_build_requirement_is_reported(shop: Workshop) -> None:
    shop.project(requires=["nowhere-to-be-found>=3"])
    said = shop.fails("./demo")
    assert "what its build needs cannot be installed" in said
    assert "nowhere-to-be-found" in said


def test_python_too_old_is_reported(shop: Workshop) -> None:
    shop.project(files={"pyproject.toml": pyproject("demo", more='requires-python = ">=3.99"')})
    assert "3.99" in shop.fails("./demo")
    assert shop.calls() == []


def test_cyclic_build_requirements_are_reported(shop: Workshop) -> None:
    shop.sdist("aaa", requires=["bbb"])
    shop.sdist("bbb", requires=["ccc"])
    shop.sdist("ccc", requires=["aaa"])
    said = shop.fails("aaa")
    assert "needs itself to be built" in said
    assert "aaa-1.0.tar.gz -> bbb-1.0.tar.gz -> ccc-1.0.tar.gz -> aaa-1.0.tar.gz" in said
    said = shop.fails("aaa", "bbb", "ccc")
    assert "needs itself to be built" in said
    assert shop.calls() == []


def test_cycle_between_threads_is_reported(shop: Workshop) -> None:
    """Static metadata, so that nothing is built before all of it is built at once."""
    for name, needs in (("aaa", "bbb"), ("bbb", "aaa")):
        shop.sdist(name, requires=[needs], static=True)
    assert "needs itself to be built" in shop.fails("aaa", "bbb")


def test_one_failed_build_ends_the_others(shop: Workshop) -> None:
    mark = shop.path("slow has begun")
    slow = TRACED.replace(
        "    found = sources()\n",
        f"    import time\n    open({mark!r}, 'w').close()\n    time.sleep(300)\n"
        "    open(os.environ['CALLS'], 'a').write('over')\n    found = sources()\n",
    )
    wait = f"import os, time\nwhile not os.path.exists({mark!r}): time.sleep(0.01)\nraise SystemExit('no')\n"
    shop.sdist("slow", static=True, backend=slow)
    shop.sdist("bad", static=True, backend=wait)
    said = shop.fails("slow", "bad", environ={"CW_CONCURRENT_BUILDS": "2"})
    assert shop.calls() == ["slow:wheel"]
    assert "`bad-1.0.tar.gz` could not be built" in said


def test_independent_builds_run_in_parallel(shop: Workshop) -> None:
    """Each waits until the other has begun, so that one after the other would never end."""
    wait = (
        "    import time\n    me = facts()[0]\n    open(os.path.join(os.environ['MEET'], me), 'w').close()\n"
        "    for _ in range(300):\n        if len(os.listdir(os.environ['MEET'])) == 2: break\n        time.sleep(0.05)\n"
        "    else: raise SystemExit('alone')\n    found = sources()\n"
    )
    os.mkdir(shop.path("meet"))
    for name in ("one", "two"):
        shop.sdist(name, static=True, backend=TRACED.replace("    found = sources()\n", wait))
    environ = {"MEET": shop.path("meet"), "CW_CONCURRENT_BUILDS": "2"}
    shop.install("one", "two", environ=environ).ok()
    assert shop.frozen() == ["one==1.0", "two==1.0"]


@pytest.mark.skipif(not process.FORKS, reason="hooks are served by one process each on Linux alone")
def test_many_builds_keep_few_processes_and_files_open(shop: Workshop) -> None:
    """Each project tells its metadata and waits for all others to do so before its wheel is wanted."""
    count = (
        "    def of(pid, what):\n        try:\n            return what(f'/proc/{pid}')\n"
        "        except OSError:\n            return None  # gone\n"
        "    parent = lambda place: int(open(place + '/stat').read().rpartition(')')[2].split()[1])\n"
        "    cw = of(os.getppid(), parent)\n"
        "    words = lambda place: open(place + '/cmdline').read()\n"  # copies that stand by have those of their origin
        "    children = [pid for pid in os.listdir('/proc') if pid.isdigit() and of(pid, parent) == cw]\n"
        "    servers = [pid for pid in children if of(pid, words) not in (None, '', of(cw, words))]\n"  # one that ended has none
        "    files = [of(cw, lambda place: os.readlink(place + '/fd/' + fd)) for fd in os.listdir(f'/proc/{cw}/fd')]\n"
        "    files = [file for file in files if file and (file.startswith('pipe:') or '/log-' in file)]\n"
        "    with open(os.environ['CALLS'], 'a') as stream:\n"
        "        stream.write(f'{len(servers)} {len(files)}\\n')\n"
    )
    backend = PREPARES
    for hook in ("prepare_metadata_for_build_wheel", "build_wheel"):
        head = PREPARES[PREPARES.index(f"def {hook}(") :].partition("\n")[0] + "\n"
        backend = backend.replace(head, head + count)
    names = [f"demo{at}" for at in range(16)]
    for name in names:
        shop.sdist(name, backend=backend)
    shop.install(*names, environ={"CW_CONCURRENT_BUILDS": "2"}).ok()
    numbers = [int(word) for word in shop.calls()]
    processes, files = numbers[::2], numbers[1::2]
    assert len(processes) == 2 * len(names)
    most = 2 + 4  # those that work, and those that rest
    assert max(processes) <= most
    # three pipes and a log each, and the two ends of the pipe by which a program that cannot be started says so
    assert max(files) - files[0] <= 4 * most + 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("count", [1, 2])
def test_signal_ends_builds_and_leaves_nothing(shop: Workshop, number: signal.Signals, count: int) -> None:
    slow = BACKEND.replace(
        "    found = sources()\n",
        "    import subprocess, time\n    child = subprocess.Popen(['sleep', '60'])\n"
        "    with open(os.environ['CALLS'], 'a') as stream: stream.write(str(child.pid) + '\\n')\n    time.sleep(60)\n",
    )
    names = [f"slow{at}" for at in range(count)]
    for name in names:
        shop.sdist(name, static=True, backend=slow)
    environ = {**shop.environ, "PYTHONPATH": str(REPOSITORY / "src"), "CW_CONCURRENT_BUILDS": str(count)}
    words = [sys.executable, "-m", "commonwheel", "pip", "install", "-p", "v", *names]
    running = subprocess.Popen(words, cwd=shop.cwd, env=environ, stderr=subprocess.PIPE, text=True)
    calls = Path(shop.path("calls"))
    assert until(lambda: calls.exists() and calls.read_text().count("\n") == count)
    children = [int(word) for word in shop.calls()]
    assert len(children) == count
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert "Traceback" not in said
    assert shop.scratch() == []
    assert shop.frozen() == []
    assert all(map(until_gone, children))


def test_malicious_sdist_is_refused(shop: Workshop) -> None:
    from kit.sdists import member, pack

    Path(shop.path("files"), "demo-1.0.tar.gz").write_bytes(pack([(member("../../evil"), b"x")]))
    assert "leads out" in shop.fails("demo")


def test_obsolete_archive_format_is_reported(shop: Workshop) -> None:
    Path(shop.path("demo-1.0.tar.bz2")).write_bytes(b"x")
    assert "not in a format for source distributions" in shop.fails("./demo-1.0.tar.bz2")


def test_two_sources_for_one_project_are_reported(shop: Workshop) -> None:
    shop.project("one")
    shop.project("two")
    assert "from two places" in shop.fails("./one", "./two", code=2)


def test_builder_lock_does_not_deadlock_with_scratch(shop: Workshop) -> None:
    """One thread made the builder and wanted the scratch space, another made the git clones with that: both waited for ever."""
    shop("venv", "--clear", "v").ok()
    with shop.session("pip install", python="v") as session:
        material, _ = session.job().material, session.store
        with session.lifetime.lock:  # as whoever makes what is made once has it
            waiting = threading.Thread(target=material._builder, daemon=True)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
            space = threading.Thread(target=lambda: material.scratch, daemon=True)
            space.start()
            space.join(20)
            stuck = space.is_alive()
        waiting.join(20)
        assert not stuck
        assert not waiting.is_alive()
