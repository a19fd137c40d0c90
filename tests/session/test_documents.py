"""Files of requirements that cannot be read."""

import pytest

from commonwheel.errors import UsageError
from commonwheel.session import documents
from kit.cli import Cw


def test_requirement_files_errors(cw: Cw) -> None:
    with cw.session() as session:
        texts = documents.Texts(session.job().network.client_for)
        with pytest.raises(UsageError, match="cannot be read"):
            texts.project("none.toml")
        with pytest.raises(UsageError, match=r"none\.py"):
            texts.script("none.py", cw.path("none.py"))
        cw.write("plain.py", "print(1)\n")
        assert texts.script("plain.py", cw.path("plain.py")) is None
        with pytest.raises(UsageError, match=r"pylock\.toml"):
            texts.lock("pylock.toml", cw.path("pylock.toml"))
