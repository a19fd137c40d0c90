"""`pip debug`."""


def test_debugging_shows_tags_and_markers(stocked):
    out = stocked("pip", "debug", "-p", "v").ok().out
    assert "python_full_version: 3." in out
    assert "cp3" in out
    assert len(stocked("pip", "debug", "-p", "v", "-v").ok().out) > len(out)
