"""What a build says is on disk while it runs, and stays there when it fails."""

import os
from pathlib import Path

import pytest

from commonwheel.build.output import Output
from commonwheel.fs import trees


@pytest.fixture
def output(tmp_path: Path) -> Output:
    (tmp_path / "scratch").mkdir()
    return Output(str(tmp_path / "scratch"), str(tmp_path), "demo-1.0.tar.gz")


def test_lines_are_readable_during_the_build(output: Output) -> None:
    assert output.path == ""
    output.begin("build_wheel")
    output.add(b"one\n")
    output.add(b"tw\xff\n")
    assert Path(output.path).read_bytes() == b"# build_wheel\none\ntw\xff\n"
    assert list(output.lines) == ["one", "tw\ufffd"]
    assert os.stat(output.path).st_mode & 0o777 == 0o600


def test_each_call_has_its_tail_and_the_file_has_all(output: Output) -> None:
    output.begin("first")
    output.add(b"before\n")
    output.begin("second")
    output.add(b"\n")
    output.add(b"after\n")
    assert output.tail() == ["after"]
    assert b"before" in Path(output.path).read_bytes()


def test_tail_of_large_output_is_short(output: Output) -> None:
    output.begin("x")
    for number in range(5000):
        output.add(b"%d\n" % number)
    assert output.tail()[-1] == "4999"
    assert len(output.tail()) == 25
    assert len(output.lines) == 400
    assert Path(output.path).read_bytes().count(b"\n") == 5001


def test_kept_log_outlives_the_scratch_space(output: Output, tmp_path: Path) -> None:
    output.begin("x")
    path = output.keep()
    output.add(b"later\n")
    output.close()
    trees.erase(str(tmp_path / "scratch"))
    assert Path(path).read_bytes() == b"# x\nlater\n"
    assert os.path.dirname(path) == str(tmp_path)
    assert "demo-1.0" in path


def test_closed_file_stays_and_next_output_uses_another(output: Output) -> None:
    output.begin("first")
    first = output.path
    states = [output.is_open]
    output.close()
    states.append(output.is_open)
    assert states == [True, False]
    output.begin("second")
    assert Path(first).read_bytes() == b"# first\n"
    assert Path(output.path).read_bytes() == b"# second\n"


def test_only_the_newest_logs_stay(output: Output, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"failed-20200101-0000{number:02}-1-x.log").write_text("")
    (tmp_path / "other").write_text("")
    output.begin("x")
    path = output.keep()
    logs = sorted(one.name for one in tmp_path.iterdir() if one.name.startswith("failed-"))
    assert len(logs) == 20
    assert os.path.basename(path) in logs
    assert (tmp_path / "other").exists()


def test_last_lines_are_known_without_a_writable_place(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "missing"), str(tmp_path), "x")
    output.begin("x")
    output.add(b"said\n")
    assert output.tail() == ["said"]
    assert output.keep() == ""
    output.close()
