"""`pip download`, `pip wheel` and `pip index versions`: files, and nothing installed."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from kit.index_server import IndexServer
from kit.sdists import files_of, repository
from kit.wheels import make_wheel
from kit.workshop import TRACED, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    (tmp_path / "a place").mkdir()
    shop = Workshop(str(tmp_path / "a place"))
    make_wheel(shop.path("files"), "lib", "1.0", {"lib.py": ""})
    return shop


def names(shop: Workshop, directory: str = "out") -> list[str]:
    return sorted(os.listdir(shop.path(directory)))


def test_downloads_are_the_files_that_an_installation_would_use(shop: Workshop) -> None:
    shop.sdist(needs=["lib"], static=True)
    ran = shop("pip", "download", "-p", "v", "-d", "out", "demo").ok()
    assert names(shop) == ["demo-1.0.tar.gz", "lib-1.0-py3-none-any.whl"]
    assert ran.out.split("\n")[:-1] == [shop.path("out", name) for name in names(shop)]
    with tarfile.open(shop.path("out", "demo-1.0.tar.gz")) as tar:
        assert "demo-1.0/backend.py" in tar.getnames()
    assert shop.calls() == []
    assert shop.frozen() == []
    assert shop.scratch() == []


def test_no_binary_downloads_the_source_of_what_has_a_wheel(shop: Workshop) -> None:
    shop.sdist("lib", static=True)
    shop("pip", "download", "-p", "v", "-d", "out", "--no-deps", "--no-binary", ":all:", "lib").ok()
    assert names(shop) == ["lib-1.0.tar.gz"]


def test_what_was_downloaded_can_be_installed_from(shop: Workshop) -> None:
    shop.sdist(needs=["lib"])
    shop("pip", "download", "-p", "v", "-d", "out", "demo").ok()
    os.rename(shop.path("files"), shop.path("moved"))
    shop("pip", "install", "-p", "v", "-f", "out", "demo").ok()
    assert shop.frozen() == ["demo==1.0", "lib==1.0"]


def test_wheels_are_made_of_everything(shop: Workshop) -> None:
    shop.sdist(needs=["lib"])
    shop.project("tree", "tree")
    shop("pip", "wheel", "-p", "v", "-w", "out", "demo", "./tree").ok()
    assert names(shop) == [f"{name}-1.0-py3-none-any.whl" for name in ("demo", "lib", "tree")]
    assert all(zipfile.is_zipfile(shop.path("out", name)) for name in names(shop))
    assert sorted(shop.calls()) == ["demo:wheel", "tree:wheel"]
    assert shop.frozen() == []


def test_a_wheel_is_made_although_it_was_installed_before(shop: Workshop) -> None:
    """The store keeps what is in a wheel, not the archive."""
    shop.sdist(static=True)
    shop.install("demo").ok()
    shop("pip", "wheel", "-p", "v", "-w", "out", "demo").ok()
    assert names(shop) == ["demo-1.0-py3-none-any.whl"]


def test_of_directories_and_repositories_the_wheel_is_downloaded(shop: Workshop) -> None:
    shop.project("tree", "tree")
    repository(shop.path("repo"), files_of("kept", backend=TRACED))
    url = f"git+file://{shop.path('repo').replace(' ', '%20')}"
    shop("pip", "download", "-p", "v", "-d", "out", "./tree", f"kept @ {url}").ok()
    assert names(shop) == ["kept-1.0-py3-none-any.whl", "tree-1.0-py3-none-any.whl"]


def test_archives_at_urls_and_paths_are_downloaded_as_they_are(shop: Workshop) -> None:
    path = shop.sdist(directory="elsewhere")
    with IndexServer() as server:
        url = server.put("/other-2.0.tar.gz", Path(shop.sdist("other", "2.0", directory="elsewhere")).read_bytes())
        shop("pip", "download", "-p", "v", "-d", "out", path, f"other @ {url}").ok()
    assert names(shop) == ["demo-1.0.tar.gz", "other-2.0.tar.gz"]
    assert Path(shop.path("out", "demo-1.0.tar.gz")).read_bytes() == Path(path).read_bytes()


def test_a_failed_build_leaves_nothing(shop: Workshop) -> None:
    shop.sdist(backend="raise SystemExit('no')\n")
    ran = shop("pip", "wheel", "-p", "v", "-w", "out", "demo")
    assert ran.code == 1
    assert names(shop) == []
    assert shop.scratch() == []


def test_asking_for_nothing_is_told(shop: Workshop) -> None:
    assert "no requirements given" in shop("pip", "download", "-p", "v").failed(2).err
