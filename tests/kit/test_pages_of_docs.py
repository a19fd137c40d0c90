from kit.pages_of_docs import Command, File, steps

PAGE = """
Text, and a file:

```toml title="cw.toml"
offline = true
```

```console
$ cw venv \\
    here
Creating ...
$ cat <<END
> a line
> END
a line

# whoami
root
alice$ cw pip install nothing
error: no such thing
...
```

```sh
never run
```
"""


def test_page_is_read_in_order() -> None:
    assert steps(PAGE) == [
        File(4, "toml", "cw.toml", "offline = true\n"),
        Command(9, "", "cw venv \\\n    here", ("Creating ...",)),
        Command(12, "", "cat <<END\na line\nEND", ("a line",)),
        Command(17, "root", "whoami", ("root",)),
        Command(19, "alice", "cw pip install nothing", ("error: no such thing", "...")),
    ]


def test_page_that_shows_an_error_expects_one() -> None:
    assert [step.fails for step in steps(PAGE) if isinstance(step, Command)] == [False, False, False, True]


def command(*seen: str) -> Command:
    return Command(1, "", "x", seen)


def test_output_matches_the_page() -> None:
    assert command().matches("anything at all\n")
    assert command("one", "two").matches("one\ntwo\n")
    assert not command("one").matches("one\ntwo\n")
    assert not command("one", "two").matches("two\none\n")
    assert not command("a.c").matches("abc\n")


def test_three_dots_match_lines_and_text() -> None:
    assert command("...", " + flask==3", "...").matches("Resolved\n + flask==3\n")
    assert not command("...", " + flask==3").matches("Resolved\n + flask==4\n")
    assert command("Using ... here").matches("Using CPython 3.11 here\n")


def test_times_and_sizes_match_any_value() -> None:
    assert command("Resolved 7 packages in 318ms").matches("Resolved 7 packages in 2.1s\n")
    assert command("numpy 1.5 MiB").matches("numpy 32.0 KiB\n")
    assert not command("Resolved 7 packages in 318ms").matches("Resolved 8 packages in 318ms\n")
