"""``durably jobs``: what there is to be triggered."""

from typing import Any

from rich.text import Text

from durably_core.api import call
from durably_core.cli.options import EngineOptions, Json, Target, open_target
from durably_core.cli.output import compact, console, plain, print_json, table
from durably_core.cli.running import run


def jobs(target: Target, json: Json = False) -> None:
    """List the jobs, and the fields of their inputs."""
    durably = open_target(target, EngineOptions())
    described = run(call(durably, "jobs", ""))
    if json:
        print_json(described)
        return
    rows = table("JOB", "INPUT", "TYPE", "DEFAULT")
    for job in described:
        _add(rows, job)
    console().print(rows)


def _add(rows: Any, job: dict[str, Any]) -> None:
    schema = job["inputSchema"]
    fields = schema.get("properties", {})
    name = Text(plain(job["name"]), style="bold")
    if not fields:
        rows.add_row(name, Text("no fields", style="dim"))
    for field, about in fields.items():
        default = "required" if field in schema.get("required", ()) else _default(about)
        rows.add_row(name, plain(field), plain(kind_of(about, schema)), default)
        name = Text()


def kind_of(about: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type of a field, in as few words as JSON schema allows."""
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        return kind_of(schema.get("$defs", {}).get(name, {}), schema)
    if "anyOf" in about:
        return " | ".join(dict.fromkeys(kind_of(each, schema) for each in about["anyOf"]))
    if "enum" in about or "const" in about:
        return " | ".join(compact(value) for value in about.get("enum", [about.get("const")]))
    if about.get("type") == "array":
        inner = kind_of(about.get("items", {}), schema)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    return str(about.get("format") or about.get("type") or "any")


def _default(about: dict[str, Any]) -> str:
    return compact(about["default"]) if "default" in about else ""
