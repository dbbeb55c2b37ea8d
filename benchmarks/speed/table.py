"""Write the tables of README.md from the lines of results.jsonl that the other scripts print.

python benchmarks/speed/table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
START, END = "<!-- tables made by table.py -->\n", "<!-- end of the tables -->"


def main() -> None:
    lines = [json.loads(line) for line in (HERE / "results.jsonl").read_text().splitlines()]
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(START)
    after = rest.split(END)[1]
    tables = "\n".join(map(table, lines))
    readme.write_text(f"{before}{START}\n{tables}\n{END}{after}")


def table(line: dict[str, Any]) -> str:
    """Return one line of JSON as a heading, a table of its ways and what else it says."""
    line = dict(line)
    row, ways = line.pop("row"), line.pop("ways")
    machine = [str(line.pop(key)) for key in ("cpu", "cores", "system")]
    single = {k: v for k, v in line.items() if not isinstance(v, dict)}
    columns = {k: v for k, v in line.items() if isinstance(v, dict) and set(v) & set(ways)}
    others = {k: v for k, v in line.items() if isinstance(v, dict) and k not in columns}
    text = f"### {row}\n\n"
    text += "| way | seconds | of | peak added, MB |" + "".join(f" {name} |" for name in columns)
    text += "\n| --- | ---: | ---: | ---: |" + " ---: |" * len(columns) + "\n"
    for name, way in ways.items():
        cells = [name, way["seconds"], len(way["all"]), way.get("added_MB", "")]
        cells += [column.get(name, "") for column in columns.values()]
        text += "| " + " | ".join(map(str, cells)) + " |\n"
    notes = [f"{key} {value}" for key, value in single.items()]
    notes += [f"{key}: {_in_words(value)}" for key, value in others.items()]
    return text + "\n" + "; ".join([*notes, f"{machine[1]} cores of {machine[0]}"]) + ".\n"


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


if __name__ == "__main__":
    main()
