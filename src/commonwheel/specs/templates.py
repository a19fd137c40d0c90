"""The files of a new project: values in, texts out by path. Cold."""

from commonwheel.errors import UsageError
from commonwheel.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

#: name -> (what is required, the backend)
BACKENDS: "Mapping[str, tuple[tuple[str, ...], str]]" = {
    "hatch": (("hatchling",), "hatchling.build"),
    "flit": (("flit_core>=3.2,<4",), "flit_core.buildapi"),
    "pdm": (("pdm-backend",), "pdm.backend"),
    "poetry": (("poetry-core>=2,<3",), "poetry.core.masonry.api"),
    "setuptools": (("setuptools>=61",), "setuptools.build_meta"),
    "uv": (("uv_build>=0.13.9,<0.14.0",), "uv_build"),
    "maturin": (("maturin>=1.0,<2.0",), "maturin"),
    "scikit": (("scikit-build-core>=0.10", "pybind11"), "scikit_build_core.build"),
}
GITIGNORE = """\
# Python-generated files
__pycache__/
*.py[oc]
build/
dist/
wheels/
*.egg-info

# Virtual environments
.venv
"""
_NATIVE = ("maturin", "scikit")


class Plan(Value):
    """What a new project is to be: `kind` is `app`, `lib`, `script` (no package) or `bare`; `author` is (name, email)."""

    __slots__ = ("author", "backend", "description", "kind", "name", "readme", "requires_python")

    def __init__(
        self,
        name: str,
        kind: str,
        requires_python: str,
        *,
        backend: str = "hatch",
        description: str | None = None,
        author: tuple[str, str] = ("", ""),
        readme: bool = True,
    ) -> None:
        self.name: Final = name
        self.kind: Final = kind
        self.requires_python: Final = requires_python
        self.backend: Final = backend
        self.description: Final = description
        self.author: Final = author
        self.readme: Final = readme

    @property
    def module(self) -> str:
        """Return the name by which the project is imported."""
        return self.name.replace("-", "_")


def files(plan: Plan) -> "dict[str, str]":
    """Return the files of a project by their path in it. Raises UsageError for a kind that a backend cannot build."""
    if plan.backend in _NATIVE and plan.kind not in ("app", "lib"):
        raise UsageError(
            f"`{plan.backend}` builds packages with native modules alone", hint="leave `--bare` and `--no-package` out"
        )
    found = {"pyproject.toml": pyproject(plan)}
    if plan.kind == "bare":
        return found
    if plan.readme:
        found["README.md"] = ""
    if plan.kind == "script":
        return found | {"main.py": _main(plan.name, annotated=False)}
    found[f"src/{plan.module}/__init__.py"] = _package(plan)
    if plan.kind == "lib":
        found[f"src/{plan.module}/py.typed"] = ""
    return found | (_native(plan) if plan.backend in _NATIVE else {})


def pyproject(plan: Plan) -> str:
    """Return the text of the pyproject.toml."""
    lines = ["[project]", f'name = "{plan.name}"', 'version = "0.1.0"']
    described = plan.description if plan.description is not None else "Add your description here"
    if described and (plan.kind != "bare" or plan.description):
        lines.append(f"description = {_string(described)}")
    if plan.readme and plan.kind != "bare":
        lines.append('readme = "README.md"')
    if any(plan.author) and plan.kind in ("app", "lib"):
        name, email = plan.author
        pairs = [f"name = {_string(name)}"] * bool(name) + [f"email = {_string(email)}"] * bool(email)
        lines += ["authors = [", f"    {{ {', '.join(pairs)} }}", "]"]
    lines += [f'requires-python = "{plan.requires_python}"', "dependencies = []"]
    if plan.kind == "app":
        lines += ["", "[project.scripts]", f'{plan.name} = "{plan.module}:main"']
    if plan.kind in ("app", "lib"):
        requires, backend = BACKENDS[plan.backend]
        listed = ", ".join(f'"{one}"' for one in requires)
        lines += ["", "[build-system]", f"requires = [{listed}]", f'build-backend = "{backend}"']
        lines += _tables(plan)
    return "\n".join(lines) + "\n"


def _tables(plan: Plan) -> "list[str]":
    """Return the tables that backends of native modules need."""
    if plan.backend == "maturin":
        keys = '{ file = "pyproject.toml" }, { file = "src/**/*.rs" }, { file = "Cargo.toml" }, { file = "Cargo.lock" }'
        return [
            "", "[tool.maturin]", f'module-name = "{plan.module}._core"', 'python-packages = ["' + plan.module + '"]',
            'python-source = "src"', "", "[tool.uv]", f"cache-keys = [{keys}]",
        ]  # fmt: skip
    if plan.backend == "scikit":
        keys = '{ file = "pyproject.toml" }, { file = "src/**/*.{h,c,hpp,cpp}" }, { file = "CMakeLists.txt" }'
        return [
            "", "[tool.scikit-build]", 'minimum-version = "build-system.requires"', 'build-dir = "build/{wheel_tag}"',
            "", "[tool.uv]", f"cache-keys = [{keys}]",
        ]  # fmt: skip
    return []


def _package(plan: Plan) -> str:
    greeting = f"Hello from {plan.name}!"
    if plan.backend in _NATIVE:
        greet = f"from {plan.module}._core import hello_from_bin\n\n\n"
        return greet + (
            "def main() -> None:\n    print(hello_from_bin())\n"
            if plan.kind == "app"
            else "def hello() -> str:\n    return hello_from_bin()\n"
        )
    if plan.kind == "app":
        return f'def main() -> None:\n    print("{greeting}")\n'
    return f'def hello() -> str:\n    return "{greeting}"\n'


def _native(plan: Plan) -> "dict[str, str]":
    greeting = f"Hello from {plan.name}!"
    found = {f"src/{plan.module}/_core.pyi": "def hello_from_bin() -> str: ...\n"}
    if plan.backend == "maturin":
        found["Cargo.toml"] = (
            f'[package]\nname = "{plan.name}"\nversion = "0.1.0"\nedition = "2021"\n\n[lib]\nname = "_core"\n'
            'crate-type = ["cdylib"]\n\n[dependencies]\npyo3 = { version = "0.27", features = ["extension-module", "abi3-py39"] }\n'
        )
        found["src/lib.rs"] = (
            "use pyo3::prelude::*;\n\n#[pymodule]\nmod _core {\n    use pyo3::prelude::*;\n\n    #[pyfunction]\n"
            f'    fn hello_from_bin() -> String {{\n        "{greeting}".to_string()\n    }}\n}}\n'
        )
        return found
    found["CMakeLists.txt"] = (
        "cmake_minimum_required(VERSION 3.15)\nproject(${SKBUILD_PROJECT_NAME} LANGUAGES CXX)\n\n"
        "set(PYBIND11_FINDPYTHON ON)\nfind_package(pybind11 CONFIG REQUIRED)\n\n"
        "pybind11_add_module(_core MODULE src/main.cpp)\ninstall(TARGETS _core DESTINATION ${SKBUILD_PROJECT_NAME})\n"
    )
    found["src/main.cpp"] = (
        "#include <pybind11/pybind11.h>\n\n#include <string>\n\n"
        f'std::string hello_from_bin() {{ return "{greeting}"; }}\n\n'
        'PYBIND11_MODULE(_core, m) {\n  m.def("hello_from_bin", &hello_from_bin);\n}\n'
    )
    return found


def script(name: str, requires_python: str) -> str:
    """Return the text of a new script with a block of metadata (PEP 723)."""
    return f'# /// script\n# requires-python = "{requires_python}"\n# dependencies = []\n# ///\n\n\n{_main(name, annotated=True)}'


def _main(name: str, *, annotated: bool) -> str:
    returns = " -> None" if annotated else ""
    return f'def main(){returns}:\n    print("Hello from {name}!")\n\n\nif __name__ == "__main__":\n    main()\n'


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
