"""The three tools, each in an environment of its own, and the words that make them do the same work."""

import contextlib
import glob
import hashlib
import os
import shutil
import subprocess
import sys

from seats import locked

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
VERSIONS = {"uv": "0.13.9", "pip": "26.3"}
_ASK = "import sys; print(*sys.version_info[:3], sys.executable)"


def pythons() -> list[tuple[tuple[int, ...], str]]:
    """Return the Pythons of this machine, those on PATH and pyenv's, as (version, program), the newest last."""
    found = {}
    for directory in [*os.environ.get("PATH", "").split(os.pathsep), *_pyenv()]:
        for name in ("python3", *(f"python3.{minor}" for minor in range(8, 20))):
            path = os.path.join(directory, name)
            if not os.access(path, os.X_OK):
                continue
            asked = subprocess.run((path, "-I", "-S", "-c", _ASK), capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                *version, program = asked.stdout.rstrip("\n").split(" ", 3)
                found[os.path.realpath(program)] = tuple(map(int, version))
    return sorted((version, program) for program, version in found.items())


def quickest(found: list[tuple[tuple[int, ...], str]]) -> str:
    """Return the Python that starts first, of those that can run cw: half of the time of a small command is its start.

    Distributions build theirs with profiles and start in two thirds of the time of one that was merely compiled here.
    """
    times = {}
    for _ in range(5):
        for version, program in found:
            if version >= (3, 11):
                # its own time, not the clock's: what else runs on the machine must not choose
                _, _, used = os.wait4(os.posix_spawn(program, (program, "-c", "pass"), os.environ), 0)
                times[program] = min(used.ru_utime + used.ru_stime, times.get(program, 60.0))
    return min(times, key=lambda program: times[program])


def _pyenv() -> list[str]:
    versions = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
    return [os.path.join(versions, name, "bin") for name in os.listdir(versions)] if os.path.isdir(versions) else []


def find_python(wanted: str) -> str:
    """Return the program of a Python such as `3.12`, or of a path."""
    if os.sep in wanted:
        return wanted
    fitting = [program for version, program in pythons() if f"{'.'.join(map(str, version))}.".startswith(f"{wanted}.")]
    return fitting[-1] if fitting else sys.executable


def exported(home: str) -> str:
    """Return a directory with the last commit alone, whatever is being changed in the working tree."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    path = f"{home}/commits/{done.stdout.strip()}"
    with locked(f"{home}/commits/lock"):
        if not os.path.isdir(path):
            shutil.rmtree(f"{path}.new", ignore_errors=True)
            os.makedirs(f"{path}.new")
            archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
            subprocess.run(["tar", "-x", "-C", f"{path}.new"], input=archive, check=True)
            os.rename(f"{path}.new", path)
    return path


class Tools:
    """cw, uv and pip below `home`; made when missing, and one cw for each state of its source that is being measured."""

    def __init__(self, home: str, cw_python: str, source: str = ROOT) -> None:
        self.home, self.source = home, source
        self.cw_python = find_python(cw_python) if cw_python else quickest(pythons())
        self.cw = f"{home}/tools/cw/bin/cw"
        self.uv = f"{home}/tools/uv/bin/uv"
        self.pip = f"{home}/tools/pip/bin/python"
        self._held = contextlib.ExitStack()

    def make(self) -> None:
        """Make what is missing, and hold this cw until the end: runs of another state of the source go on beside this one."""
        with locked(f"{self.home}/tools/lock"):
            self._environment("uv", sys.executable, f"uv=={VERSIONS['uv']}")
            self._environment("pip", self.cw_python, f"pip=={VERSIONS['pip']}")
            name = f"cw-{self._stamp()}"
            self.cw = f"{self.home}/tools/{name}/bin/cw"
            self._held.enter_context(locked(f"{self.home}/tools/{name}.lock", shared=True))
            self._forget_old()
            self._build(name)
            self._point(name)

    def _point(self, name: str) -> None:
        """Let `tools/cw` be the newest, for those who try things by hand."""
        link = f"{self.home}/tools/cw"
        if not os.path.islink(link):
            shutil.rmtree(link, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{link}.new")
        os.symlink(name, f"{link}.new")
        os.rename(f"{link}.new", link)

    def _forget_old(self) -> None:
        for lock in glob.glob(f"{self.home}/tools/cw-*.lock"):
            with locked(lock, wait=False) as unused:
                if unused:
                    shutil.rmtree(lock.removesuffix(".lock"), ignore_errors=True)
                    os.unlink(lock)

    def _build(self, name: str) -> None:
        path = f"{self.home}/tools/{name}"
        if not os.path.exists(f"{path}/made"):
            shutil.rmtree(path, ignore_errors=True)
            dist = f"{self.home}/dist"
            shutil.rmtree(dist, ignore_errors=True)
            words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist]
            subprocess.run(words, check=True, cwd=self.source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            (wheel,) = os.listdir(dist)
            self._environment(name, self.cw_python, f"{dist}/{wheel}")
            open(f"{path}/made", "wb").close()

    def _stamp(self) -> str:
        digest = hashlib.sha256(self.cw_python.encode())
        for directory, _, names in sorted(os.walk(f"{self.source}/src")):
            for name in sorted(names):
                if not name.endswith(".pyc"):
                    with open(os.path.join(directory, name), "rb") as stream:
                        digest.update(name.encode() + b"\0" + stream.read())
        return digest.hexdigest()[:12]

    def _environment(self, name: str, python: str, wanted: str) -> None:
        path = f"{self.home}/tools/{name}"
        if os.path.isdir(path):
            return
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        # made by the pip that runs the bench: Debian's Python has no ensurepip
        subprocess.run([python, "-m", "venv", "--without-pip", path], check=True, env=environ)
        install = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            f"{path}/bin/python",
            "install",
            "-q",
            "--disable-pip-version-check",
        ]
        subprocess.run([*install, wanted], check=True, env=environ, stderr=subprocess.DEVNULL)

    def versions(self) -> dict[str, str]:
        """Return what each says of its version."""
        bare = {"PATH": "/usr/bin:/bin", "HOME": self.home}
        say = lambda *words: subprocess.run(words, capture_output=True, text=True, check=False, env=bare).stdout.strip()  # noqa: E731
        python = say(f"{os.path.dirname(self.cw)}/python", "-c", "import platform; print(platform.python_version())")
        return {
            "cw": f"{say(self.cw, '--version')} on Python {python}",
            "uv": say(self.uv, "--version").split(" (")[0],
            "pip": f"pip {VERSIONS['pip']}",
        }

    def environ(self, store: str, url: str, authority: str) -> dict[str, str]:
        """Return the whole environment of a command: nothing of the user's reaches it."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": f"{self.home}/nobody",
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp",
            "SSL_CERT_FILE": authority,
            "PIP_CERT": authority,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_CACHE_DIR": f"{store}/pip",
            "PIP_INDEX_URL": url,
            "UV_CACHE_DIR": f"{store}/uv",
            "UV_DEFAULT_INDEX": url,
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "CW_CACHE_DIR": f"{store}/cw",
            "CW_DEFAULT_INDEX": url,
        }

    def words(self, tool: str, command: str, environment: str, *more: str) -> list[str]:
        """Return the argument vector of `pip install` and its like, for an environment."""
        family, _, verb = command.partition(" ")
        if tool == "pip":
            yes = ["-y"] if verb == "uninstall" else []
            only = ["--only-binary", ":all:"] if verb == "install" else []
            return [self.pip, "-m", "pip", "--python", f"{environment}/bin/python", verb, *yes, *only, *more]
        return [self.cw if tool == "cw" else self.uv, family, verb, "--python", environment, *more]
