"""A machine to throw away: everything of this one, under a layer in memory that takes every change, with shells of several users.

    with machine("you", "alice") as here:
        here.write("/etc/cw/cw.toml", 'layers = ["/srv/cw"]')
        here.shell("alice").run("cw venv && cw pip install demo")

`/etc`, `/srv`, users and groups can be changed freely: nothing of it is left on this machine. Every user has `cw` on PATH.
Needs root. The network is the one of this machine.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit import mounts
from kit.users import user_path, user_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Where the machine has what users run of this repository.
LIBRARY = "/usr/local/lib/commonwheel"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FIRST_UID = 47_000
# not chroot: the kernel allows no user namespaces to a process that is in one
_ENTER = 'pivot_root . mnt && umount -l /mnt && cd / && exec "$@"'
_END = "\x02end of command\x03"


@dataclass(frozen=True)
class Done:
    """A command that came to its end: exit status, and what it wrote to both streams."""

    command: str
    code: int
    output: str


class Shell:
    """A bash of one user, which keeps its directory and its variables from command to command."""

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def run(self, command: str, timeout: float = 120) -> Done:
        """Run a command to its end. TimeoutError: it takes longer than so many seconds; EOFError: it ended the shell."""
        assert self._process.stdin is not None
        text = f'{{ {command}\n}} 2>&1 </dev/null; echo "{_END}$?"\n'
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()
        output = self._read(command, time.monotonic() + timeout)
        said, _, code = output.rpartition(_END)
        return Done(command, int(code), said)

    def _read(self, command: str, deadline: float) -> str:
        assert self._process.stdout is not None
        heard = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not (heard.endswith(b"\n") and _END.encode() in heard):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"{command}\n{heard.decode(errors='replace')}")
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise EOFError(f"{command}\n{heard.decode(errors='replace')}")
                heard += piece
        return heard.decode(errors="replace")

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class Machine:
    """The machine whose root directory is `root`, as this machine names it; `layers` are the directories that it is made of."""

    def __init__(self, root: str, layers: str) -> None:
        self.root = root
        self.layers = layers
        self._shells: dict[str, Shell] = {}

    def shell(self, user: str = "root") -> Shell:
        """Return the shell of a user, always the same one; it starts at home."""
        if user not in self._shells:
            home = "/root" if user == "root" else f"/home/{user}"
            variables = (f"HOME={home}", f"USER={user}", f"LOGNAME={user}", f"PATH={PATH}", "LANG=C.UTF-8")
            as_user = () if user == "root" else ("runuser", "-u", user, "--")
            words = ("sh", "-c", _ENTER, "sh", *as_user, "env", "-i", *variables, "bash", "--norc", "--noprofile")
            words = ("unshare", "--mount", "--propagation", "slave", "env", "-C", self.root, *words)
            self._shells[user] = Shell(words)
            self._shells[user].run(f"cd {home}")
        return self._shells[user]

    def path(self, path: str) -> str:
        """Return the path by which this machine reaches an absolute path of the other."""
        return self.root + path

    def write(self, path: str, text: str, *, mode: int = 0o644, like: str = "") -> None:
        """Write a file and the directories that it needs; it belongs to the owner of the path `like`, to root without it."""
        real = self.path(path)
        made = [real]
        while not os.path.isdir(directory := os.path.dirname(made[-1])):
            made.append(directory)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(real, mode)
        if like:
            owner = os.stat(self.path(like))
            for one in made:
                os.chown(one, owner.st_uid, owner.st_gid)

    def close(self) -> None:
        """End all shells."""
        for shell in self._shells.values():
            shell.close()


@contextlib.contextmanager
def machine(*people: str, on: Machine | None = None, index: str = "", bare: bool = False) -> Iterator[Machine]:
    """Give a machine with these ordinary users; `index` is the URL that its pip is configured with.

    A `bare` one has no `cw`, and its pip is configured as that of this machine. One that stands `on` another has what that one has now.
    """
    # the layers of the other, not its root: the kernel stacks no more than two overlays
    lower, etc = (on.layers, on.path("/etc")) if on else ("/", "/etc")
    with contextlib.ExitStack() as stack:
        place = tempfile.mkdtemp(prefix="cw-machine-")
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        layer = stack.enter_context(mounts.tmpfs(f"{place}/layer", "4g"))
        root = stack.enter_context(mounts.overlay_in(layer, lower, f"{place}/root"))
        # so that what is mounted later is seen in shells that run already
        subprocess.run(("mount", "--make-shared", root), check=True)
        for point in ("/dev", "/proc"):
            stack.enter_context(mounts.bind(point, root + point))
        for point in ("/tmp", "/dev/shm"):
            stack.enter_context(mounts.tmpfs(root + point, "1g"))
            os.chmod(root + point, 0o1777)
        # a copy: what other tests do to users of this machine meanwhile, and their locks, would shine through the layer
        stack.enter_context(mounts.tmpfs(f"{root}/etc", "64m"))
        os.chmod(f"{root}/etc", 0o755)
        # a file that goes meanwhile is one of those locks
        subprocess.run(("cp", "-a", f"{etc}/.", f"{root}/etc"), check=False, stderr=subprocess.DEVNULL)
        found = Machine(root, f"{layer}/upper:{lower}")
        source = os.path.dirname(user_path().split(os.pathsep)[0])
        stack.enter_context(mounts.bind(source, root + LIBRARY))
        stack.callback(found.close)
        if not bare:
            _furnish(found, index)
        # numbers that no user of this machine gets: a test that removes its own ends what runs under the same number
        for number, name in enumerate(people, FIRST_UID):
            words = ("useradd", "-m", "-s", "/bin/bash", "-u", str(number), name)
            subprocess.run(("chroot", root, *words), check=True)
        yield found


def _furnish(found: Machine, index: str) -> None:
    for path in ("/etc/xdg/pip", "/etc/xdg/cw", "/etc/cw", "/root/.config", "/root/.cache"):
        shutil.rmtree(found.path(path), ignore_errors=True)
    locks = [f"/etc/{name}.lock" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")]
    for path in ("/usr/local/bin/cw", "/usr/local/bin/uv", *locks):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(found.path(path))
    lines = [
        f"#!{user_python()} -Es",
        "import sys",
        f'sys.path[:0] = ["{LIBRARY}/src", "{LIBRARY}/site"]',
        "from commonwheel.cli import run",
        "sys.exit(run())",
    ]
    found.write("/usr/local/bin/cw", "\n".join(lines) + "\n", mode=0o755)
    found.write("/etc/pip.conf", f"[global]\nindex-url = {index}\n" if index else "[global]\nno-index = true\n")
