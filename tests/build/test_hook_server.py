"""A hook meets what a script of its own interpreter would meet, and what one leaves behind no other finds."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonwheel import process
from commonwheel.build import hook_client, hook_server
from commonwheel.concurrency.parallel import Halted
from commonwheel.sources.subprocesses import Server, Subprocesses
from kit import pythons
from kit.processes import until, until_gone

if not process.FORKS:  # pragma: no cover - elsewhere each hook is a process of its own
    pytest.skip("hooks are served by copies of a process on Linux alone", allow_module_level=True)


class Place:
    """A directory to run in, with modules to import and a log; `calls` runs a script and returns its status and output."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.log.write_text("")
        (root / "modules").mkdir()
        self.children = Subprocesses(1, lambda: hook_client.call)
        self.servers: list[Server] = []
        self.said: list[bytes] = []

    def start(self, module: str = "", python: str = sys.executable, **environ: str) -> Server:
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.root / "modules"), **environ}
        server = self.children.serve(python, cwd=str(self.root), env=variables, log=str(self.log))
        assert server is not None
        self.servers.append(server)
        server.load(module, more=False)
        return server

    def script(self, text: str, name: str = "script.py") -> str:
        (self.root / "scripts").mkdir(exist_ok=True)
        path = self.root / "scripts" / name
        path.write_text(text)
        return str(path)

    def call(self, server: Server, text: str, *words: str) -> tuple[int, str]:
        before = len(self.log.read_bytes())
        status = server.call([self.script(text), *words], {}, self.said.append, None)
        return status, self.log.read_bytes()[before:].decode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for server in place.servers:
        server.close()


TELLS = """
import glob, importlib.machinery, json, os, re, shutil, sys, traceback, warnings  # as the script of `pyproject_hooks` does
print(json.dumps({
    "name": __name__, "file": __file__, "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "stdin": sys.stdin.read(),
    "main": sys.modules["__main__"].__dict__ is globals(), "flags": list(sys.flags), "orig": len(sys.orig_argv) > 0,
    "loaded": sorted(name for name in sys.modules if not name.startswith(("json", "encodings"))),
}))
"""


def test_hook_runs_like_a_script(place: Place) -> None:
    import json

    words = ["a b", "é", ""]
    status, said = place.call(place.start(), TELLS, *words)
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(place.root / "modules")}
    argv = [sys.executable, place.script(TELLS), *words]
    plain = subprocess.run(
        argv, cwd=place.root, env=variables, capture_output=True, stdin=subprocess.DEVNULL, check=True
    )
    assert status == 0
    mine, theirs = json.loads(said), json.loads(plain.stdout)
    assert mine == theirs


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('words')", 1, "words\n"),
        ("import sys; sys.exit(0)", 0, ""),
        ("import os; os._exit(7)", 7, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("print('out'); import sys; print('err', file=sys.stderr)", 0, "err"),
        ("import atexit; atexit.register(print, 'at the end')", 0, "at the end\n"),
        (
            "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()",
            0,
            "thread\n",
        ),
        ("import os; os.system('echo from a shell')", 0, "from a shell\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("this is no Python", 1, "SyntaxError"),
        ("import os; os.close(0); os.close(1); os.close(2)", 0, ""),
        ("import os; os.closerange(0, 256)", 0, ""),
        ("import os; print('twice' if os.fork() else 'once')", 0, "twice"),
        ("import os, time; print('begun', flush=True)\nif not os.fork(): os.setsid(); time.sleep(0.5)", 0, "begun"),
    ],
)
def test_every_exit_is_reported(place: Place, text: str, status: int, said: str) -> None:
    server = place.start()
    found, output = place.call(server, text)
    assert found == status
    assert said in output
    assert place.call(server, "print('and on')") == (0, "and on\n")


def test_backend_is_imported_once(place: Place) -> None:
    (place.root / "modules" / "backend.py").write_text(
        "import os\nprint('imported by', os.getpid(), flush=True)\nstate = []\n"
    )
    server = place.start("backend")
    text = "import backend, os; backend.state.append(1); print(len(backend.state), os.getpid())"
    seen = [place.call(server, text)[1].splitlines()[-1].split() for _ in range(3)]
    assert [count for count, _ in seen] == ["1", "1", "1"]  # each has its own copy
    assert len({pid for _, pid in seen}) == 3
    assert place.log.read_text().count("imported by") == 1


def test_import_side_effects_stay_for_calls(place: Place) -> None:
    """setuptools adds the directory of what it brings along to `sys.path`."""
    (place.root / "more").mkdir()
    (place.root / "more" / "brought.py").write_text("")
    (place.root / "modules" / "backend.py").write_text(f"import sys\nsys.path.append({str(place.root / 'more')!r})\n")
    assert place.call(place.start("backend"), "import backend, brought")[0] == 0


def test_calls_run_in_the_directory_left_by_the_import(place: Place) -> None:
    (place.root / "elsewhere").mkdir()
    (place.root / "modules" / "backend.py").write_text("import os\nos.chdir('elsewhere')\nos.umask(0o027)\n")
    text = "import backend, os; print(os.getcwd(), oct(os.umask(0)))"
    server = place.start("backend")
    for _ in range(2):
        assert place.call(server, text) == (0, f"{place.root / 'elsewhere'} 0o27\n")


def test_threaded_backend_starts_for_each_call(place: Place) -> None:
    """A forked copy has no threads, and a caller that waits for one of them would wait forever."""
    (place.root / "modules" / "backend.py").write_text(
        "import queue, threading\nasked, answers = queue.Queue(), queue.Queue()\n"
        "def serve():\n    while True:\n        answers.put(asked.get() + 1)\n"
        "threading.Thread(target=serve, daemon=True).start()\n"
    )
    text = "import backend, sys; backend.asked.put(1); print(backend.answers.get(timeout=20), sys.argv[1:])"
    server = place.start("backend")
    for _ in range(2):
        assert place.call(server, text, "a b") == (0, "2 ['a b']\n")


@pytest.mark.parametrize("text", ["raise ImportError('no')", "raise SystemExit(5)", "import nothing_here", "1 / 0"])
def test_failed_import_is_reported_by_the_call(place: Place, text: str) -> None:
    (place.root / "modules" / "backend.py").write_text(f"import sys\nsys.path.append('left')\n{text}\n")
    server = place.start("backend")
    status, said = place.call(
        server, "import sys; assert 'backend' not in sys.modules and 'left' not in sys.path; import backend"
    )
    assert status != 0
    assert "AssertionError" not in said


def test_missing_module_is_no_server_fault(place: Place) -> None:
    assert place.call(place.start("nowhere.at_all"), "print('fine')") == (0, "fine\n")


def test_changes_by_one_call_do_not_reach_the_next(place: Place) -> None:
    server = place.start()
    changes = (
        "import os, sys; os.chdir('/'); os.environ['X'] = 'y'; sys.path.clear(); import builtins; builtins.print = None"
    )
    assert place.call(server, changes)[0] == 0
    assert place.call(server, "import os; print(os.getcwd(), os.environ.get('X'))") == (0, f"{place.root} None\n")


def test_module_added_between_calls_is_found(place: Place) -> None:
    server = place.start()
    assert place.call(server, "import later")[0] == 1
    (place.root / "modules" / "later.py").write_text("")
    assert place.call(server, "import later")[0] == 0


def test_waiting_caller_can_end_a_call_and_its_children(place: Place) -> None:
    server = place.start()
    script = place.script(
        "import subprocess, time\nprint(subprocess.Popen(['sleep', '60']).pid, flush=True)\ntime.sleep(60)\n"
    )
    caught: list[BaseException] = []

    def work() -> None:
        try:
            server.call([script], {}, place.said.append, None)
        except Halted as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert until(place.log.read_text)
    place.children.halt()
    thread.join(60)
    assert len(caught) == 1
    server.close()
    assert until_gone(int(place.log.read_text()))


def test_processes_left_by_a_call_end_with_the_server(place: Place) -> None:
    server = place.start()
    status, said = place.call(server, "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)")
    assert status == 0
    server.close()
    assert until_gone(int(said))


def test_signal_resistant_server_exits_by_itself(place: Place) -> None:
    (place.root / "modules" / "backend.py").write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
    server = place.start("backend")
    status, said = place.call(server, "import os; print(os.getppid())")
    assert status == 0
    server.close()
    assert server._worker._child.returncode == 0  # and was not killed
    assert until_gone(int(said))


def test_killed_server_is_a_failed_call(place: Place) -> None:
    server = place.start()
    status, _ = place.call(server, "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    assert status == -signal.SIGKILL


def test_interpreter_that_does_not_start_is_a_failed_call(place: Place) -> None:
    broken = place.root / "python"
    broken.write_text("#!/bin/sh\necho no home >&2\nexit 3\n")
    broken.chmod(0o755)
    server = place.start(python=str(broken))
    assert place.call(server, "")[0] == 3
    assert place.said == [b"no home\n"]


@pytest.mark.parametrize("python", sorted(pythons.pythons().values()))
def test_every_target_python_can_serve(place: Place, python: str) -> None:
    server = place.start("json", python)
    text = "import sys; print(sys.version_info[:2], 'json' in sys.modules, __name__)"
    status, said = place.call(server, text)
    assert status == 0
    assert said.endswith("True __main__\n")


def test_server_imports_nothing_of_commonwheel(place: Place) -> None:
    folder = os.path.dirname(hook_server.__file__)
    status, said = place.call(place.start(), "import sys; print('\\n'.join(sys.path)); import builder")
    assert status == 1
    assert folder not in said.splitlines()


def test_each_call_has_its_own_variables(place: Place) -> None:
    server = place.start()
    tells = place.script("import os; print(os.environ.get('A'), os.environ.get('B'))")
    for environ in ({"A": "1=2 é", "B": ""}, {}):
        assert server.call([tells], environ, place.said.append, None) == 0
    assert place.log.read_text() == "1=2 é \nNone None\n"


def wait_until_it_waits(server: Server) -> None:
    """Return when a server has started, and reads what it is to load: nothing is there yet that it could find."""
    process = server._worker._child.pid
    assert until(lambda: os.readlink(f"/proc/{process}/fd/0") == os.devnull)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Make an environment of the standard library's, with nothing in it; return the path of its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    (found,) = (tmp_path / "env").glob("lib/python*/site-packages")
    return found


def test_packages_installed_after_the_start_are_visible(place: Place, built: Path) -> None:
    """The interpreter is started while its environment is filled: `.pth` files, too, count as they do at any start."""
    import json

    python = str(place.root / "env" / "bin" / "python")
    variables = {"PATH": os.environ["PATH"]}
    server = place.children.serve(python, cwd=str(place.root), env=variables, log=str(place.log))
    assert server is not None
    place.servers.append(server)
    wait_until_it_waits(server)
    (built / "elsewhere").mkdir()
    (built / "elsewhere" / "far.py").write_text("")
    (built / "shim.py").write_text("import sys\nsys.shims = getattr(sys, 'shims', 0) + 1\n")
    (built / "a.pth").write_text("elsewhere\nimport shim\n")
    (built / "backend.py").write_text("import sys\nassert sys.shims == 1\nimport far\n")
    server.load("backend", more=True)
    text = TELLS.replace("import glob", "import backend, glob")
    status, said = place.call(server, text)
    plain = subprocess.run(
        [python, place.script(text)],
        cwd=place.root, env=variables, capture_output=True, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    assert status == 0
    mine, theirs = json.loads(said), json.loads(plain.stdout)
    assert "shim" in theirs["loaded"]
    assert mine == theirs


def test_startup_work_is_not_repeated(place: Place, built: Path) -> None:
    (built / "shim.py").write_text("")
    (built / "a.pth").write_text("import sys; sys.shims = getattr(sys, 'shims', 0) + 1\n")
    python, text = str(place.root / "env" / "bin" / "python"), "import sys; print(sys.shims)"
    plain = subprocess.run([python, "-c", text], capture_output=True, text=True, check=True)  # some do it twice
    assert place.call(place.start("shim", python), text) == (0, plain.stdout)
