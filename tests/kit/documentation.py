"""The packages of the documentation: small wheels under the names of real ones, for an index of the kit.

with documentation_index() as index: ...
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING

from kit.index_server import IndexServer
from kit.wheels import wheel_bytes, wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names, versions and requirements of what the index offers.
OFFERED: dict[str, dict[str, list[str]]] = {
    "blinker": {"1.9.0": []},
    "click": {"8.1.8": [], "8.5.1": []},
    "flask": {"2.3.3": ["werkzeug>=2.3.7", "jinja2>=3.1.2", "itsdangerous>=2.1.2", "click>=8.1.3", "blinker>=1.6.2"],
              "3.1.3": ["werkzeug>=3.1", "jinja2>=3.1.2", "itsdangerous>=2.2", "click>=8.1.3", "blinker>=1.9"]},
    "itsdangerous": {"2.2.0": []},
    "jinja2": {"3.1.6": ["markupsafe>=2"]},
    "markupsafe": {"3.0.4": []},
    "werkzeug": {"2.3.8": ["markupsafe>=2.1.1"], "3.1.9": ["markupsafe>=2.1.1"]},
    "requests": {"2.34.2": ["urllib3>=1.26,<3"]},
    "urllib3": {"1.25.11": [], "1.26.20": [], "2.0.7": [], "2.8.0": []},
    "numpy": {"1.26.4": [], "2.4.1": []},
    "pandas": {"2.3.3": ["numpy>=1.26"], "3.0.1": ["numpy>=2"]},
    "scipy": {"1.17.0": ["numpy>=1.26"]},
    "torch": {"2.14.1": []},
    "ipykernel": {"7.1.0": []},
    "acme-tools": {"1.0": []},
    # as on PyPI, where it matters to a conflict that is shown
    "boto3": {"1.10.0": ["botocore>=1.13,<1.14"], "1.43.0": ["botocore>=1.43,<1.44"], "1.20.0": ["botocore>=1.23.0,<1.24.0"], "1.28.60": ["botocore>=1.31.60,<1.32.0"],
              "1.28.62": ["botocore>=1.31.62,<1.32.0"], "1.29.7": ["botocore>=1.32.7,<1.33.0"]},
    "botocore": {"1.13.0": [], "1.43.0": ["urllib3>=1.25.4,<3"], "1.23.0": ["urllib3<1.27,>=1.25.4"], "1.31.61": ["urllib3<1.27,>=1.25.4"],
                 "1.31.62": ["urllib3<2.1,>=1.25.4"], "1.32.7": ["urllib3<2.1,>=1.25.4"]},
    "cowsay": {"6.1": []},
    "pytest": {"8.4.2": []},
    "rich": {"14.1.0": []},
    "hatchling": {"1.27.0": []},
}  # fmt: skip

#: A backend that builds what `cw init` makes: pure Python below `src`, and scripts.
_HATCHLING = """
import base64, hashlib, os, tomllib, zipfile


def _project():
    with open("pyproject.toml", "rb") as stream:
        return tomllib.load(stream)["project"]


def _wheel(directory, files):
    project = _project()
    stem = project["name"].replace("-", "_") + "-" + project["version"]
    info = stem + ".dist-info/"
    needs = "".join("Requires-Dist: " + one + "\\n" for one in project.get("dependencies", []))
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: " + project["name"] + "\\nVersion: " + project["version"] + "\\n" + needs
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: kit\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    scripts = "".join(name + " = " + what + "\\n" for name, what in project.get("scripts", {}).items())
    files[info + "entry_points.txt"] = "[console_scripts]\\n" + scripts
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += name + ",sha256=" + digest + "," + str(len(text.encode())) + "\\n"
    files[info + "RECORD"] = record + info + "RECORD,,\\n"
    path = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, path), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def build_wheel(directory, settings=None, metadata=None):
    files = {}
    for top, _, names in os.walk("src"):
        for name in names:
            if name.endswith((".py", ".typed")):
                path = os.path.join(top, name)
                with open(path) as stream:
                    files[os.path.relpath(path, "src")] = stream.read()
    return _wheel(directory, files)


def build_editable(directory, settings=None, metadata=None):
    return _wheel(directory, {"_" + _project()["name"].replace("-", "_") + ".pth": os.path.abspath("src") + "\\n"})
"""


@cache
def wheels() -> dict[str, bytes]:
    """Return the wheels, by file name."""
    made = {}
    for name, versions in OFFERED.items():
        module = name.replace("-", "_")
        for version, requires in versions.items():
            files = {f"{module}/__init__.py": f'__version__ = "{version}"\n', f"{module}/data.txt": f"{name}\n" * 50}
            if name == "ipykernel":
                files["ipykernel/__main__.py"] = (
                    'import sys\nassert sys.argv[1:] == "install --user --name analysis".split()\n'
                )
            if name == "hatchling":
                files["hatchling/build.py"] = _HATCHLING
            points = {"console_scripts": {name: f"{module}:print"}} if name in {"flask", "cowsay", "pytest"} else None
            made[wheel_filename(name, version)] = wheel_bytes(
                name, version, files, requires=requires, entry_points=points
            )
    return made


@contextlib.contextmanager
def documentation_index() -> Iterator[IndexServer]:
    """Serve all of them on loopback."""
    with IndexServer() as server:
        for filename, data in wheels().items():
            server.add(filename, data)
        yield server
