"""Many processes at once, on one store and one environment, from several hosts; while others clear up behind them.

uv's `prune` waits for every running `uv run` (uv#16112), its `clean` pulls files away under an install (uv#15704), and
processes in containers whose numbers collide have written into one file (pnpm's comment on its temporary names).
"""

import os

import pytest

from kit.commons import Commons, temporary, writable_by_all
from kit.shells import Job
from kit.users import user_python

pytestmark = [pytest.mark.root, pytest.mark.alone]

PACKAGES = [f"pkg{number}" for number in range(6)]
MODES = ("auto", "copy", "symlink", "fold")


@pytest.fixture(scope="module")
def stocked(here: Commons) -> Commons:
    """Offer packages that share what they need: enough files that installing takes a moment."""
    for version in ("1.0", "2.0"):
        files = {f"shared/part{number}.py": f"x = {number}\n" * 20 for number in range(150)}
        here.offer("shared", version, {"shared/__init__.py": f"version = '{version}'\n", **files})
        for name in PACKAGES:
            own = {f"{name}/part{number}.py": f"x = {number}\n" for number in range(40)}
            here.offer(name, version, {f"{name}/__init__.py": f"version = '{version}'\n", **own}, requires=["shared"])
    return here


def sound(here: Commons, store: str, environments: list[str]) -> None:
    """Assert that nothing is lost: store, environments, and nothing left behind."""
    root = here.at("root")
    root("cache", "verify", env={"CW_LAYERS": store, "CW_CACHE_DIR": f"{store} of root"}).ok()
    for environment in environments:
        lib = os.path.join(environment, "lib")
        site = os.path.join(lib, os.listdir(lib)[0], "site-packages")
        for directory, names, files in os.walk(site, followlinks=True):
            for name in (*names, *files):
                assert os.path.exists(os.path.join(directory, name)), f"{directory}/{name} leads nowhere"
        for package in ("shared", *PACKAGES):
            if os.path.isdir(f"{site}/{package}"):
                expected = 151 if package == "shared" else 41
                assert len([name for name in os.listdir(f"{site}/{package}") if name.endswith(".py")]) == expected, (
                    package
                )
        assert temporary(environment) == []
    assert writable_by_all(store) == []


def test_users_in_parallel_on_a_cold_store(stocked: Commons, place: str) -> None:
    """Everybody gets everything; what is common is downloaded once, or nearly."""
    here, store = stocked, stocked.share(os.path.join(place, "store"))
    asked = {name: here.downloads(name, "2.0") for name in ("shared", *PACKAGES)}
    jobs: list[Job] = []
    roots = []
    for name in ("alice", "bob", "carol"):
        for number in range(3):
            root = os.path.join(place, f"{name} {number}")
            here.at(name)("venv", "-p", user_python(), root).ok()
            roots.append(root)
    for root in roots:
        name = os.path.basename(root).split()[0]
        env = {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, f"{name}'s")}
        jobs.append(here.at(name).start("pip", "install", "-p", root, *PACKAGES, env=env))
    for job in jobs:
        job.wait().ok()
    for root in roots:
        assert here.at("root")("pip", "freeze", "-p", root).ok().out.count("==2.0") == len(PACKAGES) + 1
    extra = sum(here.downloads(name, "2.0") - asked[name] - 1 for name in asked)
    assert extra <= len(jobs), f"{extra} downloads too many"
    sound(here, store, roots)
    assert temporary(store) == []


def test_processes_in_parallel_on_one_environment(stocked: Commons, place: str) -> None:
    """Each installs something else into the same environment at once: all of it is there in the end."""
    here, root = stocked, os.path.join(place, "v")
    alice = here.at("alice")
    env = {"CW_CACHE_DIR": os.path.join(place, "store")}
    alice("venv", "-p", user_python(), root, env=env).ok()
    jobs = [alice.start("pip", "install", "-p", root, name, env=env) for name in PACKAGES]
    for job in jobs:
        job.wait().ok()
    assert alice("pip", "freeze", "-p", root).ok().out.splitlines() == [
        *(f"{name}==2.0" for name in PACKAGES),
        "shared==2.0",
    ]
    sound(here, env["CW_CACHE_DIR"], [root])


def test_two_hosts_with_equal_process_numbers(stocked: Commons, place: str) -> None:
    """Containers with one store: other names (or the same), and everybody is process 5."""
    here, store = stocked, stocked.share(os.path.join(place, "store"))
    for hosts in (("node1", "node2"), ("same", "same")):
        shells = [
            here.login(name, host=host, CW_LAYERS=store, CW_CACHE_DIR=os.path.join(place, f"{name} {host}"))
            for name, host in zip(("alice", "bob"), hosts, strict=True)
        ]
        try:
            numbers = [shell.python("import os; print(os.getpid())") for shell in shells]
            assert max(map(int, numbers)) < 100, "process numbers of their own"
            jobs, roots = [], []
            for shell in shells:
                for number in range(3):
                    root = os.path.join(place, f"{'-'.join(hosts)} {shells.index(shell)} {number}")
                    roots.append(root)
                    shell("venv", "-p", user_python(), root).ok()
            for at, root in enumerate(roots):
                jobs.append(
                    shells[at // 3].start("pip", "install", "-p", root, "--link-mode", MODES[at % 4], *PACKAGES)
                )
            for job in jobs:
                job.wait().ok()
            sound(here, store, roots)
        finally:
            for shell in shells:
                shell.close()
        here.at("root")("cache", "clean", env={"CW_LAYERS": store, "CW_CACHE_DIR": f"{store} of root"}).ok()


@pytest.mark.parametrize("mode", MODES)
def test_parallel_prune_breaks_nothing(stocked: Commons, place: str, mode: str) -> None:
    """Installs, upgrades and removals, while others prune, clean, verify, repair and init the same store."""
    here, store = stocked, stocked.share(os.path.join(place, "store"))
    people = ("alice", "bob")
    roots = {name: os.path.join(place, name) for name in people}
    env = {
        name: {"CW_LAYERS": store, "CW_CACHE_DIR": os.path.join(place, f"{name}'s")}
        for name in (*people, "carol", "root")
    }
    for name in people:
        here.at(name)("venv", "-p", user_python(), roots[name], env=env[name]).ok()
    jobs: list[Job] = []

    def keep_busy(name: str, *words: str) -> None:
        jobs.append(here.at(name).start(*words, env=env[name]))

    rounds = 4
    for _ in range(rounds):
        for name in people:
            keep_busy(name, "pip", "install", "-p", roots[name], "--link-mode", mode, "-U", *PACKAGES[:3])
        keep_busy("carol", "cache", "clean", "shared")
        keep_busy("root", "cache", "prune", "--unreferenced", "--older-than", "0d")
        keep_busy("carol", "cache", "verify", "--repair")
        keep_busy("root", "cache", "clean")
        keep_busy("root", "cache", "init", store, "--group", str(here.group))
        for name in people:
            keep_busy(
                name,
                "pip",
                "install",
                "-p",
                roots[name],
                "--link-mode",
                mode,
                "shared==1.0",
                "pkg0==1.0",
                "--reinstall",
            )
        while jobs:
            ran = jobs.pop(0).wait()
            assert ran.code == 0, ran
    for name in people:
        assert here.at(name)("pip", "freeze", "-p", roots[name]).ok().out.count("==") == 4
    sound(here, store, list(roots.values()))
