"""Install source distributions of real projects with cw, uv and pip, and compare what is installed, file by file.

    python tools/compare_sdists.py [--index URL] [--python PYTHON] [--keep DIRECTORY] [PROJECT[==VERSION]...]

Each tool builds each project in a fresh environment and a fresh cache of its own (`--no-binary`, without dependencies). Compared
are the paths, and the bytes of all that is not compiled: an extension module holds the path of the directory it was built in.
Left out is what an installer writes for itself (RECORD, INSTALLER, REQUESTED, uv's cache notes) and bytecode.

Prints a table in Markdown, and what differs; the exit status is 1 if anything differs that is not explained below. Needs the network,
a C compiler, and `cw`, `uv` and `pip` beside this Python or on the PATH.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

# name, its build backend as its authors chose it, and what it tries
PROJECTS = (
    ("iniconfig", "hatchling, hatch-vcs", "a version from a plugin"),
    ("attrs", "hatchling", "metadata from plugins"),
    ("tomli", "flit_core", "the smallest backend"),
    ("tomlkit", "poetry-core", ""),
    ("findpython", "pdm-backend", "a version from a tag"),
    ("docopt", "setuptools, legacy", "setup.py and nothing else; no wheel on the index"),
    ("markupsafe", "setuptools", "a C extension"),
    ("wrapt", "setuptools", "a C extension"),
    ("pyyaml", "in the tree", "`backend-path`, requirements asked of the backend, Cython"),
    ("psutil", "setuptools", "C extensions, a build for the stable ABI"),
    ("meson-python", "in the tree", "a backend that builds itself"),
    ("pybind11", "scikit-build-core", "CMake"),
)
_OWN = re.compile(
    r"\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json|cw_source\.txt)$"
)
_COMPILED = (".so", ".pyd", ".dylib", ".a")


def program(name: str) -> str:
    """Return where a tool is: beside this Python, else on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    found = beside if os.path.exists(beside) else shutil.which(name)
    if found is None:
        sys.exit(f"`{name}` was not found")
    return found


def commands(environment: str, cache: str, project: str, index: str) -> "dict[str, list[str]]":
    """Return the words with which each tool installs a project from source."""
    name = project.partition("==")[0]
    python = f"{environment}/bin/python"
    common = ["--no-deps", "--no-binary", name, project]
    uv_index = ["--default-index", index] if index else []
    pip_index = ["--index-url", index] if index else []
    return {
        "cw": [program("cw"), "--cache-dir", cache, "pip", "install", "-p", python, *uv_index, *common],
        "uv": [program("uv"), "--cache-dir", cache, "pip", "install", "-p", python, *uv_index, *common],
        "pip": [program("pip"), "--cache-dir", cache, "--python", python, "install", *pip_index, *common],
    }


def installed(environment: str) -> "dict[str, str]":
    """Return what lies in an environment: path -> hash, or a word for what cannot be compared."""
    found = {}
    for folder, _, files in os.walk(environment, followlinks=True):
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, environment).replace("lib64/", "lib/", 1)
            if name.endswith((".pyc", *_COMPILED)) or _OWN.search(name) or name.startswith((".cw/", ".lock")):
                if name.endswith(_COMPILED):
                    found[name] = "compiled"
                continue
            with open(path, "rb") as stream:
                data = stream.read()
            # scripts name the environment's own interpreter
            found[name] = hashlib.sha256(data.replace(os.fsencode(environment), b"ENVIRONMENT")).hexdigest()
    return found


def try_one(tool: str, project: str, index: str, python: str, root: str) -> "tuple[dict[str, str], float]":
    """Install a project with one tool; return what it added to its environment, and the seconds it took."""
    environment, cache = os.path.join(root, "environment"), os.path.join(root, "cache")
    subprocess.run([program("cw"), "venv", "-q", "-p", python, environment], check=True, env=_environ())
    before = installed(environment)
    words = commands(environment, cache, project, index)[tool]
    started = time.perf_counter()
    done = subprocess.run(words, env=_environ(), capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{tool} could not install {project}:\n{done.stdout}\n{done.stderr}")
    return {name: digest for name, digest in installed(environment).items() if before.get(name) != digest}, took


def _environ() -> "dict[str, str]":
    return {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")}


def differences(found: "dict[str, dict[str, str]]") -> "list[str]":
    """Return a line for each path that the tools do not agree on."""
    lines = []
    for path in sorted(set().union(*found.values())):
        seen = {tool: files.get(path, "") for tool, files in found.items()}
        if len(set(seen.values())) > 1:
            lines.append(f"{path}: " + ", ".join(f"{tool} {digest[:8] or 'has none'}" for tool, digest in seen.items()))
    return lines


def explained(line: str) -> bool:
    """Return whether a difference is known and intended (docs/sources.md)."""
    path = line.partition(": ")[0]
    # pip's own way to write the scripts of entry points; uv and cw write the same
    return path.startswith("bin/")


def main() -> int:
    """Compare all projects."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--index", default="", help="ask this index, all three of them")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", help="work in this directory and leave it")
    parser.add_argument("projects", nargs="*")
    given = parser.parse_args()
    wanted = [(name, "", "") for name in given.projects] or list(PROJECTS)
    root = given.keep or tempfile.mkdtemp(prefix="compare-")
    unexplained = 0
    print("| project | backend | what it tries | files | cw | uv | pip | differences |")
    print("|---|---|---|---|---|---|---|---|")
    told = []
    for project, backend, about in wanted:
        found, seconds = {}, {}
        for tool in ("cw", "uv", "pip"):
            place = os.path.join(root, project, tool)
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)
            found[tool], seconds[tool] = try_one(tool, project, given.index, given.python, os.path.realpath(place))
        lines = differences(found)
        bad = [line for line in lines if not explained(line)]
        unexplained += len(bad)
        told += [f"{project}: {line}" for line in lines]
        times = " | ".join(f"{seconds[tool]:.1f} s" for tool in ("cw", "uv", "pip"))
        verdict = (
            "none" if not lines else f"{len(bad)} of {len(lines)} unexplained" if bad else f"{len(lines)}, explained"
        )
        print(f"| {project} | {backend} | {about} | {len(found['cw'])} | {times} | {verdict} |", flush=True)
    print(*("", *told), sep="\n")
    if not given.keep:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
