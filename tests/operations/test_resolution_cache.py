"""operations/resolution_cache.py: an answer that is remembered is the one that would be found out, or it is not used.

Whether an answer was recalled is seen by forging the remembered one: the forged text comes out if the answer was reused.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from commonwheel.store import layout
from commonwheel.store.sealed_records import seal, unseal
from kit.cli import Cw
from kit.index_server import Always, IndexServer, Status
from kit.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexServer]:
    with IndexServer() as server:
        for name, version, needs in (("app", "1.0", ["lib"]), ("lib", "1.0", []), ("lib", "2.0", [])):
            offer(server, tmp_path, name, version, needs)
        yield server


def offer(server: IndexServer, tmp_path: Path, name: str, version: str, needs: list[str]) -> None:
    path = make_wheel(tmp_path / "wheels", name, version, {f"{name}.py": "x = 1\n"}, requires=needs)
    server.add(os.path.basename(path), path)


@pytest.fixture
def user(tmp_path: Path, index: IndexServer) -> Cw:
    cw = Cw(str(tmp_path), CW_DEFAULT_INDEX=f"{index.root}/simple/", CW_NO_CONFIG="1")
    cw.write("app.in", "app\n")
    cw("venv", "v").ok()
    return cw


def compiled(user: Cw, *words: str) -> str:
    return user("pip", "compile", "-p", "v", "--no-header", "--no-annotate", *(words or ("app.in",))).ok().out


def answers(user: Cw) -> list[Path]:
    return sorted((Path(user.store) / layout.VERSION / "answers").glob("*"))


def forge(user: Cw, old: str = "pin\tlib\t2.0", new: str = "pin\tlib\t1.0") -> None:
    """Change what is remembered."""
    (path,) = answers(user)
    lines = unseal("answer", path.read_bytes())
    assert lines is not None
    text = "\n".join(lines)
    assert old in text
    path.write_bytes(seal("answer", text.replace(old, new).split("\n")))


HONEST, FORGED = "app==1.0\nlib==2.0\n", "app==1.0\nlib==1.0\n"


def test_resolution_is_reused(user: Cw, index: IndexServer) -> None:
    assert compiled(user) == HONEST
    asked = len(index.log)
    forge(user)
    assert compiled(user) == FORGED
    assert len(index.log) == asked


def test_resolution_is_reused_with_its_files(user: Cw) -> None:
    user("pip", "install", "-p", "v", "-r", "app.in").ok()
    user("venv", "w").ok()
    forge(user)
    ran = user("pip", "install", "-p", "w", "-r", "app.in").ok()
    # the forger wrote another version over the same file
    assert "lib==1.0" in ran.out + ran.err
    assert os.path.isdir(os.path.join(user.site("w"), "lib-2.0.dist-info"))


def test_notes_and_hashes_are_the_same_without_cache(user: Cw) -> None:
    words = ("pip", "compile", "-p", "v", "--generate-hashes", "--emit-index-annotation", "app.in")
    first = user(*words).ok().out
    assert answers(user)
    assert user(*words).ok().out == first
    assert "# via app" in first
    assert "--hash=sha256:" in first


def test_warnings_are_repeated(user: Cw, index: IndexServer, tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "wheels", "old", "1.0", {"old.py": ""})
    index.add(os.path.basename(path), path, yanked="a mistake")
    user.write("app.in", "old==1.0\n")
    for name in ("one", "two"):
        user("venv", name).ok()
        assert "a mistake" in user("pip", "install", "-p", name, "-r", "app.in").ok().err


@pytest.mark.parametrize(
    "words",
    [
        ("app.in", "--resolution", "lowest"),
        ("app.in", "--prerelease", "allow"),
        ("app.in", "--exclude-newer", "2999-01-01"),
        ("app.in", "--python-version", "3.9"),
        ("app.in", "-c", "narrow.txt"),
        ("app.in", "--override", "narrow.txt"),
        ("app.in", "--no-deps"),
        ("app.in", "--refresh"),
        ("app.in", "--refresh-package", "lib"),
        ("app.in", "--only-binary", "lib"),
        ("app.in", "-P", "lib"),
        ("app.in", "--index-strategy", "unsafe-best-match"),
        ("app.in", "--find-links", "wheels"),
        ("app.in", "--index", "empty"),
        ("app.in", "--universal"),
        ("app.in", "narrow.txt"),
        ("other.in",),
    ],
    ids=" ".join,
)
def test_other_request_is_resolved(user: Cw, words: tuple[str, ...]) -> None:
    user.write("narrow.txt", "lib>1\n")
    user.write("other.in", "\napp\n")
    os.mkdir(user.path("empty"))
    honest = compiled(user)
    forge(user)
    path = answers(user)[0]
    kept = path.read_bytes()
    assert "lib==2.0" in compiled(user, *words) or "lowest" in words or "--no-deps" in words
    # and what was asked before is still remembered, if its place was not taken
    if path.read_bytes() == kept:
        assert compiled(user) == FORGED
    assert honest == HONEST


def test_refetched_page_invalidates_the_resolution(user: Cw, index: IndexServer, tmp_path: Path) -> None:
    compiled(user)
    offer(index, tmp_path, "lib", "3.0", [])
    user("pip", "install", "-p", "v", "--dry-run", "--refresh-package", "lib", "lib").ok()
    assert compiled(user) == "app==1.0\nlib==3.0\n"


def written_anew(user: Cw, name: str, old: bytes = b"", new: bytes = b"") -> None:
    """Let another process write the record of a page, whole and sealed."""
    (page,) = (Path(user.store) / layout.VERSION / "pages").glob(f"*/{name}")
    head, _, rest = page.read_bytes().partition(b"\n")
    assert old in rest
    words = head.split()
    length = int(words[3])
    body = rest[:length].replace(old, new)
    words[2:4] = f"{crc32(body):08x}".encode(), str(len(body)).encode()
    copy = page.with_name("copy")
    copy.write_bytes(b" ".join(words) + b"\n" + body + rest[length:])
    os.rename(copy, page)


def test_rewritten_equal_record_keeps_the_resolution(user: Cw, index: IndexServer) -> None:
    compiled(user)
    forge(user)
    asked = len(index.log)
    before = answers(user)[0].read_bytes()
    written_anew(user, "lib")
    assert compiled(user) == FORGED
    # and next time the stamps are enough
    assert answers(user)[0].read_bytes() != before
    assert len(index.log) == asked


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2.0", b"2.7"),  # a version
        (b"\t\t\n1.0\t2.0", b"\tdeprecated\tits author\n1.0\t2.0"),  # PEP 792
        (b"\n\npy3-none-any", b"\n>=3.99\npy3-none-any"),  # Requires-Python, which rows name by number
    ],
    ids=["version", "status", "python"],
)
def test_changed_record_invalidates_the_resolution(user: Cw, old: bytes, new: bytes) -> None:
    compiled(user)
    forge(user)
    written_anew(user, "lib", old, new)
    ran = user("pip", "compile", "-p", "v", "--no-header", "--no-annotate", "app.in")
    assert "lib==1.0" not in ran.out


@pytest.fixture
def hasty(index: IndexServer) -> IndexServer:
    """Be an index that wants to be asked each time."""
    index.page_headers = {"cache-control": "max-age=0"}
    return index


def test_expired_resolution_is_revalidated_by_all_pages_at_once(user: Cw, hasty: IndexServer) -> None:
    compiled(user)
    forge(user)
    for _ in range(2):
        asked = len(hasty.log)
        assert compiled(user) == FORGED
        assert sorted(one.path for one in hasty.log[asked:]) == ["/simple/app/", "/simple/lib/"]
        assert all("if-none-match" in one.headers for one in hasty.log[asked:])


def test_revalidated_resolution_lasts_as_long_as_its_pages(user: Cw, hasty: IndexServer) -> None:
    compiled(user)
    forge(user)
    hasty.page_headers = {"cache-control": "max-age=600"}
    assert compiled(user) == FORGED
    asked = len(hasty.log)
    assert compiled(user) == FORGED
    assert len(hasty.log) == asked


def test_changed_pages_do_not_revalidate_a_resolution(user: Cw, hasty: IndexServer, tmp_path: Path) -> None:
    compiled(user)
    forge(user)
    offer(hasty, tmp_path, "lib", "3.0", [])
    assert compiled(user) == "app==1.0\nlib==3.0\n"


def test_project_missing_on_index_does_not_revalidate(user: Cw, hasty: IndexServer) -> None:
    compiled(user)
    forge(user)
    hasty.script("/simple/lib/", Always(Status(404)))
    ran = user("pip", "compile", "-p", "v", "app.in")
    assert ran.code == 1
    assert "lib" in ran.err


def test_pages_without_lifetime_are_not_cached(user: Cw, index: IndexServer) -> None:
    index.page_headers = {"cache-control": "no-store"}
    assert compiled(user) == HONEST
    assert not answers(user)


def test_relevant_installed_package_invalidates(user: Cw) -> None:
    user("venv", "other").ok()
    user("pip", "install", "-p", "other", "lib<2").ok()
    for path in answers(user):
        path.unlink()
    user("pip", "install", "-p", "v", "--dry-run", "app").ok()
    (path,) = answers(user)
    ran = user("pip", "install", "-p", "other", "app").ok()
    assert "lib==2.0" not in ran.out + ran.err
    assert answers(user) == [path]


def test_irrelevant_installed_package_keeps_the_resolution(user: Cw, index: IndexServer, tmp_path: Path) -> None:
    offer(index, tmp_path, "aside", "1.0", [])
    user("venv", "other").ok()
    user("pip", "install", "-p", "other", "aside").ok()
    for path in answers(user):
        path.unlink()
    user("pip", "install", "-p", "v", "--dry-run", "app").ok()
    forge(user)
    ran = user("pip", "install", "-p", "other", "--dry-run", "app").ok()
    assert "lib==1.0" in ran.out + ran.err


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe", b"commonwheel-answer\t1\n", None], ids=["none", "bytes", "head", "cut"]
)
def test_damaged_resolutions_are_ignored(user: Cw, damage: bytes | None) -> None:
    compiled(user)
    (path,) = answers(user)
    path.write_bytes(path.read_bytes()[:-7] if damage is None else damage)
    assert compiled(user) == HONEST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pin\tlib\t2.0\t", "pin\tlib\t"),
        ("until\t", "since\t"),
        ("ground\t", "round\t"),
        ("file\t", "pile\t"),
        ("sha256:", ""),
    ],
)
def test_sealed_nonsense_is_ignored(user: Cw, old: str, new: str) -> None:
    compiled(user)
    forge(user, old, new)
    assert compiled(user) == HONEST


def test_index_with_credentials_is_not_cached(user: Cw, index: IndexServer) -> None:
    index.users = {"me": "secret"}
    url = f"{index.root}/simple/".replace("://", "://me:secret@")
    assert user("pip", "compile", "-p", "v", "--no-header", "--default-index", url, "app.in").ok().out
    assert not answers(user)


def test_direct_source_is_not_cached(user: Cw) -> None:
    user.write("app.in", "app\nlib @ ./wheels/lib-1.0-py3-none-any.whl\n")
    compiled(user)
    assert not answers(user)


def test_reused_resolution_loads_neither_solver_nor_pages(user: Cw) -> None:
    compiled(user)
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from commonwheel.cli import main\n"
        "main(['pip', 'compile', '-q', '-p', 'v', '--no-header', '--no-annotate', 'app.in'])\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        cwd=user.cwd,
        env=user.environ,
        check=True,
    )
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert "commonwheel.operations.resolution_cache" in loaded
    heavy = {"re", "json", "typing", "dataclasses", "packaging", "shlex", "tomllib", "threading", "hashlib", "pycurl"}
    ours = (
        "resolve.solver",
        "index.catalogue",
        "index.index_cache",
        "index.page_record",
        "index.selection",
        "net.client",
    )
    assert not loaded & (heavy | {f"commonwheel.{name}" for name in ours})
