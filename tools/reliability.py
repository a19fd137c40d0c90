"""Drive cw, uv and pip into the same trouble and write what they did to docs/reliability.md.

Usage (as root): .venv/bin/python tools/reliability.py. Needs the development environment (`make test` makes it); every
package in it is made here, nothing is fetched. The crash tests are run too, for the number of steps that were tried.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pip

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from kit import faultfs, mounts, users  # noqa: E402 - the kit is found by the line above
from kit.wheels import make_wheel  # noqa: E402

TOOLS = ("cw", "uv", "pip")
OK, BAD = "", "**"


class Ground:
    """A place with wheels, a cache and environments, for one tool; commands may be run as another user."""

    def __init__(self, tool: str, place: str) -> None:
        self.tool = tool
        self.place = place
        self.cache = f"{place}/cache"
        self.wheels = f"{place}/wheels"
        self.python = users.user_python()
        shutil.copy(ROOT / ".venv" / "bin" / "uv", f"{place}/uv")
        os.chmod(f"{place}/uv", 0o755)
        self.path = users.user_path()
        if tool == "pip":
            # the pip of the development environment, not the one that Debian's Python brings along
            shutil.copytree(os.path.dirname(pip.__file__), f"{place}/newest/pip")
            self.path = f"{place}/newest{os.pathsep}{self.path}"
        for version in ("1.0", "2.0"):
            files = {
                f"demo/part_{n:03}.py": f"version = '{version}'\nnumber = {n}\n"
                + "# filling\n" * (2000 if version == "1.0" else 7000)
                for n in range(60)
            }
            make_wheel(self.wheels, "demo", version, {"demo/__init__.py": f"version = '{version}'\n", **files})

    def environment(self, name: str, user: "users.User | None" = None) -> str:
        """Make a virtual environment with pip in it, and return its path."""
        path = name if name.startswith("/") else f"{self.place}/{name}"
        self.run([self.python, "-m", "venv", path], user)
        return path

    def run(self, argv: list[str], user: "users.User | None" = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command, as a user if one is given."""
        environ = {"PATH": os.environ["PATH"], "HOME": self.place, "PYTHONPATH": self.path, **more}
        if user is not None:
            done = user.run(argv, cwd=self.place, env={"PYTHONPATH": self.path, **more})
            return subprocess.CompletedProcess(argv, done.code, done.out, done.err)
        return subprocess.run(argv, cwd=self.place, env=environ, capture_output=True, text=True, check=False)

    def argv(self, environment: str, *words: str, mode: str = "hardlink") -> list[str]:
        """Return the command that installs `words` into an environment, from the wheels here alone."""
        source = ["--no-index", "--find-links", self.wheels]
        if self.tool == "cw":
            where = ["--cache-dir", self.cache, "--link-mode", mode, "-p", environment]
            return [self.python, "-m", "commonwheel", "pip", "install", *where, *source, *words]
        if self.tool == "uv":
            return [
                f"{self.place}/uv",
                "pip",
                "install",
                "--cache-dir",
                self.cache,
                "--link-mode",
                mode,
                "-p",
                environment,
                *source,
                *words,
            ]
        return [
            f"{environment}/bin/python",
            "-m",
            "pip",
            "install",
            "--cache-dir",
            self.cache,
            "--disable-pip-version-check",
            *source,
            *words,
        ]

    def install(
        self, environment: str, *words: str, user: "users.User | None" = None, mode: str = "hardlink"
    ) -> subprocess.CompletedProcess[str]:
        """Install."""
        return self.run(self.argv(environment, *words, mode=mode), user)

    def state(self, environment: str) -> str:
        """Return what an environment has of `demo`, in words: what is listed, and whether its files are complete."""
        site = next(Path(environment).glob("lib/python*/site-packages"))
        listed = sorted(
            path.name.removesuffix(".dist-info").partition("-")[2] for path in site.glob("demo-*.dist-info")
        )
        versions = set()
        for path in (site / "demo").glob("*.py"):
            text = path.read_text()
            versions.add(text.partition("'")[2].partition("'")[0] or "empty")
        count = len(list((site / "demo").glob("*.py")))
        whole = count == 61 and len(versions) == 1  # noqa: PLR2004 - the files of a demo wheel
        if not listed and not count:
            return "nothing"
        if listed and whole and listed == sorted(versions):
            return f"{listed[0]}, whole"
        return f"listed as {' and '.join(listed) or 'nothing'}, {count} of 61 files, content of {' and '.join(sorted(versions)) or 'nothing'}"


Case = Callable[[Ground], str]


def second_user(ground: Ground) -> str:
    """A second user uses a cache that the first filled with the default umask."""
    with users.users("relone", "reltwo") as (one, two):
        for user in (one, two):
            os.makedirs(f"{ground.place}/{user.name}", exist_ok=True)
            os.chmod(f"{ground.place}/{user.name}", 0o777)
        os.makedirs(ground.cache)
        os.chmod(ground.cache, 0o777)
        first = ground.environment(f"{one.name}/v", one)
        second = ground.environment(f"{two.name}/v", two)
        ground.install(first, "demo", user=one, mode="copy")
        done = ground.install(second, "demo", user=two, mode="copy")
        return works(done, ground.state(second))


def read_only(ground: Ground) -> str:
    """The cache is mounted read-only and holds all that is needed."""
    first, second = ground.environment("first"), ground.environment("second")
    ground.install(first, "demo", mode="copy")
    os.makedirs(ground.cache, exist_ok=True)
    with mounts.bind(ground.cache, ground.cache, read_only=True):
        return works(ground.install(second, "demo", mode="copy"), ground.state(second))


def edited(ground: Ground) -> str:
    """A user edits a file of an environment; then another environment is made."""
    first, second = ground.environment("first"), ground.environment("second")
    ground.install(first, "demo")
    path = next(Path(first).glob("lib/python*/site-packages/demo/__init__.py"))
    os.chmod(path, 0o644)
    path.write_text("version = 'evil'\n")
    ground.install(second, "demo")
    content = next(Path(second).glob("lib/python*/site-packages/demo/__init__.py")).read_text()
    return "the other environment got the edited file, exit 0" if "evil" in content else "nobody else saw it"


def truncated(ground: Ground) -> str:
    """A file in the cache is truncated; then it is installed."""
    first, second = ground.environment("first"), ground.environment("second")
    ground.install(first, "demo", mode="copy")
    victims = [path for path in Path(ground.cache).rglob("part_007.py") if path.is_file()]
    if not victims:
        return "keeps no unpacked files (unpacks each time)"
    for path in victims:
        os.chmod(path, 0o644)
        path.write_text("")
    done = ground.install(second, "demo", mode="copy")
    state = ground.state(second)
    warned = " with a warning" if "damaged" in done.stderr else ""
    return f"{works(done, state)}{warned}"


def full_disk(ground: Ground) -> str:
    """The disk is full during an upgrade."""
    point = f"{ground.place}/small"
    os.makedirs(point)
    with mounts.tmpfs(point, size="96m"):
        environment = ground.environment(f"{point}/v")
        ground.install(environment, "demo==1.0", mode="copy")
        free = os.statvfs(point)
        with open(f"{point}/ballast", "wb") as ballast:
            ballast.write(b"\0" * (free.f_bavail * free.f_frsize - 400_000))
        done = ground.install(environment, "demo==2.0", mode="copy")
        return f"exit {done.returncode}; the environment holds: {ground.state(environment)}"


def wrong_record(ground: Ground) -> str:
    """A wheel says a wrong hash in its RECORD."""
    bad = f"{ground.place}/bad"
    wheel = make_wheel(bad, "wrong", "1.0", {"wrong.py": "x = 1\n"})
    spoil(wheel)
    ground.wheels = bad
    environment = ground.environment("v")
    done = ground.install(environment, "wrong", mode="copy")
    return "installed, exit 0" if done.returncode == 0 else f"refused, exit {done.returncode}"


def spoil(wheel: str) -> None:
    """Change the hash that a RECORD tells of a module."""
    with zipfile.ZipFile(wheel) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            if name.endswith("RECORD"):
                data = re.sub(rb"(wrong\.py,sha256=).{43}", rb"\1" + b"A" * 43, data)
            archive.writestr(name, data)


def killed(ground: Ground) -> str:
    """The command is killed (SIGKILL) in the middle of an upgrade, on a slow file system; then it is run again."""
    point = f"{ground.place}/slow"
    os.makedirs(point)
    with faultfs.faults(point) as slow:
        environment = ground.environment(f"{point}/v")
        ground.install(environment, "demo==1.0", mode="copy")
        for operation in ("rename", "unlink", "create", "mkdir", "link"):
            slow.delay(operation, 0.01)
        environ = {"PATH": os.environ["PATH"], "HOME": ground.place, "PYTHONPATH": ground.path}
        worst = "1.0, whole"
        for delay in (0.5, 0.9, 1.3, 1.8, 2.4):
            command = subprocess.Popen(
                ground.argv(environment, "demo==2.0", mode="copy"),
                cwd=ground.place,
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay)
            command.send_signal(signal.SIGKILL)
            command.wait()
            if ground.tool == "cw":
                # the next command begins with the recovery; it is asked for what is there already
                ground.run(
                    [
                        ground.python,
                        "-m",
                        "commonwheel",
                        "pip",
                        "install",
                        "--cache-dir",
                        ground.cache,
                        "-p",
                        environment,
                        "--no-index",
                        "-f",
                        ground.wheels,
                        "demo",
                    ]
                )
            state = ground.state(environment)
            if not state.endswith("whole"):
                worst = state
                break
            worst = state
        slow.heal()
        if worst.endswith("whole"):
            return "old or new, whole, whenever it was killed"
        done = ground.run(ground.argv(environment, "demo", mode="copy"))
        after = ground.state(environment)
        return f"{worst}; the next install: exit {done.returncode}, {after}"


def hash_not_looked_at(ground: Ground) -> str:
    """A requirements file has a hash, and the environment has that version, from another file."""
    environment = ground.environment("v")
    ground.install(environment, "demo==1.0", mode="copy")
    lines = f"{ground.place}/pins.txt"
    Path(lines).write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    done = ground.install(environment, "-r", lines, mode="copy")
    return "exit 0, hash not checked" if done.returncode == 0 else f"refused, exit {done.returncode}"


def works(done: subprocess.CompletedProcess[str], state: str) -> str:
    """Return how a command ended and what is there, in words."""
    if done.returncode == 0:
        return "works" if state.endswith("whole") else f"exit 0, but: {state}"
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "WARNING" not in line]
    return f"exit {done.returncode}: {re.sub(r'/[^ `]+', '…', lines[-1])[:90]}" if lines else f"exit {done.returncode}"


CASES: tuple[tuple[str, Case], ...] = (
    ("a second user on a cache made with the default umask", second_user),
    ("the cache is mounted read-only and holds all that is needed", read_only),
    ("a file is edited in one environment (hard links); another environment is made", edited),
    ("a cached file was truncated", truncated),
    ("the disk is full during an upgrade", full_disk),
    ("a wheel with a wrong hash in its RECORD", wrong_record),
    ("killed in the middle of an upgrade", killed),
    ("a hash in a requirements file; the installed version seems to satisfy the line", hash_not_looked_at),
)


def drive(case: Case, tool: str) -> str:
    """Run one case with one tool in a place of its own."""
    place = tempfile.mkdtemp(prefix="cw reliability ")
    os.chmod(place, 0o755)
    try:
        return case(Ground(tool, place))
    except Exception as error:  # noqa: BLE001 - a case that cannot be driven is a row that says so
        return f"could not be driven: {error}"[:120]
    finally:
        subprocess.run(["chmod", "-R", "u+w", place], check=False)
        shutil.rmtree(place, ignore_errors=True)


def crash_counts() -> list[str]:
    """Run the crash tests and return the lines in which they count."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "tests/crash"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    counted = ("faults", "kills", "recoveries killed", "power cuts", "passed", "failed")
    return [line.strip().lstrip(".") for line in done.stdout.splitlines() if any(word in line for word in counted)]


def main() -> int:
    """Write the page."""
    if os.geteuid() != 0:
        print("tools/reliability.py makes users and mounts: run it as root", file=sys.stderr)
        return 1
    versions = {
        "uv": subprocess.run(
            [ROOT / ".venv/bin/uv", "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[1]
    }
    versions["pip"] = pip.__version__
    rows = []
    for title, case in CASES:
        outcomes = [drive(case, tool) for tool in TOOLS]
        print(title, outcomes, flush=True)
        rows.append(f"| {title} | {' | '.join(outcomes)} |")
    page = [
        "# Reliability",
        "",
        f"Written by `make reliability` on {time.strftime('%Y-%m-%d')}: each row runs the same case with each tool, on packages made for it.",
        "",
        f"| case | cw | uv {versions['uv']} | pip {versions['pip']} |",
        "|---|---|---|---|",
        *rows,
        "",
        "## Every step of every change",
        "",
        "`make crash` makes each step of a transaction on the disk fail, kills the process there, and cuts the power there. After the next",
        "command the environment must be exactly the old one or exactly the new one, by content, modes and listing. It counted:",
        "",
        "```",
        *crash_counts(),
        "```",
        "",
        "Cases of shared, damaged and planted files and of many processes are in `tests/crowd/`: real users, mounts, namespaces, and a file system that fails on demand.",
    ]
    (ROOT / "docs" / "reliability.md").write_text("\n".join(page) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
