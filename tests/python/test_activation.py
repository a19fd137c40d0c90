"""Activation scripts, run by the shells that they are for."""

import os
import runpy
import shutil
import subprocess
import sys

import pytest

from commonwheel.python import activation, venv
from kit import pythons as kit

NAMES = [
    "plain",
    "with space",
    "it's",
    'say "hi"',
    "$HOME `date` $(date)",
    "back\\slash\\",
    "wow!  !!",
    "@@ROOT@@ {x} %s %n",
    "é ☃ \u2019",
    "-dash",
]
SHELLS = ["bash", "dash", "zsh", "fish", "tcsh"]

# activates, tells, and leaves again; every value between marks, since values hold anything
POSIX = """
set -eu
say () {{ printf '%s=[%s]\\n' "$1" "$2"; }}
before=$PATH
PS1='old$ '
PYTHONHOME=/nowhere; export PYTHONHOME
. {script}
say env "$VIRTUAL_ENV"
say name "$VIRTUAL_ENV_PROMPT"
say python "$(command -v python)"
say home "${{PYTHONHOME-none}}"
say prompt "$PS1"
{shown}
deactivate
say after "${{VIRTUAL_ENV-none}} ${{VIRTUAL_ENV_PROMPT-none}} $PS1 $PYTHONHOME"
[ "$PATH" = "$before" ] && say path same
command -v deactivate >/dev/null || say function gone
"""
SHOWN = {
    "bash": 'say shown "${PS1@P}"',
    "zsh": 'say shown "$(print -rP -- "$PS1")"; setopt promptsubst; deactivate; PS1="old$ "; . @SCRIPT@; say subst "$(print -rP -- "$PS1")"',
    "dash": "",
}
FISH = """
set before "$PATH"
set -gx PYTHONHOME /nowhere
function fish_prompt; printf 'old> %s' $status; end
source {script}
printf 'env=[%s]\\n' "$VIRTUAL_ENV"
printf 'name=[%s]\\n' "$VIRTUAL_ENV_PROMPT"
printf 'python=[%s]\\n' (command -v python | string collect)
set -q PYTHONHOME; or printf 'home=[none]\\n'
false
printf 'shown=[%s]\\n' (fish_prompt | string collect)
deactivate
set -q VIRTUAL_ENV; or set -q VIRTUAL_ENV_PROMPT; or printf 'after=[none none %s %s]\\n' (true; fish_prompt | string collect) $PYTHONHOME
test "$before" = "$PATH"; and printf 'path=[same]\\n'
functions -q deactivate; or printf 'function=[gone]\\n'
"""
CSH = """
set before="$PATH:q"
set prompt="old> "
source {script}
printf 'env=[%s]\\n' "$VIRTUAL_ENV:q"
printf 'name=[%s]\\n' "$VIRTUAL_ENV_PROMPT:q"
printf 'python=[%s]\\n' "`which python`"
printf 'shown=[%s]\\n' "$prompt:q"
deactivate
if (! $?VIRTUAL_ENV && ! $?VIRTUAL_ENV_PROMPT) printf 'after=[none none %s]\\n' "$prompt:q"
if ("$PATH:q" == "$before:q") printf 'path=[same]\\n'
"""


def need(shell: str) -> str:
    path = shutil.which(shell)
    if path:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has to have {shell}", pytrace=False)
    pytest.skip(f"no {shell} here")


def told(shell: str, text: str, cwd: str) -> dict[str, str]:
    argv = {"zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"], "tcsh": ["tcsh", "-f"], "bash": ["bash", "--norc"]}
    clean = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME", "PS1")}
    with open(os.path.join(cwd, "script"), "w", encoding="utf-8") as file:
        file.write(text)
    answer = subprocess.run(
        [*argv.get(shell, [shell]), "./script"], capture_output=True, text=True, check=False, cwd=cwd,
        env={**clean, "LC_ALL": "C.UTF-8", "HOME": cwd, "TERM": "dumb", "PATH": "/usr/local/bin:/usr/bin:/bin"},
    )  # fmt: skip
    assert not answer.stderr, answer.stderr
    lines = [line.partition("=") for line in answer.stdout.splitlines()]
    return {key: value[1:-1] for key, _, value in lines}


def program(shell: str, script: str) -> str:
    if shell == "fish":
        return FISH.format(script=activation.quote_fish(script))
    if shell == "tcsh":
        return CSH.format(script=activation.quote_csh(script))
    quoted = activation.quote_posix(script)
    return POSIX.format(script=quoted, shown=SHOWN[shell].replace("@SCRIPT@", quoted))


SUFFIX = {"fish": ".fish", "tcsh": ".csh"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shell", SHELLS)
def test_activate_and_deactivate(shell: str, name: str, place: str) -> None:
    need(shell)
    root = venv.create(os.path.join(place, name), kit.probed(kit.newest()))
    found = told(shell, program(shell, f"{root}/bin/activate{SUFFIX.get(shell, '')}"), place)
    assert found["env"] == root
    assert found["name"] == name
    assert found["python"] == f"{root}/bin/python"
    assert found["path"] == "same"
    if shell != "dash":
        assert found["shown"] == f"({name}) old" + {"fish": "> 1", "tcsh": "> "}.get(shell, "$ ")
    if shell == "zsh":
        assert found["subst"] == found["shown"]
    old = {"fish": "old> 0 /nowhere", "tcsh": "old> "}.get(shell, "old$  /nowhere")
    assert found["after"] == f"none none {old}"
    if shell != "tcsh":
        assert found["home"] == "none"
        assert found["function"] == "gone"


@pytest.mark.parametrize("prompt", ["", "my $(touch bad) `touch bad` 100% !", "it's"])
@pytest.mark.parametrize("shell", SHELLS)
def test_prompt(shell: str, prompt: str, place: str) -> None:
    need(shell)
    root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()), venv.Options(prompt=prompt))
    found = told(shell, program(shell, f"{root}/bin/activate{SUFFIX.get(shell, '')}"), place)
    assert found["name"] == (prompt or "env")
    assert not os.path.exists(os.path.join(place, "bad"))


@pytest.mark.parametrize("name", ["with space", "it's $HOME", "é\\"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_relocatable_environment_finds_itself(shell: str, name: str, place: str) -> None:
    need(shell)
    root = venv.create(os.path.join(place, "first"), kit.probed(kit.newest()), venv.Options(relocatable=True))
    moved = os.path.join(place, name)
    os.rename(root, moved)
    found = told(shell, program(shell, f"{moved}/bin/activate{SUFFIX.get(shell, '')}"), place)
    assert found["env"] == os.path.realpath(moved)
    assert found["name"] == name
    assert found["path"] == "same"


def test_shell_without_script_path_says_so(place: str) -> None:
    root = venv.create(os.path.join(place, "first"), kit.probed(kit.newest()), venv.Options(relocatable=True))
    stay = told("dash", program("dash", f"{root}/bin/activate"), place)
    assert stay["env"] == root
    os.rename(root, os.path.join(place, "second"))
    script = activation.quote_posix(os.path.join(place, "second/bin/activate"))
    answer = subprocess.run(
        [need("dash"), "-c", f'. {script} || echo "left with $? ${{VIRTUAL_ENV-none}}"'],
        capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert answer.stdout == "left with 1 none\n"
    assert "cannot tell" in answer.stderr


def test_csh_finds_a_moved_environment_from_the_typed_path(place: str) -> None:
    need("tcsh")
    root = venv.create(os.path.join(place, "first"), kit.probed(kit.newest()), venv.Options(relocatable=True))
    os.rename(root, os.path.join(place, "second"))
    typed = "source second/bin/activate.csh\nprintf 'env=[%s]' \"$VIRTUAL_ENV:q\"\nexit\n"
    answer = subprocess.run(
        [need("script"), "-qec", "tcsh -f", "/dev/null"], input=typed, capture_output=True, text=True, check=True,
        cwd=place, env={"PATH": "/usr/bin:/bin", "HOME": place, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert f"env=[{place}/second]" in answer.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_environment_over_one_of_another_tool(shell: str, place: str) -> None:
    need(shell)
    ours = venv.create(os.path.join(place, "ours"), kit.probed(kit.newest()))
    kit.make_environment("venv", kit.newest(), os.path.join(place, "theirs"))
    text = (
        f"before=$PATH; PS1=old\n. {activation.quote_posix(place)}/theirs/bin/activate\n"
        f". {activation.quote_posix(ours)}/bin/activate\nprintf 'env=[%s]\\n' \"$VIRTUAL_ENV\"\n"
        f'deactivate\n[ "$PATH" = "$before" ] && printf \'path=[same]\\n\'\nprintf \'prompt=[%s]\\n\' "$PS1"\n'
    )
    assert told(shell, text, place) == {"env": ours, "path": "same", "prompt": "old"}


def test_prompt_can_be_disabled(place: str) -> None:
    root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
    script = activation.quote_posix(f"{root}/bin/activate")
    text = f"PS1=old; VIRTUAL_ENV_DISABLE_PROMPT=1\n. {script}\nprintf 'prompt=[%s]\\n' \"$PS1\"\n"
    assert told("bash", text, place) == {"prompt": "old"}


def test_bash_strict_mode_without_prompt(place: str) -> None:
    root = venv.create(os.path.join(place, "env"), kit.probed(kit.newest()))
    script = activation.quote_posix(f"{root}/bin/activate")
    text = f"set -euo pipefail; unset PS1\n. {script}\n. {script}\nprintf 'env=[%s]\\n' \"$VIRTUAL_ENV\"\ndeactivate\n"
    assert told("bash", text, place) == {"env": root}


def test_activation_from_python(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = os.path.join(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    root = venv.create(os.path.join(place, "it's"), kit.probed(python))
    site = os.path.join(root, kit.probed(python).venv_paths["purelib"])
    with open(os.path.join(site, "cw_only_here.py"), "w", encoding="utf-8") as file:
        file.write("x = 1\n")
    for name in ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "prefix", sys.prefix)
    runpy.run_path(f"{root}/bin/activate_this.py")
    assert sys.path[0] == site
    assert os.environ["VIRTUAL_ENV"] == root == sys.prefix
    assert os.environ["VIRTUAL_ENV_PROMPT"] == "it's"
    assert os.environ["PATH"].startswith(f"{root}/bin{os.pathsep}")


@pytest.mark.parametrize("name", NAMES)
def test_powershell(name: str, place: str) -> None:
    if not shutil.which("pwsh"):
        quoted = activation.quote_powershell(name)
        assert quoted.count("'") % 2 == 0  # what can be said without a PowerShell: each quote within is doubled
        assert quoted[1:-1].replace("''", "'").replace("\u2019\u2019", "\u2019") == name
        return
    root = venv.create(os.path.join(place, name), kit.probed(kit.newest()))
    script = activation.quote_powershell(f"{root}/bin/Activate.ps1")
    text = f'. {script}; $env:VIRTUAL_ENV; $env:VIRTUAL_ENV_PROMPT; (Get-Command python).Source; deactivate; "$env:VIRTUAL_ENV"'
    answer = subprocess.run(["pwsh", "-NoProfile", "-Command", text], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == [root, name, f"{root}/bin/python", ""]
