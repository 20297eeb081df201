"""Prints an input that the engine takes and the output that clients receive, as TypeScript of those types."""

import json
import sys
from pathlib import Path
from typing import Any

from durably_core.job_file import import_jobs

ADDRESS = {"name": "A", "street": "B 1"}
INPUT: dict[str, Any] = {
    "scalars": {
        "text": "",
        "whole": 1,
        "number": 1.5,
        "flag": True,
        "nothing": None,
        "anything": [1, "a"],
        "some_json": {"a": [None]},
        "raw": "abc",
    },
    "numbers": {"share": 1, "strict_share": 0.5},
    "formats": {
        "when": "2026-01-02T03:04:00Z",
        "day": "2026-01-02",
        "at": "01:02:00",
        "lasts": "P1D",
        "id": "00000000-0000-0000-0000-000000000007",
        "price": "1.50",
        "path": "/a",
        "days": ["2026-01-02"],
        "by_day": {"first": "2026-01-02T03:04:00Z", "second": None},
    },
    "optionals": {"required_nullable": None, "nested": ADDRESS},
    "collections": {
        "names": ["a"],
        "tags": ["b"],
        "by_name": {"home": ADDRESS},
        "by_number": {"1": 2},
        "lists": [[ADDRESS, None]],
        "colors": ["red"],
        "modes": ["a", "b"],
        "untyped": [1, None],
        "record": {"a": {}},
    },
    "tuples": {
        "pair": [1, "a"],
        "many": [1, 2, 3],
        "points": [[1.5, 2.5]],
        "corner": [1],
        "people": [{"name": "A"}, None],
    },
    "unions": {
        "pet": {"kind": "dog"},
        "pets": [{"kind": "cat", "lives": 9}, {"kind": "wolf", "tricks": ["sit"]}],
        "id": "x",
        "mode": None,
        "level": 2,
        "color": 'it\'s "quoted" \\ */',
    },
    "node": {"value": 1, "children": [{"value": 2, "parent": {"value": 1}}]},
    "page": {"items": [ADDRESS], "next": "2"},
    "ids": {"items": [1]},
    "pair": {"key": "k", "value": {"items": []}},
    "closed": {"a": 1},
    "open": {"a": 1, "more": [1]},
    "empty": {},
    "aliased": {"fileName": "a.csv", "is-special": 1},
    "options": {"verbose": True},
    "point": {"x": 1},
    "celsius": 36.6,
    "tags": ["a"],
    "by_color": {"red": 1},
    "tree": {"a": [1, {"b": 2}]},
    "odd": {"no identifier'\"": 1, "$ref": "x", "enum": "\n"},
    "jobs": {"a": 1},
    "digits": {"a": 1},
    "underscored": {"a": 1},
    "joined": {"b": 1},
    "mine": {"name": "A"},
    "theirs": {"other_name": "B"},
}


def main() -> None:
    job = import_jobs("jobs", Path(__file__).parent)["do_everything"]
    given = job.validate_input(INPUT)
    output = job.dump_output({"given": given, "aliased": {"fileName": "a", "plain": given.aliased}})
    sys.stdout.write("import type { Jobs } from './jobs.gen'\n")
    for role, value in (("input", json.dumps(INPUT)), ("output", output)):
        sys.stdout.write(f"export const {role}: Jobs['do-everything']['{role}'] = {value}\n")


if __name__ == "__main__":
    main()
