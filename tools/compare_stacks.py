"""Install whole stacks of real packages with cw and with uv, and compare what comes out.

Usage: .venv/bin/python tools/compare_stacks.py [--python PYTHON]... [--stack NAME]... [--cw-index URL] [--keep DIRECTORY] [--markdown FILE]

For each stack and Python, with each tool: an environment, the versions of a day some time ago, an import of every module,
an upgrade to what is new, the frozen list synced into a second environment, and all of it uninstalled. After each step
both tools must have frozen the same list. At last both compile the stack's requirements: the texts must be the same, and of a
universal compilation the pins, with markers that mean the same. `--cw-index` names the index for cw where pip's configuration
adds to what uv asks. Exit status 1 when anything differs or fails. Gigabytes are fetched; a bounded version runs with the tests.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time

from packaging.requirements import Requirement

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.dirname(os.path.abspath(sys.executable))
THEN = "2025-09-01"
YESTERDAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))

COMPILATIONS = {
    "compile": [],
    "compile --generate-hashes": ["--generate-hashes"],
    "compile --universal": ["--universal"],
}

# name -> requirements, modules to import
STACKS = {
    "web": (
        """
        django>=4.2
        djangorestframework
        flask[async]
        flask-sqlalchemy
        fastapi[standard]
        uvicorn[standard] ; sys_platform != "win32"
        gunicorn
        sqlalchemy[asyncio]>=2
        alembic
        psycopg[binary]
        celery[redis]
        httpx[http2]
        aiohttp
        pydantic-settings
        boto3
        sentry-sdk
        pytest
        """,
        "django rest_framework flask flask_sqlalchemy fastapi uvicorn gunicorn sqlalchemy alembic psycopg celery httpx aiohttp pydantic_settings boto3 sentry_sdk pytest",
    ),
    "notebook": (
        """
        jupyterlab
        notebook
        ipywidgets
        jupytext
        nbconvert
        matplotlib
        seaborn
        altair
        """,
        "jupyterlab notebook ipywidgets jupytext nbconvert matplotlib seaborn altair",
    ),
    "science": (
        """
        numpy
        scipy
        pandas[excel,plot]
        polars
        scikit-learn
        scikit-image
        statsmodels
        matplotlib
        seaborn
        plotly
        bokeh
        xarray[accel,io,parallel]
        dask[complete]
        numba
        sympy
        networkx[default]
        h5py
        tables
        zarr
        astropy
        nltk
        jupyterlab
        papermill
        mlflow-skinny
        optuna
        lightgbm
        geopandas
        rasterio
        """,
        "numpy scipy pandas polars sklearn skimage statsmodels matplotlib seaborn plotly bokeh xarray dask numba sympy networkx h5py tables zarr astropy nltk jupyterlab papermill mlflow optuna lightgbm geopandas rasterio",
    ),
}


class Tool:
    """cw or uv, with a cache of its own for all stacks, in a directory of its own for each."""

    def __init__(self, name: str, directory: str, place: str, index: str) -> None:
        self.name = name
        self.directory = os.path.join(place, name)
        self.index = ["--default-index", index] if name == "cw" and index else []
        os.makedirs(self.directory, exist_ok=True)
        self.environ = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
        self.environ |= {
            "CW_CACHE_DIR": os.path.join(directory, "cache-cw"),
            "UV_CACHE_DIR": os.path.join(directory, "cache-uv"),
            "UV_LINK_MODE": "hardlink",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_HTTP_TIMEOUT": "120",
        }
        self.environ.pop("CW_LINK_MODE", None)

    def run(self, *words: str) -> "tuple[str, float]":
        """Run a command; return its output and how long it took. Raises RuntimeError with what it said."""
        started = time.monotonic()
        done = subprocess.run(
            [os.path.join(BIN, self.name), *words],
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{self.name} {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done.stdout, time.monotonic() - started

    def install(self, environment: str, file: str, *more: str) -> float:
        """Install a requirements file."""
        return self.run("pip", "install", "-p", self.python(environment), *self.index, "-r", file, *more)[1]

    def freeze(self, environment: str) -> "list[str]":
        """Return what is installed."""
        return sorted(self.run("pip", "freeze", "-p", self.python(environment))[0].split("\n"))

    def python(self, environment: str) -> str:
        """Return the interpreter of an environment."""
        return os.path.join(self.directory, environment, "bin", "python")

    def imports(self, environment: str, modules: str) -> None:
        """Import modules; raises RuntimeError with the traceback."""
        code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
        environ = {**self.environ, "MPLBACKEND": "agg", "DJANGO_SETTINGS_MODULE": ""}
        done = subprocess.run(
            [self.python(environment), "-W", "ignore", "-c", code, *modules.split()],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr[-3000:]}")


def version_of(python: str) -> str:
    """Return the version of an interpreter."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def compare(stack: str, python: str, directory: str, index: str) -> "tuple[bool, list[str]]":
    """Take both tools through the life of a stack; return whether all was alike, and lines of a table."""
    text, modules = STACKS[stack]
    version = version_of(python)
    place = os.path.join(directory, f"{stack}-{version}")
    file = os.path.join(place, "requirements.in")
    os.makedirs(place, exist_ok=True)
    with open(file, "w", encoding="utf-8") as stream:
        stream.writelines(line.strip() + "\n" for line in text.strip().splitlines())
    tools = [Tool(name, directory, place, index) for name in ("uv", "cw")]
    for tool in tools:
        for environment in ("one", "two"):
            tool.run("venv", "--clear", "-p", python, environment)
    lines: list[str] = []
    good = True

    def step(name: str, do) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        nonlocal good
        took = {tool.name: do(tool) for tool in tools}
        lists = [tool.freeze("two" if name.startswith("sync") else "one") for tool in tools]
        same = lists[0] == lists[1]
        good &= same
        packages = len([line for line in lists[1] if line])
        lines.append(row(stack, version, name, packages, same))
        print(lines[-1], f"{took['uv']:.1f} s, {took['cw']:.1f} s", flush=True)
        if not same:
            print(
                "  only uv:",
                sorted(set(lists[0]) - set(lists[1])),
                "\n  only cw:",
                sorted(set(lists[1]) - set(lists[0])),
                flush=True,
            )

    step(f"install, versions of {THEN}", lambda tool: tool.install("one", file, "--exclude-newer", THEN))
    for tool in tools:
        tool.imports("one", modules)
        tool.run("pip", "check", "-p", tool.python("one"))
    step("install again", lambda tool: tool.install("one", file))
    step("upgrade", lambda tool: tool.install("one", file, "--upgrade"))
    for tool in tools:
        tool.imports("one", modules)
        tool.run("pip", "check", "-p", tool.python("one"))
        with open(os.path.join(tool.directory, "frozen.txt"), "w", encoding="utf-8") as stream:
            stream.write("\n".join(tool.freeze("one")))
    step(
        "sync the frozen list elsewhere",
        lambda tool: tool.run("pip", "sync", "-p", tool.python("two"), *tool.index, "frozen.txt")[1],
    )
    for tool in tools:
        tool.imports("two", modules)
    step("uninstall", lambda tool: tool.run("pip", "uninstall", "-p", tool.python("one"), "-r", "frozen.txt")[1])
    good = all(map(is_empty, tools)) and good
    for name, options in COMPILATIONS.items():
        same, count = compiled(tools, python, file, options)
        good &= same
        lines.append(row(stack, version, name, count, same))
        print(lines[-1], flush=True)
    return good, lines


def row(stack: str, version: str, name: str, packages: int, same: bool) -> str:
    """Return a line of the table."""
    return f"| {stack} | {version} | {name} | {packages} | {'the same' if same else 'DIFFERENT'} |"


def is_empty(tool: Tool) -> bool:
    """Return whether nothing is left in an environment after everything was uninstalled."""
    site = os.path.join(tool.directory, "one", "lib")
    left = [
        name
        for at, _, files in os.walk(site)
        for name in files
        if not name.startswith("_virtualenv") and ".cw" not in at
    ]
    if left:
        print(f"  {tool.name} left: {left[:10]}", flush=True)
    return not left


def compiled(tools: "list[Tool]", python: str, file: str, options: "list[str]") -> "tuple[bool, int]":
    """Compile a requirements file with both tools; return whether it comes to the same, and how many pins there are."""
    texts = [
        tool.run(
            "pip", "compile", "-p", python, *tool.index, "--no-header", "--exclude-newer", YESTERDAY, *options, file
        )[0]
        for tool in tools
    ]
    same = alike(*texts) if "--universal" in options else texts[0] == texts[1]
    return same, len(pins(texts[1]))


def pins(text: str) -> "list[Requirement]":
    """Return the pins of a compiled text."""
    return [Requirement(line.partition(" \\")[0]) for line in text.splitlines() if line and line[0] not in "# "]


def alike(one: str, other: str) -> bool:
    """Return whether two universal compilations have the same pins in every environment; their markers may be written differently."""
    pythons = [f"3.{minor}" for minor in range(11, 16)]
    systems = [
        {"sys_platform": name, "os_name": kind, "platform_system": system}
        for name, kind, system in (
            ("linux", "posix", "Linux"), ("darwin", "posix", "Darwin"), ("win32", "nt", "Windows"), ("cygwin", "posix", ""), ("emscripten", "posix", ""),
        )
    ]  # fmt: skip
    machines = ["x86_64", "aarch64", "arm64", "AMD64", "ppc64le"]
    implementations = [("cpython", "CPython"), ("pypy", "PyPy")]
    both = [pins(one), pins(other)]
    for python, system, machine, (name, title) in itertools.product(pythons, systems, machines, implementations):
        world = {
            **system, "python_version": python, "python_full_version": f"{python}.1", "implementation_version": f"{python}.1",
            "platform_machine": machine, "implementation_name": name, "platform_python_implementation": title,
            "platform_release": "", "platform_version": "",
        }  # fmt: skip
        there = [
            {f"{p.name}{p.specifier}" for p in some if p.marker is None or p.marker.evaluate(world)} for some in both
        ]
        if there[0] != there[1]:
            print(f"  in {world}:\n  only uv: {there[0] - there[1]}\n  only cw: {there[1] - there[0]}", flush=True)
            return False
    return True


def main() -> int:
    """Compare what was asked for; return 0 when everything was alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="an interpreter (default: this one)")
    parser.add_argument("--stack", action="append", choices=list(STACKS), help="default: all")
    parser.add_argument("--cw-index", default="", help="the index that cw is to ask")
    parser.add_argument("--keep", default="", help="work in this directory and leave it")
    parser.add_argument("--markdown", default="", help="write the table to this file")
    given = parser.parse_args()
    directory = given.keep or tempfile.mkdtemp(prefix="stacks-")
    good = True
    table = ["| stack | Python | step | packages | results |", "|---|---|---|---|---|"]
    try:
        for stack in given.stack or STACKS:
            for python in given.python or [sys.executable]:
                alike, lines = compare(stack, python, directory, given.cw_index)
                good &= alike
                table += lines
    finally:
        if not given.keep:
            shutil.rmtree(directory, ignore_errors=True)
    if given.markdown:
        with open(given.markdown, "w", encoding="utf-8") as stream:
            stream.write("\n".join(table) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
