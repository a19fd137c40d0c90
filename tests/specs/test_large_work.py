"""No text takes more than its length in time: a megabyte that is made to be slow is read within seconds of the processor.

Each text is read by a process whose processor time is limited; what looks back at each step would need many minutes.
"""

import resource
import subprocess
import sys

import pytest

_SECONDS = 20
_PAGE = "from commonwheel.specs.simple_api import parse_html as read\nread({!s}, 'https://h/')"
_METADATA = "from commonwheel.specs.core_metadata import {} as read\nread('Metadata-Version: 2.1\\nName: a\\nVersion: 1\\n' + {})"
_SCRIPT = "from commonwheel.specs.script_block import find_block as read\nread({})"
_FILE_NAME = "from commonwheel.specs.wheel_file import parse_sdist_filename as read\nread({} + '.tar.gz', 'a')"
_SPECIFIER = "from commonwheel.specs.legacy_specifiers import specifier as read\nread({})"
_WHEEL = "from commonwheel.specs.wheel_file import parse as read\nread('Wheel-Version: 1.0\\nTag: x\\n' + {})"
_TOML = "from commonwheel.specs.toml import loads as read\nread({})"
_LARGE = {
    "comments that do not end": _PAGE.format("'<!--' * 300_000"),
    "scripts that do not end": _PAGE.format("'<script>' * 150_000"),
    "scripts with attributes": _PAGE.format("'<script ' * 150_000"),
    "all that is passed over": _PAGE.format("'<script><style><title><textarea><!--' * 30_000"),
    "ends that are none": _PAGE.format("'<script>' + '</script ' * 150_000"),
    "blanks before an end": _PAGE.format("'<script></script' + ' ' * 1_200_000"),
    "anchors that do not end": _PAGE.format("'<a href=\"x\" ' * 100_000"),
    "a requirement of many lines": _METADATA.format("parse", "'Requires-Python: >=3\\n' + ' ,>=3\\n' * 150_000"),
    "a summary of many lines": _METADATA.format("read_all", "'Summary: x\\n' + ' y\\n' * 300_000"),
    "a description of many lines": _METADATA.format("read_all", "'Description: x\\n' + '        y\\n' * 200_000"),
    "a WHEEL of many lines": _WHEEL.format("' y\\n' * 300_000"),
    "a script that opens again and again": _SCRIPT.format("'# /// script\\n' * 100_000"),
    "blocks that do not end": _SCRIPT.format("'# /// x\\n# a\\n' * 100_000"),
    "a file name of hyphens": _FILE_NAME.format("'-' * 500_000"),
    "a file name of names": _FILE_NAME.format("'a-' * 300_000"),
    "a specifier of stars": _SPECIFIER.format("'1.*.' * 250_000"),
    "a key of many parts": _TOML.format("'a' + '.a' * 400_000 + ' = 1'"),
    "keys of quotes": _TOML.format("'a' + '.\"b\"' * 200_000 + ' = 1'"),
    "quotes that are escaped": _TOML.format("'a = 1 # ' + '..' * 100 + chr(34) + (chr(92) + chr(34)) * 500_000"),
}


@pytest.mark.parametrize("code", _LARGE.values(), ids=_LARGE)
def test_a_large_text_is_read_in_the_time_of_its_length(code: str) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))

    wrapped = f"try:\n    {code.replace(chr(10), chr(10) + '    ')}\nexcept ValueError: pass\nexcept Exception as e:\n    assert type(e).__module__.startswith('commonwheel.')"
    done = subprocess.run([sys.executable, "-c", wrapped], preexec_fn=limited, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]
