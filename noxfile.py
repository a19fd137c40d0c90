"""Sessions for each Python: `nox -l` lists them. `make test` does the same for one Python, without nox."""

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
DEV = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "dev")

nox.options.sessions = ["tests", "checks"]
nox.options.error_on_missing_interpreters = False


def prepare(session: nox.Session) -> None:
    """Install cw, editable, with what its checks need."""
    session.install("hatchling", "editables", *DEV)
    session.install("--no-build-isolation", "--editable", ".")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite; as root also the tests with users, mounts and FUSE. Words behind `--` go to pytest."""
    prepare(session)
    session.run("python", "tools/run_tests.py", *session.posargs)


@nox.session(python=PYTHONS[0])
def checks(session: nox.Session) -> None:
    """Lint, check types and the direction of imports, and build the documentation."""
    prepare(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("typos")
    session.run("mypy", "src", "tests")
    session.run("lint-imports")
    session.run("python", "tools/build_site.py")


@nox.session(python=PYTHONS)
def smoke(session: nox.Session) -> None:
    """Build the wheel, install it into an empty environment, and try the main commands."""
    wheels = session.create_tmp()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--wheel-dir", wheels, ".")
    session.run("python", "tools/smoke.py", wheels)
