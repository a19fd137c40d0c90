"""The documentation is what happens: every command on these pages is typed, on a machine to throw away, against an index of the kit.

What a page shows of the output is held against what comes out, with `...` for what does not matter. How a page is read is
said in `kit/pages_of_docs.py`. The packages are small ones of the kit under the names of real ones.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.containers import Containers
from kit.documentation import documentation_index
from kit.index_server import IndexServer
from kit.machine import LIBRARY, Machine, machine
from kit.pages_of_docs import Command, File, fences, steps
from kit.users import user_python

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Setting:
    """What a page needs before its first command: more users, and a function that prepares the machine."""

    people: tuple[str, ...] = ()
    reader: str = "you"
    prepare: Callable[[Machine, IndexServer], None] = field(default=lambda here, index: None)


def with_login(here: Machine, index: IndexServer) -> None:
    """Let the index ask for a login, under a name of its own."""
    index.users["alice"] = "s3cret"
    here.write("/etc/hosts", "127.0.0.1 localhost pypi.example.com\n")


def with_conda(here: Machine, index: IndexServer) -> None:
    """Offer a `conda` that makes environments in conda's layout, and activates them."""
    del index
    here.write("/usr/local/bin/make-conda", f"#!{user_python()}\n{_MAKE_CONDA}", mode=0o755)
    assert here.shell("you").run(f"{_CONDA}\nexport -f conda").code == 0


def with_requirements(here: Machine, index: IndexServer) -> None:
    """Give the reader a file of requirements, and the system what the page takes for granted."""
    del index
    here.shell("you").run("mkdir shop && cd shop && echo flask > requirements.in")
    here.shell().run("mkdir /etc/cw && groupadd science")


def with_scratch(here: Machine, index: IndexServer) -> None:
    """Give the reader a directory on a scratch file system."""
    del index
    here.shell().run("install -d -o you /scratch/you")


def with_slurm(here: Machine, index: IndexServer) -> None:
    """Offer a published store, and an `sbatch` that runs all tasks of a job array at once, each with scratch space of its own."""
    del index
    here.write("/usr/local/bin/sbatch", _SBATCH, mode=0o755)
    here.write("/etc/cw/cw.toml", 'layers = ["/shared/cw"]\n')
    command = "mkdir /shared && cw cache init /shared/cw --publish --link-mode fold"
    assert (
        here.shell().run(f"{command} && CW_CACHE_DIR=/shared/cw cw pip install --target /tmp/w numpy scipy").code == 0
    )


_MAKE_CONDA = f"""
import sys
from pathlib import Path
sys.path[:0] = ["{LIBRARY}/tests", "{LIBRARY}/src", "{LIBRARY}/site"]
from kit.pythons import make_conda
make_conda(sys.argv[1])
Path(sys.argv[1]).glob('lib/python*/EXTERNALLY-MANAGED').__next__().unlink()  # Debian's, not conda's
"""
_CONDA = """
conda() {
    case "$1" in
        create) mkdir -p ~/miniforge3/envs && make-conda ~/miniforge3/envs/"$3" ;;
        activate) export CONDA_PREFIX=~/miniforge3/envs/"$2" CONDA_DEFAULT_ENV="$2"; PATH="$CONDA_PREFIX/bin:$PATH" ;;
    esac
}
"""
_SBATCH = r"""#!/bin/bash
range=$(sed -n 's/^#SBATCH --array=//p' "$1")
output=$(sed -n 's/^#SBATCH --output=//p' "$1")
for task in $(seq "${range%-*}" "${range#*-}"); do
    TMPDIR=$(mktemp -d) SLURM_ARRAY_TASK_ID=$task bash "$1" >"${output/\%a/$task}" 2>&1 &
    children+=($!)
done
for child in "${children[@]}"; do wait "$child" || exit; done
"""


SETTINGS: dict[str, Setting] = {
    "README.md": Setting(prepare=with_requirements),
    "docs/guides/administration.md": Setting(people=("alice",)),
    "docs/guides/clusters.md": Setting(prepare=with_slurm),
    "docs/guides/conda.md": Setting(prepare=with_conda),
    "docs/guides/docker.md": Setting(reader="root"),
    "docs/guides/purge.md": Setting(prepare=with_scratch),
    "docs/guides/read-only.md": Setting(reader="root"),
    "docs/sharing.md": Setting(people=("alice", "bob")),
}


def pages() -> list[str]:
    """Return the pages that have something to type; `test_install_page.py` has that one to itself."""
    return [
        str(page.relative_to(ROOT))
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        if page.name != "install.md" and any(language == "console" for _, language, _, _ in fences(page.read_text()))
    ]


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """Give an index that offers the packages of the documentation."""
    with documentation_index() as server:
        yield server


class Reader:
    """Does what a page says, and fails where the page is wrong."""

    def __init__(self, page: str, here: Machine, index: IndexServer, reader: str) -> None:
        self._page = page
        self._here = here
        self._reader = reader
        self._index = index
        self._containers = Containers(here, index.url)

    def close(self) -> None:
        self._containers.close()

    def do(self, step: File | Command) -> None:
        if isinstance(step, File):
            self._write(step)
            return
        text = self._adapted(step.text)
        shell = self._here.shell(step.user or self._reader)
        words = text.split()
        if words[0] in {"docker", "podman"}:
            done = self._containers(
                shlex.split(text.replace("\\\n", " "), comments=True), shell.run("pwd").output.strip()
            )
        else:
            done = shell.run(text)
        where = f"{self._page}, line {step.line}: {step.text}\nexit status {done.code}\n{done.output}"
        assert (done.code != 0) == step.fails, where
        assert step.matches(done.output), f"{where}\nthe page shows:\n" + "\n".join(step.seen)

    def _write(self, step: File) -> None:
        title = os.path.expandvars(step.title)
        home = "/root" if self._reader == "root" else f"/home/{self._reader}"
        directory = self._here.shell(self._reader).run("pwd").output.strip()
        path = os.path.join(directory, title.replace("~", home, 1) if title.startswith("~") else title)
        like = home if path.startswith(home) else ""
        self._here.write(path, self._adapted(step.text), like=like)
        if step.language in {"ini", "yaml"}:
            self._carry_out(step)

    def _carry_out(self, step: File) -> None:
        """Run what a unit of systemd or a configuration of a CI service calls of cw."""
        lines = re.findall(
            r"^\s*(?:ExecStart(?:Pre)?=/usr/local/bin/|- (?:run: |script: )?)((?:cw|\.venv/bin/python) .*)$",
            step.text,
            re.MULTILINE,
        )
        variables = re.findall(r"^Environment=(\S+)$", step.text, re.MULTILINE)
        user = "root" if step.language == "ini" else self._reader
        for line in lines:
            done = self._here.shell(user).run(f"(export HOME {shlex.join(variables)}; {line})")
            assert done.code == 0, f"{self._page}, {step.title}: {line}\nexit status {done.code}\n{done.output}"
        assert lines or step.title.endswith(".timer"), f"{step.title} calls nothing"

    def _adapted(self, text: str) -> str:
        """Put the address of the kit's index where the page has an invented one."""
        return text.replace("https://pypi.example.com/simple", self._index.url.rstrip("/")).replace(
            "pypi.example.com", "127.0.0.1"
        )


@pytest.mark.root
@pytest.mark.alone
@pytest.mark.parametrize("page", pages())
def test_the_page_is_what_happens(page: str, index: IndexServer) -> None:
    setting = SETTINGS.get(page, Setting())
    people = (*(() if setting.reader == "root" else (setting.reader,)), *setting.people)
    with machine(*people, index=index.url) as here:
        setting.prepare(here, index)
        reader = Reader(page, here, index, setting.reader)
        try:
            for step in steps((ROOT / page).read_text()):
                reader.do(step)
        finally:
            reader.close()
