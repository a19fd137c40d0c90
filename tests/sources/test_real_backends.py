"""Small projects of every backend that people use, built by the real ones: those that the configured index offers today."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kit.cli import Cw
from kit.sdists import write_tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.slow]

MODULE = '"""A module."""\n\n__version__ = "1.0"\n\n\ndef main() -> None:\n    print("hello")\n'
C_MODULE = (
    '#include <Python.h>\nstatic struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_c", 0, -1, 0};\n'
    "PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&module); }\n"
)


def project(name: str, requires: str, backend: str, more: str = "") -> str:
    """Return a static pyproject.toml with a script."""
    return (
        f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\ndescription = "d"\n[project.scripts]\n{name} = "{name}:main"\n{more}'
    )


PURE = {
    "hatchling": ("hatchling", "hatchling.build", ""),
    "flit": ("flit_core>=3.4", "flit_core.buildapi", ""),
    "setuptools": ("setuptools>=64", "setuptools.build_meta", ""),
    "pdm": ("pdm-backend", "pdm.backend", ""),
    "poetry": ("poetry-core>=2", "poetry.core.masonry.api", ""),
    "uv": ("uv_build>=0.9", "uv_build", "src/"),
}
COMPILED = {
    "legacy": {
        "setup.py": 'from setuptools import Extension, setup\nsetup(name="legacy", version="1.0", packages=["legacy"], '
        'ext_modules=[Extension("legacy._c", ["c.c"])], entry_points={"console_scripts": ["legacy=legacy:main"]})\n',
        "legacy/__init__.py": MODULE,
    },
    "scikit": {
        "pyproject.toml": project("scikit", "scikit-build-core", "scikit_build_core.build"),
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(scikit LANGUAGES C)\n"
        "find_package(Python COMPONENTS Interpreter Development.Module REQUIRED)\n"
        "Python_add_library(_c MODULE c.c WITH_SOABI)\ninstall(TARGETS _c DESTINATION scikit)\n",
        "src/scikit/__init__.py": MODULE,
    },
    "meson": {
        "pyproject.toml": project("meson", "meson-python", "mesonpy"),
        "meson.build": "project('meson_', 'c', version: '1.0')\npy = import('python').find_installation(pure: false)\n"
        "py.extension_module('_c', 'c.c', install: true, subdir: 'meson')\n"
        "py.install_sources('meson/__init__.py', subdir: 'meson')\n",
        "meson/__init__.py": MODULE,
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give one store for all, so that each tool is fetched once."""
    return str(tmp_path_factory.mktemp("backends") / "store")


@pytest.fixture
def cw(tmp_path: Path, store: str) -> Cw:
    """Give a user who asks the configured index."""
    # what pip is configured with is what is meant, so that its variables and home are those of the tests
    mine = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_")) or name == "HOME"}
    cw = Cw(str(tmp_path), **mine)
    cw.environ.pop("PIP_CONFIG_FILE")
    cw.environ |= mine
    cw.environ["CW_CACHE_DIR"] = store
    cw("venv", "v").ok()
    return cw


def runs(cw: Cw, name: str, module: str = "") -> None:
    """Hold a project to what it promises: its script, and its compiled module."""
    said = subprocess.run([cw.path("v", "bin", name)], capture_output=True, text=True, check=True)
    assert said.stdout == "hello\n"
    subprocess.run([cw.path("v", "bin", "python"), "-c", f"import {module or name}"], check=True, capture_output=True)


@pytest.mark.parametrize("form", ["directory", "editable", "sdist"])
@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_project(cw: Cw, name: str, form: str) -> None:
    requires, backend, folder = PURE[name]
    write_tree(
        cw.path("p"),
        {"pyproject.toml": project(name, requires, backend), f"{folder}{name}/__init__.py": MODULE, "README.md": ""},
    )
    if form == "sdist":
        cw("build", "-p", "v", "-o", "out", "p").ok()
        assert sorted(os.listdir(cw.path("out")))[1] == f"{name}-1.0.tar.gz"
    words = {"directory": ["./p"], "editable": ["-e", "./p"], "sdist": [f"./out/{name}-1.0.tar.gz"]}[form]
    cw("pip", "install", "-p", "v", *words).ok()
    runs(cw, name)
    assert cw("pip", "freeze", "-p", "v").ok().out.startswith("-e " if form == "editable" else f"{name} @ ")


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("form", ["directory", "editable"])
@pytest.mark.parametrize("name", sorted(COMPILED))
def test_compiled_project(cw: Cw, name: str, form: str) -> None:
    if name == "meson" and form == "editable":
        pytest.skip("its editables build when they are imported, by a ninja that went with the build environment")
    write_tree(cw.path("p"), {**COMPILED[name], "c.c": C_MODULE})
    cw("pip", "install", "-p", "v", *(["-e"] if form == "editable" else []), "./p").ok()
    runs(cw, name, f"{name}._c")


@pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")
def test_rust_program(cw: Cw) -> None:
    write_tree(
        cw.path("p"),
        {
            "pyproject.toml": '[build-system]\nrequires = ["maturin>=1.7"]\nbuild-backend = "maturin"\n'
            '[project]\nname = "rusty"\ndynamic = ["version"]\n[tool.maturin]\nbindings = "bin"\n',
            "Cargo.toml": '[package]\nname = "rusty"\nversion = "1.0.0"\nedition = "2021"\n',
            "src/main.rs": 'fn main() { println!("hello"); }\n',
        },
    )
    cw("pip", "install", "-p", "v", "./p").ok()
    assert (
        subprocess.run([cw.path("v", "bin", "rusty")], capture_output=True, text=True, check=True).stdout == "hello\n"
    )


def test_compiler_error_is_reported(cw: Cw) -> None:
    write_tree(cw.path("p"), {**COMPILED["legacy"], "c.c": "#include <not_there.h>\n"})
    ran = cw("pip", "install", "-p", "v", "./p")
    assert ran.code == 1
    assert "development package that has `not_there.h`" in ran.err
    assert cw("pip", "freeze", "-p", "v").ok().out == ""
