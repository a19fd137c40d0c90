r"""The scripts that put an environment into a shell: sh (bash, zsh, dash, ksh), csh, fish, PowerShell, and Python itself.

The variables are those that every tool knows: VIRTUAL_ENV, VIRTUAL_ENV_PROMPT, and `_OLD_VIRTUAL_*` for what was there before,
so that activating one environment over another tool's restores what that one found.

Paths and prompts go in as quoted literals. A prompt never reaches a shell that would evaluate it: bash and dash expand PS1 each
time they show it, so there it holds a reference to the variable, whose value is not expanded again.

Laws of this file: text in, text out.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def scripts(root: str, prompt: str, site: str, *, relocatable: bool = False) -> "dict[str, str]":
    """Return the files that go to `bin`, by name.

    `root` is the absolute path of the environment; `prompt` is "" for the name of its directory; `site` is the path of its site
    directory, relative to `root`. With `relocatable` they find out where they are; a shell that cannot tell uses `root`
    as long as it is there.
    """
    return {
        "activate": _posix(root, prompt, relocatable=relocatable),
        "activate.csh": _csh(root, prompt, relocatable=relocatable),
        "activate.fish": _fish(root, prompt, relocatable=relocatable),
        "Activate.ps1": _powershell(root, prompt, relocatable=relocatable),
        "activate_this.py": _python(site, prompt),
    }


def _filled(template: str, quote: "Callable[[str], str]", root: str, prompt: str, *, relocatable: bool) -> str:
    # one pass: a path may hold what looks like a placeholder
    found = []
    values = {"ROOT": quote(root), "PROMPT": quote(prompt)}
    for line in template.lstrip("\n").split("\n"):
        if line.startswith(("R|", "A|")):  # R: only in relocatable environments, A: only in others
            if relocatable != (line[0] == "R"):
                continue
            line = line[2:]
        head, at, rest = line.partition("@@")
        name, _, tail = rest.partition("@@")
        found.append(head + values[name] + tail if at else line)
    return "\n".join(found)


# --- sh -------------------------------------------------------------------------------------------------------------


def quote_posix(text: str) -> str:
    """Return text as one word of sh."""
    return "'" + text.replace("'", "'\\''") + "'"


_POSIX = r"""
# Put this environment into the shell that reads this file: `. bin/activate`. Take it out again: `deactivate`.

deactivate () {
    if [ -n "${_OLD_VIRTUAL_PATH+x}" ]; then
        PATH=$_OLD_VIRTUAL_PATH
        export PATH
        unset _OLD_VIRTUAL_PATH
    fi
    if [ -n "${_OLD_VIRTUAL_PYTHONHOME+x}" ]; then
        PYTHONHOME=$_OLD_VIRTUAL_PYTHONHOME
        export PYTHONHOME
        unset _OLD_VIRTUAL_PYTHONHOME
    fi
    if [ -n "${_OLD_VIRTUAL_PS1+x}" ]; then
        PS1=$_OLD_VIRTUAL_PS1
        unset _OLD_VIRTUAL_PS1
    fi
    # shells remember where they found a command
    hash -r 2>/dev/null || :
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    if [ "${1-}" != nondestructive ]; then
        unset -f deactivate
    fi
}

R|# Where is this file? Each shell has its own way to tell; `eval` keeps the others from reading it.
R|_cw_root=
R|if [ -n "${BASH_VERSION-}" ]; then
R|    eval '_cw_root=${BASH_SOURCE[0]}'
R|elif [ -n "${ZSH_VERSION-}" ]; then
R|    eval '_cw_root=${(%):-%x}'
R|elif [ -n "${KSH_VERSION-}" ]; then
R|    eval '_cw_root=${.sh.file}' 2>/dev/null
R|fi
R|if [ -n "$_cw_root" ]; then
R|    _cw_root=$(CDPATH= cd -- "$(dirname -- "$_cw_root")/.." && pwd -P && echo x)
R|    _cw_root=${_cw_root%??}
R|else
R|    _cw_root=@@ROOT@@
R|    if [ ! -f "$_cw_root/bin/activate" ]; then
R|        echo "this shell cannot tell where the environment is: use bash, zsh or fish" >&2
R|        unset _cw_root
R|        return 1
R|    fi
R|fi
# an environment that is active gives back what it found
deactivate nondestructive
A|VIRTUAL_ENV=@@ROOT@@
R|VIRTUAL_ENV=$_cw_root
R|unset _cw_root
export VIRTUAL_ENV
VIRTUAL_ENV_PROMPT=@@PROMPT@@
if [ -z "$VIRTUAL_ENV_PROMPT" ]; then
    VIRTUAL_ENV_PROMPT=${VIRTUAL_ENV##*/}
fi
export VIRTUAL_ENV_PROMPT
_OLD_VIRTUAL_PATH=$PATH
PATH=$VIRTUAL_ENV/bin:$PATH
export PATH
if [ -n "${PYTHONHOME+x}" ]; then
    _OLD_VIRTUAL_PYTHONHOME=$PYTHONHOME
    unset PYTHONHOME
fi
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then
    _OLD_VIRTUAL_PS1=${PS1-}
    # The prompt refers to the name and does not hold it: what stands in it is expanded whenever it is shown.
    if [ -z "${ZSH_VERSION-}" ]; then
        PS1='(${VIRTUAL_ENV_PROMPT}) '${PS1-}
    elif eval '[[ -o promptsubst ]]'; then
        PS1='(${VIRTUAL_ENV_PROMPT//[%]/%%}) '${PS1-}
    else
        eval 'PS1="(${VIRTUAL_ENV_PROMPT//[%]/%%}) ${PS1-}"'
    fi
fi
hash -r 2>/dev/null || :
"""


def _posix(root: str, prompt: str, *, relocatable: bool) -> str:
    return _filled(_POSIX, quote_posix, root, prompt, relocatable=relocatable)


# --- csh ------------------------------------------------------------------------------------------------------------


def quote_csh(text: str) -> str:
    r"""Return text as one word of csh, which looks for `!` within quotes too."""
    return "'" + text.replace("'", "'\\''").replace("!", "\\!").replace("\n", "\\\n") + "'"


_CSH = r"""
# Put this environment into the shell: `source bin/activate.csh`. Take it out again: `deactivate`.

alias deactivate 'test $?_OLD_VIRTUAL_PATH != 0 && setenv PATH "$_OLD_VIRTUAL_PATH:q" && unset _OLD_VIRTUAL_PATH; test $?_OLD_VIRTUAL_PROMPT != 0 && set prompt="$_OLD_VIRTUAL_PROMPT:q" && unset _OLD_VIRTUAL_PROMPT; rehash; unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; test "\!:*" != "nondestructive" && unalias deactivate'
R|# `$_` is the command line that reads this file, if somebody typed it; quotes in it are beyond csh
R|set _cw_line=($_)
R|set _cw_root=@@ROOT@@
R|if ( $#_cw_line > 1 ) then
R|    if ( -f "$_cw_line[2]:q" ) set _cw_root="`cd "\""$_cw_line[2]:h/.."\"" && pwd -P`"
R|endif
R|if ( ! -f "$_cw_root:q/bin/activate.csh" ) echo "this shell cannot tell where the environment is: use bash, zsh or fish"
deactivate nondestructive
A|setenv VIRTUAL_ENV @@ROOT@@
R|setenv VIRTUAL_ENV "$_cw_root:q"
R|unset _cw_line _cw_root
setenv VIRTUAL_ENV_PROMPT @@PROMPT@@
if ( "$VIRTUAL_ENV_PROMPT:q" == "" ) setenv VIRTUAL_ENV_PROMPT "$VIRTUAL_ENV:t:q"
set _OLD_VIRTUAL_PATH="$PATH:q"
setenv PATH "$VIRTUAL_ENV:q/bin:$PATH:q"
if ( ! $?VIRTUAL_ENV_DISABLE_PROMPT ) then
    if ( $?prompt ) then
        set _OLD_VIRTUAL_PROMPT="$prompt:q"
        set prompt = "($VIRTUAL_ENV_PROMPT:q) $prompt:q"
    endif
endif
rehash
"""


def _csh(root: str, prompt: str, *, relocatable: bool) -> str:
    return _filled(_CSH, quote_csh, root, prompt, relocatable=relocatable)


# --- fish -----------------------------------------------------------------------------------------------------------


def quote_fish(text: str) -> str:
    """Return text as one word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FISH = r"""
# Put this environment into the shell: `source bin/activate.fish`. Take it out again: `deactivate`.

function deactivate --description 'Leave the virtual environment'
    if set -q _OLD_VIRTUAL_PATH
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if set -q _OLD_VIRTUAL_PYTHONHOME
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if set -q _OLD_FISH_PROMPT_OVERRIDE; and functions -q _old_fish_prompt
        functions -e fish_prompt
        functions -c _old_fish_prompt fish_prompt
        functions -e _old_fish_prompt
        set -e _OLD_FISH_PROMPT_OVERRIDE
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

deactivate nondestructive
A|set -gx VIRTUAL_ENV @@ROOT@@
R|set -gx VIRTUAL_ENV (builtin realpath (status dirname)/.. | string collect)
set -gx VIRTUAL_ENV_PROMPT @@PROMPT@@
if test -z "$VIRTUAL_ENV_PROMPT"
    set -gx VIRTUAL_ENV_PROMPT (string replace -r '.*/' '' -- "$VIRTUAL_ENV" | string collect)
end
set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/bin" $PATH
if set -q PYTHONHOME
    set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end
if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"
    functions -q fish_prompt; or function fish_prompt; end
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        # the prompt of before may show the status of the last command
        set -l last_status $status
        printf '(%s) ' "$VIRTUAL_ENV_PROMPT"
        function _cw_status; return $argv[1]; end
        _cw_status $last_status
        _old_fish_prompt
    end
    set -gx _OLD_FISH_PROMPT_OVERRIDE "$VIRTUAL_ENV"
end
"""


def _fish(root: str, prompt: str, *, relocatable: bool) -> str:
    return _filled(_FISH, quote_fish, root, prompt, relocatable=relocatable)


# --- PowerShell -----------------------------------------------------------------------------------------------------


def quote_powershell(text: str) -> str:
    """Return text as one word of PowerShell, which takes typographic quotes for quotes."""
    return "'" + "".join(letter * 2 if letter in "'\u2018\u2019\u201a\u201b" else letter for letter in text) + "'"


_POWERSHELL = r"""
# Put this environment into the shell: `. bin/Activate.ps1`. Take it out again: `deactivate`.

function global:deactivate ([switch] $NonDestructive) {
    if (Test-Path variable:_OLD_VIRTUAL_PATH) {
        $env:PATH = $global:_OLD_VIRTUAL_PATH
        Remove-Variable "_OLD_VIRTUAL_PATH" -Scope global
    }
    if (Test-Path variable:_OLD_VIRTUAL_PYTHONHOME) {
        $env:PYTHONHOME = $global:_OLD_VIRTUAL_PYTHONHOME
        Remove-Variable "_OLD_VIRTUAL_PYTHONHOME" -Scope global
    }
    if (Test-Path function:_old_virtual_prompt) {
        $function:prompt = $function:_old_virtual_prompt
        Remove-Item function:\_old_virtual_prompt
    }
    foreach ($name in "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT") {
        if (Test-Path "env:$name") { Remove-Item "env:$name" }
    }
    if (-not $NonDestructive) {
        Remove-Item function:deactivate
    }
}

deactivate -NonDestructive
A|$env:VIRTUAL_ENV = @@ROOT@@
R|$env:VIRTUAL_ENV = Split-Path -Parent (Split-Path -Parent $MyInvocation.MyCommand.Path)
$env:VIRTUAL_ENV_PROMPT = @@PROMPT@@
if (-not $env:VIRTUAL_ENV_PROMPT) {
    $env:VIRTUAL_ENV_PROMPT = Split-Path -Leaf $env:VIRTUAL_ENV
}
New-Variable -Scope global -Name _OLD_VIRTUAL_PATH -Value $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV "bin") + [IO.Path]::PathSeparator + $env:PATH
if ($env:PYTHONHOME) {
    New-Variable -Scope global -Name _OLD_VIRTUAL_PYTHONHOME -Value $env:PYTHONHOME
    Remove-Item env:PYTHONHOME
}
if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    function global:_old_virtual_prompt { "" }
    $function:_old_virtual_prompt = $function:prompt
    function global:prompt {
        $before = & $function:_old_virtual_prompt
        "($env:VIRTUAL_ENV_PROMPT) $before"
    }
}
"""


def _powershell(root: str, prompt: str, *, relocatable: bool) -> str:
    return _filled(_POWERSHELL, quote_powershell, root, prompt, relocatable=relocatable)


# --- Python ---------------------------------------------------------------------------------------------------------


def _python(site: str, prompt: str) -> str:
    return f'''"""Put this environment into a running interpreter of the same version: `runpy.run_path("bin/activate_this.py")`."""

import os
import site
import sys

_bin = os.path.dirname(os.path.abspath(__file__))
_root = os.path.dirname(_bin)
os.environ["PATH"] = os.pathsep.join([_bin, *os.environ.get("PATH", "").split(os.pathsep)])
os.environ["VIRTUAL_ENV"] = _root
os.environ["VIRTUAL_ENV_PROMPT"] = {prompt!r} or os.path.basename(_root)
_before = len(sys.path)
site.addsitedir(os.path.join(_root, {site!r}))
# what the environment holds comes first
sys.path[:] = sys.path[_before:] + sys.path[:_before]
sys.prefix = _root
'''
