"""The OpenAPI document of the handler, made from the models of what is asked and answered."""

import functools
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from durably_core.asgi.answers import ANSWERS, MODELS, Answer, Error
from durably_core.asgi.requests import EMPTY_IS_ABSENT
from durably_core.asgi.routes import ROUTES, Route

MAX_RUNS = 1000
"""In one answer."""

REF = "#/components/schemas/{model}"

ERRORS = {
    "400": "The request is not valid.",
    "401": "The server doesn't know who asks.",
    "403": "Not allowed, or sent by a page of another origin.",
    "404": "There is no such run or job, or none for this user.",
    "409": "The run's state or a key doesn't allow this.",
    "410": "The log of events does not reach back that far.",
    "413": "The body is too large.",
    "415": "The body must be JSON.",
    "500": "A hook of the server, or the server itself, failed.",
    "503": "The database can't be read or written at the moment.",
    "507": "There is no room left for the database.",
}


@functools.cache
def openapi(*, max_runs: int = MAX_RUNS) -> dict[str, Any]:
    """An OpenAPI 3.1 document; its paths are relative to where the handler is mounted."""
    schemas = _schemas()
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    _limit(paths["/runs"]["get"], max_runs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Durably",
            "version": version("durably"),
            "summary": "Jobs made of checkpointed steps.",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _limit(operation: dict[str, Any], max_runs: int) -> None:
    [limit] = [each for each in operation["parameters"] if each["name"] == "limit"]
    limit["schema"]["anyOf"][0]["maximum"] = max_runs


def _operation(route: Route) -> dict[str, Any]:
    answer = ANSWERS[route.method, route.path]
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": answer.summary,
        "description": _LABELS if "labels" in route.model.model_fields and not route.has_body else "",
        "responses": {"200": _success(answer)} | {code: _error(text) for code, text in ERRORS.items()},
    }
    if route.has_body:
        body = {"schema": {"$ref": REF.format(model=route.model.__name__)}}
        operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    else:
        operation["parameters"] = [*_parameters(route), *(_RESUME if answer.is_stream else [])]
    return operation


_LABELS = "`label.<name>=<value>`, for each of several labels, leaves only runs that have all of them."

_RESUME = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Go on after the event of that number.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,16}$"},
    },
    {
        "name": "Durably-Resume",
        "in": "header",
        "description": "With `exact`, a log that does not reach back that far is told by a 410.",
        "schema": {"type": "string", "enum": ["exact"]},
    },
]


def _operation_id(route: Route) -> str:
    words = route.path.strip("/").split("/")
    return "".join([route.method.lower(), *(word.title() for word in words)])


def _success(answer: Answer) -> dict[str, Any]:
    if answer.is_stream:
        text = "Server-sent events: `id:` is the number of an Event, `data:` the Event as JSON."
        return {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    schema = TypeAdapter(answer.type).json_schema(ref_template=REF, mode="serialization", by_alias=True)
    schema.pop("$defs", None)
    return {"description": answer.summary, "content": {"application/json": {"schema": schema}}}


def _error(text: str) -> dict[str, Any]:
    schema = {"$ref": REF.format(model=Error.__name__)}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    """The query's, but for labels: no style of OpenAPI writes ``label.<name>``."""
    schema = route.model.model_json_schema(by_alias=True)
    for name, field in schema.get("properties", {}).items():
        if name != "labels":
            yield {
                "name": {"types": "type"}.get(name, name),
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": _of_query(name, field),
            }


def _of_query(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's schema. None is its absence, and one value a list of one."""
    choices = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    lists = [each for each in choices if each.get("type") == "array"]
    found = dict((lists or choices)[0])
    found.pop("title", None)
    return {"anyOf": [found, {"const": ""}]} if name in EMPTY_IS_ABSENT else found


def _schemas() -> dict[str, Any]:
    bodies = {route.model for route in ROUTES if route.has_body}
    models = [(model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)]
    told = [(model, "serialization") for model in MODELS]
    _, definitions = models_json_schema([*models, *told], ref_template=REF, by_alias=True)  # type: ignore[list-item]
    found: dict[str, Any] = definitions["$defs"]
    return found
