"""What was measured, in `.bench/results.json`: one record per case, the last one of each.

Runs may go on side by side and each knows a part: a record is put in under a lock, into what lies there then. A record says
itself when, of which commit, on which machine and with which tools it was taken, for the page may show records of several days.
"""

import json
import os

from seats import locked


def load(home: str) -> dict[str, dict]:
    """Return the records, by case."""
    path = f"{home}/results.json"
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)["cases"]


def keep(home: str, record: dict) -> None:
    """Put a record in the place of the one of the same case; a failure does not displace figures."""
    with locked(f"{home}/results.lock"):
        cases = load(home)
        known = cases.get(record["case"], {})
        cases[record["case"]] = {**known, **record} if "failed" in record else record
        path = f"{home}/results.json"
        with open(f"{path}.new", "w", encoding="utf-8") as stream:
            json.dump({"cases": cases}, stream, indent=1, sort_keys=True)
        os.rename(f"{path}.new", path)
