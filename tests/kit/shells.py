"""Users at work: each has a shell that runs cw as that user, every command in a process of its own.

    with Shell(alice, {"CW_CACHE_DIR": store}) as shell:
        shell("pip", "install", "-p", "v", "demo").ok()
        job = shell.start("pip", "install", "-p", "v", "other")     # in the background
        job.kill(); job.wait()

A start of the interpreter for each of some hundred commands would be most of the time of a suite, so a shell is one
interpreter with the project loaded, which forks for every command: own process, own number, the real user, group,
umask, directory and environment, and nothing shared with the command before. `host` puts the shell, and all that it
runs, into namespaces of its own: another host name, and process numbers that begin with 1, as in a container.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from kit.users import User, user_path, user_python

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

# what most commands load: forked children have it at once
_LOADED = (
    "commonwheel.cli", "commonwheel.cli.arguments", "commonwheel.cli.help", "commonwheel.cli.pip", "commonwheel.cli.changes",
    "commonwheel.cli.reporter", "commonwheel.cli.cache", "commonwheel.cli.environments", "commonwheel.session.session",
    "commonwheel.commands.install", "commonwheel.commands.cache", "commonwheel.commands.venv", "commonwheel.sources.acquire",
    "commonwheel.operations.apply", "commonwheel.operations.build_env", "commonwheel.operations.configured_indexes", "commonwheel.net.client", "commonwheel.net.objects",
    "commonwheel.index.catalogue", "commonwheel.index.simple_api_client", "commonwheel.index.find_links", "commonwheel.resolve.solver",
    "commonwheel.resolve.report", "commonwheel.store.ingest", "commonwheel.store.roots", "commonwheel.python.venv",
    "commonwheel.python.tags", "commonwheel.python.installed", "commonwheel.build.builder", "commonwheel.build.vcs",
    "commonwheel.process", "commonwheel.index.pip_config", "commonwheel.net.credentials",
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote; `code` is negative for the signal that ended it."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def ok(self) -> Ran:
        """Return itself, or fail with what was written."""
        assert self.code == 0, f"{self.words}: exit status {self.code}\n{self.out}\n{self.err}"
        return self

    def failed(self, code: int = 1) -> Ran:
        """Return itself if the command ended with this status, and not by a fault of its own."""
        assert self.code == code, f"{self.words}: exit status {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err, self.err
        return self

    def json(self) -> object:
        """Return what a successful command printed as JSON."""
        return json.loads(self.ok().out)

    @property
    def warnings(self) -> list[str]:
        """Return the lines that warn."""
        return [line for line in self.err.splitlines() if line.startswith("warning:")]


class Job:
    """A command under way."""

    def __init__(self, shell: Shell, words: tuple[str, ...], number: int) -> None:
        self._shell = shell
        self._words = words
        self._number = number

    def wait(self) -> Ran:
        """Return how it ended."""
        said = self._shell.ask(do="wait", number=self._number)
        return Ran(self._words, int(str(said["code"])), str(said["out"]), str(said["err"]))

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal."""
        self._shell.ask(do="kill", number=self._number, signal=int(number))


class Shell:
    """A login of `user` (None: root). `environ` is added to a clean environment, `cwd` is where commands run."""

    def __init__(
        self,
        user: User | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        cwd: str = "",
        umask: int = 0o022,
        host: str = "",
    ) -> None:
        self.user = user
        self.cwd = cwd or (user.home if user else "/")
        self.umask = umask
        self.environ = {"PIP_CONFIG_FILE": os.devnull, "CW_NO_PROGRESS": "1", **(environ or {})}
        clean = {
            "HOME": self.cwd,
            "USER": "root",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        base = user.environment() if user else {**clean, "LANG": "C.UTF-8", "PYTHONPATH": user_path()}
        argv = [user_python(), "-W", "error", "-m", "kit.shells"]
        if user is not None:
            groups = ",".join(map(str, user.groups)) or str(user.gid)
            argv = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", f"--groups={groups}", *argv]
        if host:
            script = 'hostname "$1" && mount -t proc proc /proc && shift && exec "$@"'
            argv = [
                "unshare",
                "--uts",
                "--pid",
                "--fork",
                "--mount",
                "--kill-child",
                "sh",
                "-c",
                script,
                "sh",
                host,
                *argv,
            ]
        self._process = subprocess.Popen(
            argv, cwd=self.cwd, env={**base, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, umask=umask,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out: commands that still run are killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.wait(30)
        self._process.stdout.close()

    def ask(self, **words: object) -> dict[str, object]:
        """Let the shell do something and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the shell of {self.user.name if self.user else 'root'} has died")
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def start(self, *words: str, umask: int | None = None, env: Mapping[str, str] | None = None, cwd: str = "") -> Job:
        """Start `cw WORDS` and go on."""
        said = self.ask(
            do="start",
            words=words,
            environ={**self.environ, **(env or {})},
            umask=self.umask if umask is None else umask,
            cwd=cwd or self.cwd,
        )
        return Job(self, words, int(str(said["number"])))

    def __call__(
        self, *words: str, umask: int | None = None, env: Mapping[str, str] | None = None, cwd: str = ""
    ) -> Ran:
        """Run `cw WORDS` to its end."""
        return self.start(*words, umask=umask, env=env, cwd=cwd).wait()

    def start_python(self, code: str, *words: str) -> Job:
        """Start a piece of Python as this user, with `words` as `sys.argv[1:]`, and go on."""
        said = self.ask(do="start", code=code, words=words, environ=self.environ, umask=self.umask, cwd=self.cwd)
        return Job(self, words, int(str(said["number"])))

    def python(self, code: str, *words: str) -> str:
        """Run a piece of Python as this user and return what it printed; it must succeed."""
        return self.start_python(code, *words).wait().ok().out

    def program(self, *argv: str) -> str:
        """Run another program as this user and return what it printed; it must succeed."""
        code = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
        return self.python(code, *argv)


# --- the process of a shell ---------------------------------------------------------------------------------------------


def _run(asked: dict[str, object], out: int, err: int) -> int:
    """Be the command: called in a process of its own."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.umask(int(str(asked["umask"])))
    os.chdir(str(asked["cwd"]))
    environ, words = asked["environ"], asked["words"]
    assert isinstance(environ, dict)
    assert isinstance(words, list)
    # how this process came to the project is nothing that environments should show
    os.environ.pop("PYTHONPATH", None)
    os.environ.update(environ)
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), write_through=True)  # noqa: SIM115 - for the life of the process
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), write_through=True)  # noqa: SIM115
    if "code" in asked:
        sys.argv = ["-c", *words]
        exec(compile(str(asked["code"]), "<test>", "exec"), {"__name__": "__main__"})
        return 0
    from commonwheel.cli import main

    return main(words)


def _child(asked: dict[str, object], out: int, err: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = _run(asked, out, err)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    os.unlink(path)
    return text


def serve() -> None:
    """Obey the test until it hangs up."""
    import tempfile

    for name in _LOADED:
        try:
            __import__(name)
        except ImportError:
            continue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs: dict[int, tuple[int, str, str]] = {}
    for count, line in enumerate(sys.stdin):
        asked = json.loads(line)
        answer: dict[str, object] = {}
        if asked["do"] == "start":
            (out, out_path), (err, err_path) = tempfile.mkstemp(), tempfile.mkstemp()
            pid = os.fork()
            if not pid:
                _child(asked, out, err)
            os.close(out)
            os.close(err)
            jobs[count] = (pid, out_path, err_path)
            answer = {"number": count}
        elif asked["do"] == "kill":
            os.kill(jobs[asked["number"]][0], asked["signal"])
        else:
            pid, out_path, err_path = jobs.pop(asked["number"])
            status = os.waitpid(pid, 0)[1]
            answer = {"code": os.waitstatus_to_exitcode(status), "out": _text(out_path), "err": _text(err_path)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid, out_path, err_path in jobs.values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.unlink(out_path)
        os.unlink(err_path)


if __name__ == "__main__":
    serve()
