"""`pip show`: the fields of a package, and its files."""

import json
import os


def test_what_is_known_of_a_package(filled):
    filled("pip", "install", "-p", "v", "-U", "report-tool").ok()
    ran = filled("pip", "show", "-p", "v", "Report_Tool", "lib", "nothing").ok()
    first, second = ran.out.split("---\n")
    assert first == (
        "Name: report-tool\nVersion: 0.5\nSummary: Tells things.\nHome-page:\nAuthor: A. N. Other\nAuthor-email:\nLicense: MIT\n"
        f"Location: {filled.site()}\nRequires: app, lib\nRequired-by:\n"
    )
    assert "Required-by: app, report-tool\n" in second
    assert "warning: Package(s) not found for: nothing" in ran.err
    assert json.loads(filled("pip", "show", "-p", "v", "lib", "--json").ok().out)[0]["Name"] == "lib"
    filled("pip", "show", "-p", "v", "nothing").failed(1)
    filled("pip", "show", "-p", "v").failed(1)


def test_the_files_of_a_package(filled):
    ran = filled("pip", "show", "-p", "v", "-f", "app").ok()
    files = [line.strip() for line in ran.out.partition("Files:\n")[2].splitlines()]
    assert "app/cli.py" in files
    assert all(os.path.exists(os.path.join(filled.site(), path)) for path in files)
