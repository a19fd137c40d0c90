"""`cw run`: programs, modules, scripts and standard input in the environment of the project, in processes of their own."""

import os
import signal
import subprocess

import pytest

from kit.cli import Ran
from kit.projects import CW, Project


@pytest.fixture
def demo(project: Project) -> Project:
    project.pyproject("alpha", "beta<1.5")
    return project


def run(project: Project, *words: str, stdin: str = "", cwd: str | None = None, **environ: str) -> Ran:
    done = subprocess.run(
        [CW, "run", *words],
        cwd=cwd or project.cwd,
        env={**project.environ, **environ},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_program_runs_in_the_synced_environment(demo: Project) -> None:
    ran = run(
        demo,
        "python",
        "-c",
        "import beta, os, sys; print(beta.version, os.environ['VIRTUAL_ENV'], sys.argv[1:], sep='|')",
        "-x",
        "--with",
    ).ok()
    assert ran.out.strip() == f"1.0|{demo.path('.venv')}|['-x', '--with']"
    assert run(demo, "true").ok().err == ""


def test_modules_files_and_standard_input(demo: Project) -> None:
    demo.write("f.py", "import beta, sys; print(beta.version, sys.argv)\n")
    demo.write("app/__main__.py", "print('app')\n")
    assert run(demo, "f.py", "a").ok().out == "1.0 ['f.py', 'a']\n"
    assert run(demo, "-", "a", stdin="import beta, sys; print(sys.argv)").ok().out == "['-', 'a']\n"
    assert run(demo, "app").ok().out == "app\n"
    assert "Zen" in run(demo, "-m", "this").ok().out
    assert run(demo, "-s", "f.py").ok().out.startswith("1.0")


def test_exit_status_and_signals_are_those_of_the_program(demo: Project) -> None:
    assert run(demo, "python", "-c", "raise SystemExit(7)").code == 7
    assert run(demo, "sh", "-c", "kill -TERM $$").code == -signal.SIGTERM


def test_program_that_is_not_there_is_refused(demo: Project) -> None:
    ran = run(demo, "nosuch-program").failed(2)
    assert "there is no program `nosuch-program`" in ran.err
    assert "python" in run(demo).failed(2).err


def test_with_shadows_packages_and_leaves_the_project_alone(demo: Project) -> None:
    code = "import alpha, beta, gamma; print(beta.version)"
    assert run(demo, "--with", "gamma", "--with", "beta>=1.5", "python", "-c", code).ok().out == "1.5\n"
    assert run(demo, "--with", "gamma", "python", "-c", code).ok().out == "1.0\n"
    assert "gamma==1" not in demo.installed()
    again = run(demo, "--with", "gamma", "python", "-c", code).ok()
    assert "Installed" not in again.err


def test_isolated_run_makes_no_environment_of_the_project(demo: Project) -> None:
    assert run(demo, "--isolated", "python", "-c", "import beta; print(beta.version)").ok().out == "1.0\n"
    assert not os.path.exists(demo.path(".venv"))


def test_without_sync_the_environment_stays(demo: Project) -> None:
    run(demo, "true").ok()
    demo.pyproject("gamma")
    run(demo, "--no-sync", "python", "-c", "import beta").ok()
    assert run(demo, "--frozen", "python", "-c", "import beta").ok()
    run(demo, "--locked", "true").failed(1)
    run(demo, "python", "-c", "import gamma").ok()


def test_directory_stays_and_project_only_chooses(demo: Project) -> None:
    os.makedirs(demo.path("..", "elsewhere"))
    ran = run(
        demo,
        "--project",
        demo.cwd,
        "python",
        "-c",
        "import os, beta; print(os.getcwd())",
        cwd=demo.path("..", "elsewhere"),
    )
    assert os.path.basename(ran.ok().out.strip()) == "elsewhere"


def test_variables_of_files(demo: Project) -> None:
    demo.write(".env", "A=1\nB=\"two ${A}\"\nexport C='$A'\nHOME=/changed\n")
    ran = run(
        demo,
        "--env-file",
        ".env",
        "python",
        "-c",
        "import os; print(*[os.environ[k] for k in ('A', 'B', 'C', 'HOME')], sep=',')",
    )
    assert ran.ok().out == f"1,two 1,$A,{demo.environ['HOME']}\n"
    assert "cannot be read" in run(demo, "--env-file", "nosuch", "true").failed(2).err


def test_script_runs_apart_from_the_project(demo: Project) -> None:
    demo.write(
        "s.py",
        '# /// script\n# requires-python = ">=3.9"\n# dependencies = ["gamma"]\n# ///\nimport gamma, sys; print(gamma.version, sys.argv[1:])\n',
    )
    assert run(demo, "s.py", "-v").ok().out == "1 ['-v']\n"
    assert not os.path.exists(demo.path(".venv"))
    assert "no lock" in run(demo, "--locked", "s.py").failed(2).err
    demo("lock", "--script", "s.py").ok()
    assert run(demo, "--locked", "s.py").ok().out == "1 []\n"


def test_without_a_project_the_next_environment_is_used(project: Project) -> None:
    project("venv", ".venv").ok()
    project("pip", "install", "-p", ".venv", "gamma").ok()
    assert run(project, "python", "-c", "import gamma; print(gamma.version)").ok().out == "1\n"


def test_unmanaged_project_is_no_hindrance(project: Project) -> None:
    project.pyproject("gamma", more="[tool.uv]\nmanaged = false\n")
    assert "managed" in project("sync").failed(2).err
    run(project, "true").ok()
