"""From what is asked to pins with files: names for what has none, hashes, what may stay, what is remarked."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from commonwheel.model import Digest, Installed, Metadata, Origin, PathSource, Pin, Requirement
from commonwheel.operations.resolve import (
    HashesMissing,
    InstalledMetadata,
    Question,
    Unhashed,
    answer,
    require_hashes,
    with_files,
)
from commonwheel.specs.requirement import parse
from kit.cli import Cw
from kit.index_server import IndexServer
from kit.wheels import make_wheel, wheel_bytes, wheel_filename


@pytest.fixture
def cw(tmp_path: Path) -> Cw:
    cw = Cw(tmp_path)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for version in ("1.0", "2.0"):
        make_wheel(cw.path("wheels"), "lib", version, {"lib.py": version})
    make_wheel(cw.path("wheels"), "app", "1.0", {"app.py": ""}, requires=["lib", "odd ; sys_platform == 'nowhere'"])
    cw("venv", "v").ok()
    return cw


def asked(*lines: str, base: str = "/") -> list[Requirement]:
    return [parse(line, Origin("r.txt", number), base_directory=base) for number, line in enumerate(lines, 1)]


def resolved(cw: Cw, *lines: str, given: dict[str, object] | None = None, **fields: Any) -> dict[str, Pin]:
    """Return an answer to a question of one environment; with files."""
    with cw.session("pip install", python="v", **(given or {})) as session:
        environment = session.environment(mutating=True)
        answered = answer(session.job(), Question(asked(*lines, base=cw.cwd), session.target(environment), **fields))
        return {pin.name: pin for pin in with_files(answered)}


def sha256(cw: Cw, name: str) -> str:
    with open(cw.path("wheels", f"{name}-py3-none-any.whl"), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def test_pins_have_files_and_requesters(cw: Cw) -> None:
    pins = resolved(cw, "app")
    assert {name: (pin.version, pin.requested) for name, pin in pins.items()} == {
        "app": ("1.0", True),
        "lib": ("2.0", False),
    }
    candidate = pins["lib"].candidate
    assert candidate is not None
    assert candidate.filename == "lib-2.0-py3-none-any.whl"


def test_inapplicable_line_is_skipped(cw: Cw) -> None:
    assert set(resolved(cw, "lib", "app ; python_version < '3'")) == {"lib"}


def test_unnamed_source_gets_its_name(cw: Cw) -> None:
    pins = resolved(cw, "./wheels/lib-1.0-py3-none-any.whl", "app")
    assert isinstance(pins["lib"].source, PathSource)
    assert pins["lib"].version == "1.0"


def test_one_name_from_two_sources_is_refused(cw: Cw) -> None:
    from commonwheel.errors import CommonwheelError

    with pytest.raises(CommonwheelError) as caught:
        resolved(cw, "./wheels/lib-1.0-py3-none-any.whl", "./wheels/lib-2.0-py3-none-any.whl")
    assert "`lib`" in str(caught.value)
    assert len(caught.value.context) >= 2


def test_constraint_may_bind_a_name_to_a_source(cw: Cw) -> None:
    url = "file://" + cw.path("wheels", "lib-1.0-py3-none-any.whl")
    pins = resolved(cw, "app", constraints=asked(f"lib @ {url}"))
    assert isinstance(pins["lib"].source, PathSource)


def test_hash_mode_lists_all_deficient_lines(cw: Cw) -> None:
    with pytest.raises(HashesMissing) as caught:
        resolved(cw, "lib", "app==1.0", "./wheels", "lib==1.0 ; python_version < '3'", hashed=True)
    assert [line.partition(": ")[0] for line in caught.value.context] == ["r.txt:1", "r.txt:2", "r.txt:3"]


def with_hashes(line: str, *digests: tuple[str, str]) -> Requirement:
    return parse(line, Origin("r.txt", 1), base_directory="/").replaced(digests=tuple(Digest(*one) for one in digests))


def test_md5_alone_is_no_hash(cw: Cw) -> None:
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question([with_hashes("lib==1.0", ("md5", "0" * 32))], session.target(environment), hashed=True)
        with pytest.raises(HashesMissing, match="hash mode"):
            answer(session.job(), question)


def test_dependencies_need_hashes_too(cw: Cw) -> None:
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question(
            [with_hashes("app==1.0", ("sha256", sha256(cw, "app-1.0")))], session.target(environment), hashed=True
        )
        pins = with_files(answer(session.job(), question))
    with pytest.raises(Unhashed) as caught:
        require_hashes(pins, hashed=True)
    assert "lib==2.0" in caught.value.context[0]
    require_hashes(pins, hashed=False)


def test_file_with_the_required_hash_is_chosen(cw: Cw) -> None:
    make_wheel(cw.path("wheels"), "lib", "1.0", {"lib.py": "other"}, build="7")
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question(
            [with_hashes("lib==1.0", ("sha256", sha256(cw, "lib-1.0")))], session.target(environment), hashed=True
        )
        (pin,) = with_files(answer(session.job(), question))
    assert pin.candidate is not None
    assert pin.candidate.filename == "lib-1.0-py3-none-any.whl"


def test_index_remarks_reach_the_user(cw: Cw) -> None:
    class Heard:
        def __init__(self) -> None:
            self.said: list[tuple[str, str]] = []

        def note(self, level: str, message: str) -> None:
            self.said.append((level, message))

        def begin(self, kind: str, label: str, total: int | None = None) -> int:
            return 0

        def advance(self, task: int, amount: int = 1) -> None:
            return None

        def end(self, task: int) -> None:
            return None

    with IndexServer() as index:
        index.add(wheel_filename("old", "1.0"), wheel_bytes("old", "1.0", {}), yanked="use new")
        index.status["old"] = "archived"
        cw.write("cw.toml", f'index-url = "{index.url}"\n')
        with cw.session("pip install", python="v") as session:
            environment = session.environment(mutating=True)
            answered = answer(session.job(), Question(asked("old==1.0"), session.target(environment)))
            heard = Heard()
            with_files(answered, ["old"], heard)
            with_files(answered, [], heard)
    assert len(heard.said) == 2
    assert all(level == "warning" for level, _ in heard.said)
    assert "use new" in heard.said[1][1]


def test_installed_metadata_is_read_lazily() -> None:
    read: list[str] = []

    def metadata(one: Installed) -> Metadata | None:
        read.append(one.name)
        return Metadata(one.name, one.version) if one.name != "broken" else None

    found = InstalledMetadata(
        [Installed(name, "1.0", f"/site/{name}") for name in ("a", "b", "broken", "again")], metadata, without=["again"]
    )
    assert read == []
    assert list(found) == ["a", "b", "broken"]
    assert len(found) == 3
    assert found["a"][0] == "1.0"
    assert found["a"][1].name == "a"
    assert found.get("broken") is None
    assert "broken" not in found
    assert "again" not in found
    assert found.get("nothing", "default") == "default"
    with pytest.raises(KeyError):
        found["broken"]
    assert read == ["a", "broken"]


def test_lowest_resolution_warns_about_missing_bounds(cw: Cw, capsys: pytest.CaptureFixture[str]) -> None:
    assert resolved(cw, "lib>=1.0", given={"resolution": "lowest"})["lib"].version == "1.0"
    assert isinstance(asked("lib")[0], Requirement)
