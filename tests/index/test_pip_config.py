"""What pip is configured with: held against configparser and against pip itself, which is asked in a process of its own."""

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel import process
from commonwheel.index.pip_config import NoDefaultIndex, PipConfigurationError, built_in, configured, files, parse
from kit.pages import MemoryPages

PIP_ORACLE = """
import json, os, sys
from pip._internal.commands import create_command
command = create_command("install")
options = command.parser.get_default_values()
print(json.dumps({
    "index_url": options.index_url, "extra_index_urls": options.extra_index_urls, "find_links": options.find_links,
    "no_index": bool(options.no_index), "cert": options.cert, "client_cert": options.client_cert, "proxy": options.proxy,
    "trusted_hosts": options.trusted_hosts,
}))
"""


# --- the syntax -------------------------------------------------------------------------------------------------------


def oracle(text: str) -> dict[str, dict[str, str]] | None:
    class Parser(configparser.RawConfigParser):
        def optionxform(self, optionstr: str) -> str:
            return optionstr.lower().replace("_", "-").removeprefix("--")

    parser = Parser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {section: dict(parser.items(section)) for section in parser.sections()}


pieces = st.sampled_from(
    [
        "[global]", "[install]", "[DEFAULT]", "[]", "[a] x", "index-url = https://a.example/simple", "Index_URL: x", "find-links =", "    /one",
        "  /two  ", "# note", "; note", "  # deep note", "", "   ", "no value here", "= nothing", "a=b=c", "a : b = c", "--cert=x", "x = # no comment",
        "\tdeeper", "proxy=http://user:pass@proxy.example:1",
    ]
)  # fmt: skip


@given(st.lists(pieces, max_size=10))
def test_parsing_matches_configparser(lines: list[str]) -> None:
    text = "\n".join(lines)
    expected = oracle(text)
    if expected is None:
        with pytest.raises(ValueError, match="line"):
            parse(text)
    else:
        assert parse(text) == expected


def test_unreadable_line_is_named() -> None:
    with pytest.raises(ValueError, match="line 3: `nonsense` is no"):
        parse("[global]\nindex-url = x\nnonsense\n")


# --- the values --------------------------------------------------------------------------------------------------------


class Home:
    """Lay out configuration files and an environment that sees no others."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.environ = {
            "HOME": f"{root}/home",
            "XDG_CONFIG_DIRS": f"{root}/etc/xdg",
            "PATH": os.environ["PATH"],
            "PIP_X": "1",
        }

    def write(self, path: str, text: str) -> str:
        whole = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)
        return whole

    def ask_pip(self) -> dict[str, object]:
        said = subprocess.run(
            [sys.executable, "-c", PIP_ORACLE], env=self.environ, capture_output=True, text=True, check=True
        )
        answer: dict[str, object] = json.loads(said.stdout)
        return answer


@pytest.fixture
def home(place: str) -> Home:
    return Home(place)


CASES: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "each file outweighs the one before": (
        {
            "etc/xdg/pip/pip.conf": "[global]\nindex-url = https://one.example/simple\nproxy = http://one.example:1\ncert = /one.pem\n",
            "home/.pip/pip.conf": "[global]\nindex-url = https://two.example/simple\nproxy = http://two.example:1\n",
            "home/.config/pip/pip.conf": "[global]\nindex-url = https://three.example/simple\n",
        },
        {},
    ),
    "lists replace lists": (
        {
            "etc/xdg/pip/pip.conf": "[global]\nextra-index-url =\n    https://a.example/simple\n    https://b.example/simple\nfind-links = /a /b\n",
            "home/.config/pip/pip.conf": "[global]\nextra_index_url = https://c.example/simple\n[install]\ntrusted-host = x.example\n  y.example:8080\n",
        },
        {"PIP_FIND_LINKS": "/c"},
    ),
    "the command outweighs the general section of a later file": (
        {
            "etc/xdg/pip/pip.conf": "[install]\nindex-url = https://command.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nindex-url = https://global.example/simple\n[download]\nindex-url = https://no.example/\n",
        },
        {},
    ),
    "a variable outweighs all, an empty one says nothing": (
        {
            "home/.config/pip/pip.conf": "[install]\nindex-url = https://file.example/simple\nno-index = yes\nclient-cert = /c.pem\n"
        },
        {"PIP_INDEX_URL": "https://variable.example/simple", "PIP_CLIENT_CERT": "", "PIP_NO_INDEX": "0"},
    ),
    "an empty value unsets an earlier one": (
        {
            "etc/xdg/pip/pip.conf": "[global]\nproxy = http://one.example:1\nindex-url = https://one.example/simple\n",
            "home/.config/pip/pip.conf": "[global]\nproxy =\n",
        },
        {},
    ),
    "another file instead of the user's": (
        {
            "etc/xdg/pip/pip.conf": "[global]\ncert = /etc.pem\n",
            "home/.config/pip/pip.conf": "[global]\nindex-url = https://user.example/simple\n",
            "special.conf": "[global]\nproxy = http://special.example:1\n",
        },
        {"PIP_CONFIG_FILE": "{root}/special.conf"},
    ),
    "another file that is not there": (
        {"home/.config/pip/pip.conf": "[global]\nindex-url = https://user.example/simple\n"},
        {"PIP_CONFIG_FILE": "{root}/missing.conf"},
    ),
    "no file at all": (
        {"home/.config/pip/pip.conf": "[global]\nindex-url = https://user.example/simple\n"},
        {"PIP_CONFIG_FILE": os.devnull, "PIP_PROXY": "http://x.example:1"},
    ),
    "an alias": ({"home/.config/pip/pip.conf": "[global]\npypi-url = https://alias.example/simple\n"}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_configuration_matches_pip(home: Home, case: str) -> None:
    laid_out, variables = CASES[case]
    for path, text in laid_out.items():
        home.write(path, text)
    home.environ.update({name: value.replace("{root}", home.root) for name, value in variables.items()})
    said = home.ask_pip()
    found = configured(home.environ)
    default = subprocess.run(
        [sys.executable, "-I", "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert (found.index_url.secret if found.index_url else default) == said["index_url"]
    assert [url.secret for url in found.extra_index_urls] == said["extra_index_urls"]
    assert list(found.find_links) == said["find_links"]
    assert found.no_index == said["no_index"]
    assert found.certificates == (said["cert"] or "")
    assert found.client_certificate == (said["client_cert"] or "")
    assert found.proxy == (said["proxy"] or "")
    assert list(found.trusted_hosts) == said["trusted_hosts"]


def test_every_value_has_its_origin(home: Home) -> None:
    path = home.write("home/.config/pip/pip.conf", "[global]\nindex-url = https://user:secret@a.example/simple\n")
    home.environ["PIP_PROXY"] = "http://x.example:1"
    found = configured(home.environ)
    assert found.origins["index-url"] == path
    assert found.origins["proxy"] == "PIP_PROXY"
    assert "secret" not in repr(found)


def test_environment_configuration_file_counts(home: Home) -> None:
    home.write("venv/pip.conf", "[global]\nindex-url = https://venv.example/simple\n")
    home.write("home/.config/pip/pip.conf", "[global]\nindex-url = https://user.example/simple\n")
    found = configured(home.environ, (f"{home.root}/venv",))
    assert found.index_url is not None
    assert found.index_url.secret == "https://venv.example/simple"
    assert files(home.environ, (f"{home.root}/venv",))[-1] == f"{home.root}/venv/pip.conf"


def test_unreadable_pip_configuration_is_an_error(home: Home) -> None:
    """The next index in line may be a stranger's: a broken file must not be passed over."""
    path = home.write("home/.config/pip/pip.conf", "index-url = https://a.example/simple\n")
    with pytest.raises(PipConfigurationError) as caught:
        configured(home.environ)
    assert path in caught.value.message
    assert "line 1" in caught.value.message
    home.write("home/.config/pip/pip.conf", "[global]\nno-index = perhaps\n")
    with pytest.raises(PipConfigurationError, match="perhaps"):
        configured(home.environ)
    with open(path, "wb") as file:
        file.write(b"[global]\nindex-url = \xff\xfe\n")
    with pytest.raises(PipConfigurationError, match="cannot understand"):
        configured(home.environ)


# --- the default of pip ----------------------------------------------------------------------------------------------------


class Runs:
    """Run programs, and count them."""

    def __init__(self) -> None:
        self.argv: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str], limit: float) -> process.Finished:
        self.argv.append(argv)
        return process.run(argv, timeout=limit)


def test_pip_default_is_asked_once() -> None:
    memory, runs = MemoryPages(), Runs()
    first = built_in(memory, runs, (sys.executable,), {})
    assert first.secret.startswith("https://")
    assert len(runs.argv) == 1
    assert built_in(memory, runs, (sys.executable,), {}) == first
    assert len(runs.argv) == 1
    assert set(memory.records) == {("defaults", "pip-index")}


def test_another_pip_is_asked_separately(place: str) -> None:
    memory, runs = MemoryPages(), Runs()
    built_in(memory, runs, (sys.executable,), {})
    record = memory.records["defaults", "pip-index"]
    lines = record.decode().split("\n")
    lines[4] = "1-2-3"  # the pip that answered has another size and time now
    memory.records["defaults", "pip-index"] = "\n".join(lines).encode()
    built_in(memory, runs, (sys.executable,), {})
    assert len(runs.argv) == 2
    for damage in (b"", b"rubbish", record[:-30], record.replace(b"\n", b" ")):
        memory.records["defaults", "pip-index"] = damage
        built_in(memory, runs, (sys.executable,), {})
    assert memory.records["defaults", "pip-index"] == record
    # one that would no longer be asked has no say
    other = f"{place}/python"
    os.symlink(sys.executable, other)
    count = len(runs.argv)
    built_in(memory, runs, (other,), {})
    assert len(runs.argv) == count + 1


def test_bundled_pip_wheel_is_the_fallback(place: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", f"{place}/venv"], check=True)
    runs = Runs()
    alone = built_in(MemoryPages(), runs, (f"{place}/venv/bin/python",), {})
    assert alone == built_in(MemoryPages(), runs, (sys.executable,), {})


def test_pip_is_found_by_its_script_on_path(place: str) -> None:
    os.makedirs(f"{place}/bin")
    with open(f"{place}/bin/pip", "w", encoding="utf-8") as file:
        file.write(f"#!{sys.executable}\nraise SystemExit('never run')\n")
    found = built_in(MemoryPages(), Runs(), (f"{place}/missing",), {"PATH": f"relative:{place}/bin"})
    assert found.secret.startswith("https://")
    with open(f"{place}/bin/pip", "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\nraise SystemExit\n")
    assert built_in(MemoryPages(), Runs(), (), {"PATH": f"{place}/bin"}) == found


def test_missing_pip_error_has_a_hint(place: str) -> None:
    with pytest.raises(NoDefaultIndex) as caught:
        built_in(MemoryPages(), Runs(), (f"{place}/missing", "/bin/false"), {"PATH": ""})
    assert "--default-index" in (caught.value.hint or "")
    assert len(caught.value.context) == 2
    assert caught.value.exit_status == 2
