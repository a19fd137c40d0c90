"""From what is asked to pins with files: names for what has none, hashes, what may stay, what is remarked."""

import hashlib

import pytest

from commonwheel.model import Digest, Installed, Metadata, Origin, PathSource, Requirement
from commonwheel.road.resolving import (
    HashesMissing,
    InstalledMetadata,
    Question,
    Unhashed,
    answer,
    demanded,
    with_files,
)
from commonwheel.specs.requirement import parse
from kit.cli import Cw
from kit.index_server import IndexServer
from kit.wheels import make_wheel, wheel_bytes, wheel_filename


@pytest.fixture
def cw(tmp_path):
    cw = Cw(tmp_path)
    cw.write("cw.toml", 'find-links = ["wheels"]\nno-index = true\n')
    for version in ("1.0", "2.0"):
        make_wheel(cw.path("wheels"), "lib", version, {"lib.py": version})
    make_wheel(cw.path("wheels"), "app", "1.0", {"app.py": ""}, requires=["lib", "odd ; sys_platform == 'nowhere'"])
    cw("venv", "v").ok()
    return cw


def asked(*lines, base="/"):
    return [parse(line, Origin("r.txt", number), base_directory=base) for number, line in enumerate(lines, 1)]


def resolved(cw, *lines, given=None, **fields):
    """Return an answer to a question of one environment; with files."""
    with cw.session("pip install", python="v", **(given or {})) as session:
        environment = session.environment(mutating=True)
        answered = answer(session.job(), Question(asked(*lines, base=cw.cwd), session.target(environment), **fields))
        return {pin.name: pin for pin in with_files(answered)}


def sha256(cw, name):
    with open(cw.path("wheels", f"{name}-py3-none-any.whl"), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def test_pins_have_their_files_and_know_who_was_asked_for(cw):
    pins = resolved(cw, "app")
    assert {name: (pin.version, pin.requested) for name, pin in pins.items()} == {
        "app": ("1.0", True),
        "lib": ("2.0", False),
    }
    assert pins["lib"].candidate.filename == "lib-2.0-py3-none-any.whl"


def test_a_line_that_does_not_hold_here_is_left_out(cw):
    assert set(resolved(cw, "lib", "app ; python_version < '3'")) == {"lib"}


def test_a_place_without_a_name_gets_one(cw):
    pins = resolved(cw, "./wheels/lib-1.0-py3-none-any.whl", "app")
    assert isinstance(pins["lib"].source, PathSource)
    assert pins["lib"].version == "1.0"


def test_one_name_from_two_places_is_refused(cw):
    from commonwheel.errors import CommonwheelError

    with pytest.raises(CommonwheelError) as caught:
        resolved(cw, "./wheels/lib-1.0-py3-none-any.whl", "./wheels/lib-2.0-py3-none-any.whl")
    assert "`lib`" in str(caught.value)
    assert len(caught.value.context) >= 2


def test_a_constraint_may_bind_a_name_to_a_place(cw):
    url = "file://" + cw.path("wheels", "lib-1.0-py3-none-any.whl")
    pins = resolved(cw, "app", constraints=asked(f"lib @ {url}"))
    assert isinstance(pins["lib"].source, PathSource)


def test_hash_mode_names_all_lines_that_fall_short(cw):
    with pytest.raises(HashesMissing) as caught:
        resolved(cw, "lib", "app==1.0", "./wheels", "lib==1.0 ; python_version < '3'", hashed=True)
    assert [line.partition(": ")[0] for line in caught.value.context] == ["r.txt:1", "r.txt:2", "r.txt:3"]


def with_hashes(line, *digests):
    return parse(line, Origin("r.txt", 1), base_directory="/").replaced(digests=tuple(Digest(*one) for one in digests))


def test_md5_alone_is_no_hash(cw):
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question([with_hashes("lib==1.0", ("md5", "0" * 32))], session.target(environment), hashed=True)
        with pytest.raises(HashesMissing, match="hash mode"):
            answer(session.job(), question)


def test_what_is_brought_in_must_be_hashed_too(cw):
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question(
            [with_hashes("app==1.0", ("sha256", sha256(cw, "app-1.0")))], session.target(environment), hashed=True
        )
        pins = with_files(answer(session.job(), question))
    with pytest.raises(Unhashed) as caught:
        demanded(pins, hashed=True)
    assert "lib==2.0" in caught.value.context[0]
    demanded(pins, hashed=False)


def test_of_several_files_the_one_with_the_hash_is_taken(cw):
    make_wheel(cw.path("wheels"), "lib", "1.0", {"lib.py": "other"}, build="7")
    with cw.session("pip install", python="v") as session:
        environment = session.environment(mutating=True)
        question = Question(
            [with_hashes("lib==1.0", ("sha256", sha256(cw, "lib-1.0")))], session.target(environment), hashed=True
        )
        (pin,) = with_files(answer(session.job(), question))
    assert pin.candidate is not None
    assert pin.candidate.filename == "lib-1.0-py3-none-any.whl"


def test_remarks_of_the_index_reach_the_user(cw):
    class Heard:
        def __init__(self):
            self.said = []

        def note(self, level, message):
            self.said.append((level, message))

        def begin(self, kind, label, total=None):
            return 0

        def advance(self, task, amount=1):
            return None

        def end(self, task):
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


def test_what_is_installed_is_read_when_it_is_looked_at():
    read = []

    def metadata(one):
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


def test_the_lowest_versions_come_with_a_word_about_missing_bounds(cw, capsys):
    assert resolved(cw, "lib>=1.0", given={"resolution": "lowest"})["lib"].version == "1.0"
    assert isinstance(asked("lib")[0], Requirement)
