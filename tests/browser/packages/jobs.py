"""Jobs that need packages: some that are packed, and some that they install when they run."""

# /// script
# requires-python = ">=3.11"
# dependencies = ["humanize", "msgpack"]
# ///

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

import humanize  # type: ignore[import-not-found]
from pydantic import BaseModel

from durably_core import StepContext, job


class Number(BaseModel):
    number: int = 1_234_567


class Told(BaseModel):
    words: str
    unpacked: list[int]
    versions: dict[str, str]
    compiled_here: set[str]


@job("tell")
async def tell(step: StepContext, input: Number) -> Told:
    # Compiled for the browser: whoever checks this file need not have it.
    msgpack = importlib.import_module("msgpack")
    packed: bytes = msgpack.packb([input.number, 2])
    is_compiled = type(msgpack.Packer()).__module__ == "msgpack._cmsgpack"
    assert is_compiled
    return Told(
        words=await step.run("words", lambda: humanize.intcomma(input.number)),
        unpacked=msgpack.unpackb(packed),
        versions={name: version(name) for name in ("humanize", "msgpack", "pydantic", "micropip")},
        compiled_here=compiled_here(),
    )


def compiled_here() -> set[str]:
    """Modules that were imported and did not come as bytecode."""
    specs = [spec for module in sys.modules.values() if (spec := getattr(module, "__spec__", None))]
    sources = [spec for spec in specs if spec.cached and str(spec.origin).startswith("/app/")]
    return {spec.name for spec in sources if not Path(spec.cached).exists()}


class Installation(BaseModel):
    package: str
    index: str | None = None


class Greeting(BaseModel):
    greeting: str


@job("greet")
async def greet(step: StepContext, input: Installation) -> Greeting:
    micropip = importlib.import_module("micropip")
    await micropip.install(input.package, index_urls=input.index)
    module = importlib.import_module("greeting")
    return Greeting(greeting=await step.run("greet", module.greet))
