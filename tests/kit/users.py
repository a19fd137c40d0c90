"""Real users of this machine, made for a test and removed after it: rights cannot be tested by pretending.

    with users("alice", "bob", group="team") as (alice, bob):
        alice.python("from commonwheel.fs import files; files.write('x', b'')", cwd=shared, umask=0o077).ok()

Needs root. An ordinary user can neither read root's home nor run an interpreter that lives there, so `user_python()`
finds one that they can, and `user_path()` lays copies of the sources and of what they need where everybody can read.
"""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = ("isal", "packaging", "pycurl", "pyproject_hooks", "rich", "tomlkit", "markdown-it-py", "mdurl", "pygments")


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit status and its output as text."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    def ok(self) -> str:
        """Return the output of a command that must have succeeded."""
        assert self.code == 0, f"{self.argv} left with {self.code}\n{self.out}\n{self.err}"
        return self.out


@dataclass(frozen=True)
class User:
    """A user of this machine: runs commands with its own groups, home and umask."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        umask: int = 0o022,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        """Start a command as this user, for tests that talk to it or kill it; its stdin is a pipe."""
        return subprocess.Popen(
            list(argv),
            cwd=cwd or self.home,
            env=self.environment(env),
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            umask=umask,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        umask: int = 0o022,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 120,
    ) -> Ran:
        """Run a command as this user to its end."""
        with self.spawn(argv, cwd=cwd, umask=umask, env=env) as child:
            try:
                out, err = child.communicate(stdin, timeout)
            except BaseException:
                child.kill()
                raise
        return Ran(tuple(argv), child.returncode, out, err)

    def python_argv(self, code: str, *words: str) -> list[str]:
        """Return the command that runs a piece of Python which can import the project and its dependencies."""
        return [user_python(), "-W", "error", "-c", code, *words]

    def python(
        self,
        code: str,
        *words: str,
        cwd: str | None = None,
        umask: int = 0o022,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> Ran:
        """Run a piece of Python as this user; `words` are its `sys.argv[1:]`."""
        return self.run(self.python_argv(code, *words), cwd=cwd, umask=umask, env=env, stdin=stdin)

    def cw(self, *words: str, cwd: str | None = None, umask: int = 0o022, env: Mapping[str, str] | None = None) -> Ran:
        """Run the project's command line as this user."""
        return self.run([user_python(), "-m", "commonwheel", *words], cwd=cwd, umask=umask, env=env)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a clean environment: nothing of root's, with the project importable."""
        found = {
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": user_path(),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for name in ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "SSL_CERT_FILE"):
            if name in os.environ:
                found[name] = os.environ[name]
        found.update(extra or {})
        return found


@contextlib.contextmanager
def users(*names: str, group: str | None = None, members: Sequence[str] | None = None) -> Iterator[tuple[User, ...]]:
    """Make users (their real names carry a random tail), and a group that all of them, or `members`, belong to.

    With `group`, its real name is that of `group_of(users[0])`; a user who is not a member is in no common group.
    """
    tail = os.urandom(3).hex()
    made: list[str] = []
    team = f"{group}-{tail}" if group else None
    homes = tempfile.mkdtemp(prefix="cw-homes-")
    os.chmod(homes, 0o755)
    try:
        if team:
            _account("groupadd", team)
        found = []
        for name in names:
            real = f"{name}-{tail}"
            home = os.path.join(homes, name)
            joined = team is not None and (members is None or name in members)
            extra = ("-G", team) if joined and team else ()
            made.append(real)
            _account("useradd", "-M", "-U", "-d", home, "-s", "/bin/sh", *extra, real)
            entry = pwd.getpwnam(real)
            os.mkdir(home, 0o755)
            os.chown(home, entry.pw_uid, entry.pw_gid)
            groups = tuple(os.getgrouplist(real, entry.pw_gid))
            found.append(User(real, entry.pw_uid, entry.pw_gid, home, groups))
        yield tuple(found)
    finally:
        for real in made:
            _end_processes_of(real)
            _account("userdel", real, check=False)
        if team:
            _account("groupdel", team, check=False)
        shutil.rmtree(homes, ignore_errors=True)
        _forget_names()


def _forget_names() -> None:
    """Let this process ask for names again: the next user may get the number of one that is gone."""
    known = sys.modules.get("commonwheel.fs.facts")
    for memo in ("_users", "_groups", "_members"):
        getattr(known, memo, {}).clear()


def team_of(*members: User) -> int:
    """Return the group that these users, and nobody's primary group, have in common."""
    common = set(members[0].groups)
    for member in members[1:]:
        common &= set(member.groups)
    common -= {member.gid for member in members}
    (found,) = common
    return found


def _account(*words: str, check: bool = True) -> None:
    """Run useradd and its kin; they refuse while another one, of a parallel test, holds their lock, or a process has yet to die."""
    for attempt in range(200):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        busy = any(said in done.stderr for said in ("lock", "try again", "currently used"))
        if done.returncode == 0 or not busy or attempt == 199:
            break
        time.sleep(0.05)
    if check and done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stderr}")


def _end_processes_of(name: str) -> None:
    """End what a user left running, else userdel refuses."""
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == uid:
                    os.kill(int(entry.name), signal.SIGKILL)


@cache
def user_python() -> str:
    """Return an interpreter of our version that every user may run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (
        sys.executable,
        f"/usr/bin/python{version}",
        "/usr/bin/python3",
        f"/usr/local/bin/python{version}",
    ):
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            done = subprocess.run(
                [candidate, "-I", "-c", asked], capture_output=True, text=True, check=False, user=65534, group=65534,
                extra_groups=(), cwd="/",
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    raise RuntimeError(f"no Python {version} that an ordinary user can run: install Debian's `python3`")


@cache
def user_path() -> str:
    """Return what to set as PYTHONPATH: copies of the sources, of what they import, and of the kit, for all to read."""
    root = Path(tempfile.mkdtemp(prefix="cw-commons-"))
    _laid_out.append(root)
    atexit.register(forget)
    shutil.copytree(REPOSITORY / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "tests" / "kit", root / "tests" / "kit", ignore=shutil.ignore_patterns("__pycache__"))
    site = root / "site"
    site.mkdir()
    for project in NEEDED:
        _copy_distribution(project, site)
    for path in (root, *root.rglob("*")):
        path.chmod(path.stat().st_mode & 0o777 | (0o555 if path.is_dir() or path.suffix == ".so" else 0o444))
    return os.pathsep.join(map(str, (root / "src", root / "tests", site)))


def _copy_distribution(project: str, site: Path) -> None:
    try:
        files = metadata.files(project) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)


_laid_out: list[Path] = []


def forget() -> None:
    """Remove the copies, at the end of the session or of the process."""
    for root in _laid_out:
        shutil.rmtree(root, ignore_errors=True)
    _laid_out.clear()
    user_path.cache_clear()
