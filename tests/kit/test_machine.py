import os
import pwd

import pytest

from kit.machine import machine

pytestmark = [pytest.mark.root, pytest.mark.alone]


def test_changes_are_invisible_outside() -> None:
    with machine("throwaway") as here:
        done = here.shell().run(
            "echo x > /etc/throwaway && mkdir /srv/throwaway && touch /tmp/throwaway && groupadd throwaway-2"
        )
        assert done.code == 0, done.output
        assert here.shell("throwaway").run("id -un; pwd").output == "throwaway\n/home/throwaway\n"
        for path in ("/etc/throwaway", "/srv/throwaway", "/tmp/throwaway", "/home/throwaway"):
            assert not os.path.exists(path)
        with pytest.raises(KeyError):
            pwd.getpwnam("throwaway")
    with open("/proc/mounts", encoding="utf-8") as mounts:
        assert here.root not in mounts.read()


def test_shell_keeps_directory_variables_and_exit_status() -> None:
    with machine() as here:
        shell = here.shell()
        shell.run("cd /srv; export NAME=value")
        assert shell.run("pwd; echo $NAME >&2; false").output == "/srv\nvalue\n"
        assert shell.run("(exit 7)").code == 7
        with pytest.raises(TimeoutError):
            shell.run("sleep 5", timeout=0.05)


def test_layered_machine_leaves_its_base_unchanged() -> None:
    with machine() as lower:
        lower.write("/opt/from-below", "1")
        with machine(on=lower) as upper:
            assert upper.shell().run("cat /opt/from-below && rm /opt/from-below").output == "1"
        assert lower.shell().run("cat /opt/from-below").output == "1"
