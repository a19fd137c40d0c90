"""Try an installed cw, without a network: from a directory of wheels into an environment of its own, and that one does the main job.

Usage: python tools/smoke.py DIRECTORY, where the wheels of cw and of everything it needs are. Exit status 0: it works.
"""

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile


def make_wheel(directory: str) -> None:
    """Write a wheel of one module and one script, to be installed."""
    info = "smoke-1.0.dist-info"
    files = {
        "smoke.py": "def main():\n    print('smoke 1.0')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: smoke\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: smoke\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nsmoke = smoke:main\n",
    }
    rows = [f"{name},sha256={digest(text)},{len(text)}\n" for name, text in files.items()]
    files[f"{info}/RECORD"] = "".join((*rows, f"{info}/RECORD,,\n"))
    with zipfile.ZipFile(os.path.join(directory, "smoke-1.0-py3-none-any.whl"), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def digest(text: str) -> str:
    """Return the sha256 of a text as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def run(*words: str, cwd: str, **environ: str) -> str:
    """Show and run a command, which has to succeed; return its output."""
    print("$", " ".join(words), flush=True)
    # an environment that is active here is none of its business
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    done = subprocess.run(words, cwd=cwd, env={**kept, **environ}, text=True, stdout=subprocess.PIPE, check=True)
    print(done.stdout, end="", flush=True)
    return done.stdout


def main() -> int:
    """Install and try; return 0, or raise what went wrong."""
    wheels = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="cw smoke ") as place:
        place = os.path.realpath(place)
        make_wheel(place)
        programs = os.path.join(place, "tool", "Scripts" if os.name == "nt" else "bin")
        cw, home = os.path.join(programs, "cw"), {"CW_CACHE_DIR": os.path.join(place, "store")}
        run(sys.executable, "-m", "venv", "tool", cwd=place)
        install = ("-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheels, "commonwheel")
        run(os.path.join(programs, "python"), *install, cwd=place)
        run(cw, "--version", cwd=place)
        run(cw, "venv", "--python", sys.executable, cwd=place, **home)
        run(cw, "pip", "install", "--no-index", "--find-links", place, "smoke", cwd=place, **home)
        assert run(os.path.join(place, ".venv", "bin", "smoke"), cwd=place) == "smoke 1.0\n"
        run(
            cw,
            "pip",
            "install",
            "--no-index",
            "--find-links",
            place,
            "--link-mode",
            "fold",
            "--reinstall",
            "smoke",
            cwd=place,
            **home,
        )
        assert run(os.path.join(place, ".venv", "bin", "smoke"), cwd=place) == "smoke 1.0\n"
        assert "smoke==1.0" in run(cw, "pip", "freeze", cwd=place, **home)
        run(cw, "env", "undo", cwd=place, **home)
        run(cw, "verify", cwd=place, **home)
        run(cw, "pip", "uninstall", "smoke", cwd=place, **home)
        run(cw, "cache", "verify", cwd=place, **home)
        run(cw, "doctor", cwd=place, **home)
    print("It works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
