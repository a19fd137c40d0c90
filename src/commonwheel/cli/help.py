"""Help, overviews and completion, read off the tables."""

from commonwheel.cli import load
from commonwheel.cli.arguments import GLOBAL, Arguments
from commonwheel.settings.options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commonwheel.cli.console import Console
    from commonwheel.settings.options import Option
    from commonwheel.settings.settings import Parsed

    Row = tuple[str, str, str, str]

HELP = Arguments("Explain a command", "[COMMAND]...", 0, None, (GLOBAL,))
COMPLETION = Arguments("Write a completion script for a shell: bash, zsh or fish", "SHELL", 1, 1, (GLOBAL,))

_COLUMN = 34


def overview(console: "Console", commands: "Mapping[str, Row]", family: str = "") -> int:
    """List the commands, or those of one family, and return 0."""
    head = f"cw {family}" if family else "cw"
    lines = (
        []
        if family
        else [
            "A fast Python package installer and environment manager, with a cache a whole team can share safely.",
            "",
        ]
    )
    lines += [
        f"{console.style('Usage:', 'bold', out=True)} {head} <COMMAND> [OPTIONS]",
        "",
        console.style("Commands:", "bold", out=True),
    ]
    for name, row in commands.items():
        if not family or name.startswith(family + " "):
            lines.append(f"  {name:<27} {row[3]}")
    lines += ["", "`cw help COMMAND` tells what one of them takes; `cw --version` prints the version."]
    console.lines(lines)
    return 0


def command(console: "Console", name: str, arguments: Arguments, commands: "Mapping[str, Row]") -> int:
    """Show the usage and options of one command and return 0."""
    usage = " ".join(word for word in (f"cw {name}", "[OPTIONS]", arguments.positional) if word)
    lines = [arguments.about or commands[name][3], "", f"{console.style('Usage:', 'bold', out=True)} {usage}"]
    for heading, keys in arguments.groups:
        if not heading:
            continue  # taken for uv's and pip's sake
        shown = [line for key in keys.split() for line in _option_lines(OPTIONS[key])]
        if shown:
            lines += ["", console.style(heading + ":", "bold", out=True), *shown]
    console.lines(lines)
    return 0


def explain(console: "Console", parsed: "Parsed", commands: "Mapping[str, Row]") -> int:
    """Show the help of the command, or family, that the words name."""
    name = " ".join(parsed.positional)
    if name in commands:
        return command(console, name, load(commands[name][0]), commands)
    return overview(console, commands, name if any(other.startswith(name + " ") for other in commands) else "")


def complete(console: "Console", parsed: "Parsed", commands: "Mapping[str, Row]") -> int:
    """Write the completion script of a shell; status 2 for an unknown one."""
    shell = parsed.positional[0]
    options = {name: _spellings(load(row[0])) for name, row in commands.items()}
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if shell not in writers:
        console.trouble(f"error: no completion for `{shell}`: bash, zsh and fish have one")
        return 2
    console.lines(writers[shell](options, commands))
    return 0


def _option_lines(option: "Option") -> "Iterator[str]":
    if option.hidden or not option.flags:
        return
    spelled = ", ".join(sorted(option.flags, key=lambda flag: flag.startswith("--")))
    if option.takes_value:
        spelled += f" {option.metavar}"
    notes = []
    if option.choices:
        notes.append("one of " + ", ".join(option.choices))
    if option.variables:
        notes.append("env: CW_" + option.variables[0])
    text = option.help + (f" [{'; '.join(notes)}]" if notes else "")
    if len(spelled) + 2 >= _COLUMN:
        yield f"  {spelled}"
        spelled = ""
    yield f"  {spelled:<{_COLUMN - 2}}{text}"


def _spellings(arguments: Arguments) -> "list[str]":
    found = []
    for key in (key for heading, keys in arguments.groups if heading for key in keys.split()):
        option = OPTIONS[key]
        if not option.hidden:
            found += [flag for flag in option.flags if flag.startswith("--")]
    return found


def _tree(commands: "Mapping[str, Row]") -> "dict[str, list[str]]":
    """Map each beginning of a command to the words that may follow."""
    following: dict[str, list[str]] = {}
    for name in commands:
        words = name.split()
        for count in range(len(words)):
            known = following.setdefault(" ".join(words[:count]), [])
            if words[count] not in known:
                known.append(words[count])
    return following


def _bash(options: "Mapping[str, list[str]]", commands: "Mapping[str, Row]") -> "Iterator[str]":
    yield "_cw() {"
    yield '    local word="${COMP_WORDS[COMP_CWORD]}" name="" known="" i'
    yield "    for ((i = 1; i < COMP_CWORD; i++)); do"
    yield '        [[ "${COMP_WORDS[i]}" == -* ]] || name="${name:+$name }${COMP_WORDS[i]}"'
    yield "    done"
    yield '    case "$name" in'
    for beginning, words in _tree(commands).items():
        yield f"        {beginning!r}) known={' '.join(words)!r} ;;"
    for name, spellings in options.items():
        yield f"        {name!r}|'{name} '*) known={' '.join(spellings)!r} ;;"
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$known" -- "$word"))'
    yield '    [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$word"))'
    yield "}"
    yield "complete -o filenames -F _cw cw"


def _zsh(options: "Mapping[str, list[str]]", commands: "Mapping[str, Row]") -> "Iterator[str]":
    yield "#compdef cw"
    yield "autoload -U +X bashcompinit && bashcompinit"
    yield from _bash(options, commands)


def _fish(options: "Mapping[str, list[str]]", commands: "Mapping[str, Row]") -> "Iterator[str]":
    yield "function __cw_at"
    yield "    set -l words"
    yield "    for word in (commandline -opc)[2..-1]"
    yield "        string match -q -- '-*' $word; or set -a words $word"
    yield "    end"
    yield '    test "$words" = "$argv"'
    yield "end"
    yield "function __cw_in"
    yield "    set -l words"
    yield "    for word in (commandline -opc)[2..-1]"
    yield "        string match -q -- '-*' $word; or set -a words $word"
    yield "    end"
    yield '    string match -q -- "$argv*" "$words"'
    yield "end"
    for beginning, words in _tree(commands).items():
        yield f"complete -c cw -n '__cw_at {beginning}' -f -a '{' '.join(words)}'"
    for name, spellings in options.items():
        for spelling in spellings:
            yield f"complete -c cw -n '__cw_in {name}' -l {spelling[2:]}"
