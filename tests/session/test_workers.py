"""Copies of this process end when they are told to rest."""

from pathlib import Path

from kit.cli import Cw


def test_resting_workers_end_and_work_continues_without_them(tmp_path: Path) -> None:
    with Cw(tmp_path).session("pip install") as session:
        session.rest()  # there is none yet, and none is made for that
        copies = session.copies
        session.rest()
        assert copies is None or copies.ask("page") is None
