"""install/bytecode.py and the worker that it runs inside other interpreters."""

from __future__ import annotations

import glob
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commonwheel.events import Silence
from commonwheel.install import bytecode, changeset, plan, transaction
from commonwheel.install.bytecode import CompileFailed
from commonwheel.model import Environment
from kit.shelf import Shelf, environment, installed, pins


def furnish(tmp_path: Path, mode: str = "copy") -> tuple[Environment, Shelf, list[str]]:
    env = environment(str(tmp_path / "env"))
    env = env.replaced(interpreter=env.interpreter.replaced(executable=sys.executable))
    shelf = Shelf(str(tmp_path / "store"))
    files = {"one/__init__.py": "x = 1\n", "one/bad.py": "x = (\n", "one/data.txt": "", "mod.py": "y = 2\n"}
    entry = shelf.add("one", "1.0", files)
    transaction.apply(env, changeset.make(env, plan.make((), pins(entry)), {"one": entry}, shelf, link_mode=mode))
    return env, shelf, [one.location for one in installed(env)]


def test_target_interpreter_compiles_modules(tmp_path: Path) -> None:
    env, shelf, locations = furnish(tmp_path)
    assert bytecode.compile_quietly(env.interpreter, bytecode.modules(locations), Silence()).count == 2
    site = env.paths["purelib"]
    compiled = importlib.util.cache_from_source(f"{site}/one/__init__.py")
    assert os.path.exists(compiled)
    assert ".pyc" not in Path(locations[0], "RECORD").read_text()
    ran = subprocess.run(
        [sys.executable, "-v", "-c", "import one"], env={"PYTHONPATH": site}, capture_output=True, text=True, check=True
    )
    assert f"{compiled} matches" in ran.stderr
    wanted = plan.removal(installed(env), ["one"])
    transaction.apply(env, changeset.make(env, wanted, {}, shelf))
    assert os.listdir(site) == []


@pytest.mark.parametrize(("mode", "flags"), [("timestamp", 0), ("checked-hash", 3), ("unchecked-hash", 1)])
def test_invalidation_mode_is_respected(tmp_path: Path, mode: str, flags: int) -> None:
    env, _, locations = furnish(tmp_path)
    paths = bytecode.modules(locations)
    done = bytecode.compile_all(env.interpreter, paths, Silence(), mode=mode, count=1)
    assert done.count == 2
    assert [os.path.basename(path) for path, _ in done.failed] == ["bad.py"]
    data = Path(importlib.util.cache_from_source(paths[0])).read_bytes()
    assert int.from_bytes(data[4:8], "little") == flags


def test_linked_store_files_are_not_compiled(tmp_path: Path) -> None:
    env, _, locations = furnish(tmp_path, "fold")
    loose = bytecode.modules(locations)
    assert [os.path.basename(path) for path in loose] == ["mod.py"]
    assert bytecode.compile_quietly(env.interpreter, bytecode.modules(locations), Silence()).count == 1
    assert not glob.glob(f"{tmp_path}/store/**/__pycache__", recursive=True)


def test_hanging_or_dead_worker_is_an_error(tmp_path: Path) -> None:
    env, _, locations = furnish(tmp_path)
    paths = bytecode.modules(locations)
    for body, message in (("sleep 60", "took longer than 0.2 seconds"), ("echo why >&2; exit 3", "ended")):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        broken = env.replaced(interpreter=env.interpreter.replaced(executable=str(program)))
        with pytest.raises(CompileFailed, match=message):
            bytecode.compile_all(broken.interpreter, paths, Silence(), timeout=0.2)
