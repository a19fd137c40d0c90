"""`pip tree`: as text and as data, from both ends."""

import json

from kit.wheels import make_wheel


def test_a_tree(filled):
    filled("pip", "install", "-p", "v", "--no-deps", "report-tool").ok()
    assert filled("pip", "tree", "-p", "v").ok().out == (
        "color v1.0\nreport-tool v0.5\n├── app v1.0\n│   └── lib v1.0\n└── lib v1.0\n"
    )
    assert filled(
        "pip", "tree", "-p", "v", "--depth", "1", "--show-version-specifiers", "--package", "report-tool"
    ).ok().out == ("report-tool v0.5\n├── app v1.0 [required: *]\n└── lib v1.0 [required: >=1.5, <3]\n")
    assert filled("pip", "tree", "-p", "v", "--invert", "--package", "lib").ok().out == (
        "lib v1.0\n├── app v1.0\n│   └── report-tool v0.5\n└── report-tool v0.5\n"
    )
    assert filled("pip", "tree", "-p", "v", "--prune", "report-tool").ok().out == "app v1.0\n└── lib v1.0\ncolor v1.0\n"
    assert "lib v1.0 (latest: v2.0)" in filled("pip", "tree", "-p", "v", "--outdated").ok().out
    assert "lib v1.0 (1" in filled("pip", "tree", "-p", "v", "--show-sizes").ok().out


def test_a_tree_as_data(filled):
    nested = json.loads(filled("pip", "tree", "-p", "v", "--json", "--outdated").ok().out)
    lib = {"name": "lib", "version": "1.0", "required": ">=1", "latest_version": "2.0", "dependencies": []}
    assert nested[0] == {"name": "app", "version": "1.0", "latest_version": "2.0", "dependencies": [lib]}


def test_circles_end(stocked):
    for one, other in (("hen", "egg"), ("egg", "hen")):
        make_wheel(stocked.path("wheels"), one, "1.0", {f"{one}.py": ""}, requires=[other])
    stocked("pip", "install", "-p", "v", "hen").ok()
    out = stocked("pip", "tree", "-p", "v").ok().out
    assert out == "egg v1.0\n└── hen v1.0\n    └── egg v1.0 (*)\n(*) Package tree already displayed\n"
    assert json.loads(stocked("pip", "tree", "-p", "v", "--json").ok().out)[0]["dependencies"][0]["name"] == "hen"


def test_a_subtree_is_drawn_once_unless_asked_for(stocked):
    wheels = stocked.path("wheels")
    make_wheel(wheels, "one", "1.0", {"one.py": ""}, requires=["app"])
    make_wheel(wheels, "two", "1.0", {"two.py": ""}, requires=["app"])
    stocked("pip", "install", "-p", "v", "one", "two").ok()
    assert "two v1.0\n└── app v2.0 (*)\n" in stocked("pip", "tree", "-p", "v").ok().out
    assert "two v1.0\n└── app v2.0\n    └── lib v2.0\n" in stocked("pip", "tree", "-p", "v", "--no-dedupe").ok().out
