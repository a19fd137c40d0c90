"""Make one file out of cw and everything it needs: `cw.pyz`, for the Python that runs this and its platform.

Usage: python3 tools/zipapp.py [FILE]. The file is made by `pex`, which is fetched into a directory that is removed again; why by that
one is told in docs/decisions/0081-one-file.md. On its first run the file unpacks itself below `~/.cache/pex`, or `PEX_ROOT`.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main() -> int:
    """Write the file and return 0."""
    if sys.version_info < (3, 11):
        print("Commonwheel needs Python 3.11 or newer: make PYTHON=python3.11 zipapp", file=sys.stderr)
        return 1
    target = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "cw.pyz")
    with tempfile.TemporaryDirectory(prefix="cw-zipapp-") as place:
        python = os.path.join(place, "tool", "bin", "python")
        subprocess.run([sys.executable, "-m", "venv", os.path.join(place, "tool")], check=True)
        install = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*install, "pex>=2.50"], check=True)
        # --venv: a start costs what it costs in an environment; --sh-boot: no second Python before it
        how = ["--script", "cw", "--venv", "--sh-boot", "--compile", "--output-file", target]
        environ = {**os.environ, "PEX_ROOT": os.path.join(place, "root")}
        subprocess.run([python, "-m", "pex", ROOT, *how], check=True, env=environ)
    print(
        f"{target}: {os.path.getsize(target) / 1e6:.0f} MB, for Python {sys.version_info[0]}.{sys.version_info[1]} on this platform"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
