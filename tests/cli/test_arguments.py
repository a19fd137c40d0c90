"""Command lines: the rules of clap, which uv's users know."""

import pytest

from commonwheel.cli import COMMANDS, load
from commonwheel.cli.arguments import Arguments, UnknownOption, leading, parse
from commonwheel.errors import UsageError

SOME = Arguments(
    "Try", "[WORD]...", 0, None, (("", "quiet upgrade python constraints only-binary timeout link-mode format help"),)
)


@pytest.mark.parametrize(
    ("line", "positional", "given"),
    [
        ("a b", "a b", {}),
        ("a -U b", "a b", {"upgrade": True}),
        ("--no-upgrade", "", {"upgrade": False}),
        ("-U --no-upgrade", "", {"upgrade": False}),
        ("-p 3.12", "", {"python": "3.12"}),
        ("-p3.12", "", {"python": "3.12"}),
        ("-p=3.12", "", {"python": "3.12"}),
        ("--python 3.12", "", {"python": "3.12"}),
        ("--python=3.12", "", {"python": "3.12"}),
        ("--python= x", "x", {"python": ""}),
        ("-c a -c b", "", {"constraints": ["a", "b"]}),
        ("-qq", "", {"quiet": 2}),
        ("-q -q", "", {"quiet": 2}),
        ("-qUp3", "", {"quiet": 1, "upgrade": True, "python": "3"}),
        ("-- -U --python", "-U --python", {}),
        ("-", "-", {}),
        ("--timeout 2.5", "", {"timeout": 2.5}),
        ("--format json", "", {"format": "json"}),
        ("-p -U", "", {"python": "-U"}),
    ],
)
def test_parse_arguments(line: str, positional: str, given: dict[str, object]) -> None:
    parsed = parse(SOME, line.split())
    assert (parsed.positional, parsed.given) == (tuple(positional.split()), given)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--pyton 3", "--python"),
        ("-x", "`-x`"),
        ("-Ux", "`-x`"),
        ("--python", "needs a value"),
        ("-p", "needs a value"),
        ("-p a -p b", "`-p` is given twice"),
        ("--upgrade=yes", "takes no value"),
        ("--timeout soon", "not a number"),
        ("--link-mode magic", "choose one of"),
        ("--format yaml", "choose one of text, json"),
        ("--up", "`--up`"),  # no abbreviations: a new option must not change what a script means
    ],
)
def test_invalid_arguments_get_suggestions(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(SOME, line.split())
    assert said in f"{caught.value} {caught.value.hint}"


def test_positional_arguments_are_counted_unless_help() -> None:
    one = Arguments("Try", "FILE", 1, 1, (("", "help"),))
    for line in ([], ["a", "b"]):
        with pytest.raises(UsageError):
            parse(one, line)
        assert parse(one, [*line, "--help"]).given == {"help": True}


@pytest.mark.parametrize("spelling", ["--user", "--root", "--platform", "--require-build-hashes"])
def test_unsupported_pip_options_have_a_hint(spelling: str) -> None:
    with pytest.raises(UnknownOption) as caught:
        parse(load(COMMANDS["pip install"][0]), [spelling, "x"])
    assert "`" in str(caught.value.hint)


def test_options_before_the_command() -> None:
    given, taken = leading(SOME, ["-q", "--python", "3", "pip", "-U"])
    assert (given, taken) == ({"quiet": 1, "python": "3"}, 3)


def test_options_of_a_command_have_distinct_spellings() -> None:
    """An earlier one keeps a contested spelling; where that happens it is on purpose."""
    known = {
        "pip uninstall": set(), "pip list": {"-e", "--editable"}, "pip compile": set(),
    }  # fmt: skip
    for name, row in COMMANDS.items():
        seen: dict[str, str] = {}
        for key in load(row[0]).names():
            option = load("arguments:OPTIONS")[key]
            for spelling in option.flags + option.off:
                if spelling in seen and seen[spelling] != key:
                    assert spelling in known.get(name, set()), (name, spelling, seen[spelling], key)
                seen.setdefault(spelling, key)


UV = {
    "pip install": "--requirements --editable --constraints --overrides --excludes --build-constraints --extra --all-extras --group --no-deps "
    "--require-hashes --no-verify-hashes --system --break-system-packages --target --prefix --no-build --no-binary --only-binary "
    "--python-version --python-platform --exact --strict --dry-run --check --output-format --torch-backend --cert --no-editable "
    "--no-editable-package --upgrade --upgrade-package --upgrade-group --resolution --prerelease --prerelease-package --exclude-newer "
    "--exclude-newer-package --fork-strategy --no-sources --no-sources-package --reinstall --reinstall-package --force-reinstall "
    "--link-mode --compile-bytecode --config-setting --config-settings-package --no-build-isolation --no-build-isolation-package "
    "--refresh --refresh-package --index --default-index --index-url --extra-index-url --find-links --no-index --index-strategy "
    "--keyring-provider --no-cache --cache-dir --python --managed-python --no-managed-python --no-python-downloads --quiet --verbose "
    "--color --offline --no-progress --directory --project --config-file --no-config --allow-insecure-host --system-certs --native-tls "
    "--pre --trusted-host --no-cache-dir --no-compile --constraint --no-warn-script-location --disable-pip-version-check --no-input "
    "--progress-bar --timeout --retries --report --root-user-action --upgrade-strategy --ignore-installed",
    "pip compile": "--output-file --format --generate-hashes --universal --no-strip-extras --no-strip-markers --no-annotate "
    "--annotation-style --no-header --custom-compile-command --emit-index-url --emit-find-links --emit-build-options "
    "--emit-index-annotation --no-emit-package",
    "pip sync": "--allow-empty-requirements --dry-run --strict",
    "pip uninstall": "--requirements --target --prefix --dry-run --yes",
    "pip freeze": "--exclude-editable --exclude --strict --path --target --prefix",
    "pip list": "--editable --exclude-editable --exclude --format --outdated --strict",
    "pip show": "--files --strict",
    "pip tree": "--depth --prune --package --no-dedupe --invert --outdated --show-sizes --show-version-specifiers",
    "pip check": "--python-version --python-platform",
    "venv": "--python --seed --clear --force --allow-existing --prompt --system-site-packages --relocatable --no-project --link-mode",
    "python list": "--only-installed --all-versions --output-format --show-urls",
    "python find": "--system --no-project --script --show-version --resolve-links",
}


@pytest.mark.parametrize("name", UV)
def test_options_of_uv_exist(name: str) -> None:
    spellings = load(COMMANDS[name][0]).spellings()
    assert [option for option in UV[name].split() if option not in spellings] == []
