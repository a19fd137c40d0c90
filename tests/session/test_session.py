"""The composition root: what is made when, and that everything is closed."""

import pytest

from commonwheel.errors import UsageError
from kit.cli import Cw


def test_parts_are_created_once(cw: Cw) -> None:
    with cw.session() as session:
        assert session.store is session.store
        assert session.environments.where is session.environments.where
        job = session.job()
        assert job.network.indexes is job.network.indexes
        assert job.build_policies is job.build_policies


def test_command_line_is_kept_without_secrets(cw: Cw) -> None:
    from commonwheel.session.session import Session, read_settings

    words = [
        "pip",
        "install",
        "--index-url=https://me:secret@index.example/simple",
        "a @ https://me:secret@files.example/a.whl",
    ]
    line = Session(read_settings({}), words=words).command_line
    assert "secret" not in line
    assert line.startswith("cw pip install --index-url=https://me:****@index.example/simple")


def test_missing_directory_option_is_an_error(cw: Cw) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        cw.session(directory="nowhere").__enter__()


def test_failing_command_closes_everything(cw: Cw) -> None:
    closed: list[int] = []

    def fail() -> None:
        with cw.session() as session:
            session.lifetime.at_end(lambda: closed.append(1), lambda: closed.append(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert closed == [2, 1]
