"""The main job, from nothing: install cw, and with cw a stack of real packages from the configured index; import them.

Usage: python3 tools/demo.py. Everything happens below `.demo/`; nothing else is touched.
"""

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEMO = os.path.join(ROOT, ".demo")
REQUIREMENTS = """\
# A web framework, a data frame and a terminal toolkit: what people install.
flask>=3
requests[socks]
rich ; python_version >= "3.8"
sqlalchemy
numpy
"""


def step(text: str) -> None:
    """Print what comes next."""
    print(f"\n== {text}", flush=True)


def run(*words: str) -> None:
    """Show a command, run it, and stop the demonstration when it fails."""
    print("$", " ".join(word.replace(DEMO + os.sep, "") for word in words), flush=True)
    subprocess.run(words, check=True, cwd=DEMO, env=ENVIRON)


ENVIRON = {
    **{name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")},
    "CW_CACHE_DIR": os.path.join(DEMO, "store"),
    "CW_NO_PROGRESS": "1",
}


def main() -> int:
    """Run the demonstration and return 0."""
    if sys.version_info < (3, 11):
        print("Commonwheel needs Python 3.11 or newer: make PYTHON=python3.11 demo", file=sys.stderr)
        return 1
    shutil.rmtree(DEMO, ignore_errors=True)
    os.makedirs(DEMO)
    tool = os.path.join(DEMO, "tool")
    cw = os.path.join(tool, "bin", "cw")
    step("Install cw into an environment of its own, with pip")
    run(sys.executable, "-m", "venv", tool)
    run(os.path.join(tool, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT)
    run(cw, "--version")

    step("Create an environment and install a requirements file into it, from the configured index")
    with open(os.path.join(DEMO, "requirements.txt"), "w", encoding="utf-8") as stream:
        stream.write(REQUIREMENTS)
    run(cw, "venv", "first", "--python", sys.executable)
    run(cw, "pip", "install", "--python", "first", "-r", "requirements.txt")

    step("Import what was installed")
    run(
        os.path.join(DEMO, "first", "bin", "python"),
        "-c",
        "import flask, requests, rich, sqlalchemy, numpy; print('imported:', flask.__name__, requests.__version__, sqlalchemy.__version__, numpy.__version__)",
    )

    step("The same again: nothing to do")
    run(cw, "pip", "install", "--python", "first", "-r", "requirements.txt")

    step("A second environment, folded: a link per package, from the store")
    run(cw, "venv", "second", "--python", sys.executable)
    run(cw, "pip", "install", "--python", "second", "--link-mode", "fold", "--offline", "-r", "requirements.txt")
    run(
        os.path.join(DEMO, "second", "bin", "python"),
        "-c",
        "import flask, numpy; print('imported from', flask.__file__)",
    )

    step("Pins with hashes; the second environment made to match them exactly; and that taken back")
    output = ("--generate-hashes", "--quiet", "--output-file", "pins.txt")
    run(cw, "pip", "compile", "--python", "second", *output, "requirements.txt")
    run(cw, "pip", "install", "--python", "second", "attrs")
    run(cw, "pip", "sync", "--python", "second", "pins.txt")
    run(cw, "env", "undo", "--python", "second")

    step("Look at it")
    run(cw, "pip", "list", "--python", "second")
    run(cw, "pip", "check", "--python", "second")
    run(cw, "env", "log", "--python", "second")
    run(cw, "cache", "size", "--human")
    print("\nThe demonstration went through. It lies in .demo/; remove that folder when you are done.")
    print("To keep this cw, install it for yourself with one of these:")
    print("    pipx install .")
    print("    uv tool install .")
    print(f"    mkdir -p ~/.local/bin && ln -sf {cw} ~/.local/bin/cw    # works as long as .demo/ is there")
    print("More ways: docs/install.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
