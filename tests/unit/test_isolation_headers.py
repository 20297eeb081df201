"""The places that publish the two headers say the same."""

import json
import re
import tomllib
from pathlib import Path

from spa_runtime.headers import ISOLATION_HEADERS

ROOT = Path(__file__).parent.parent.parent


def test_netlify_sends_the_isolation_headers() -> None:
    config = tomllib.loads((ROOT / "netlify.toml").read_text("utf-8"))
    [everything] = [rule["values"] for rule in config["headers"] if rule["for"] == "/*"]
    assert everything == ISOLATION_HEADERS
    assert config["build"]["publish"] == "build/demo"


def test_vercel_sends_the_isolation_headers() -> None:
    config = json.loads((ROOT / "vercel.json").read_text("utf-8"))
    [everything] = [rule["headers"] for rule in config["headers"] if rule["source"] == "/(.*)"]
    assert {header["key"]: header["value"] for header in everything} == ISOLATION_HEADERS
    assert config["outputDirectory"] == "build/demo"


def test_vite_sends_the_isolation_headers() -> None:
    text = (ROOT / "web" / "isolation-headers.ts").read_text("utf-8")
    assert dict(re.findall(r"'([\w-]+)': '([\w-]+)'", text)) == ISOLATION_HEADERS
    config = (ROOT / "web" / "vite.config.ts").read_text("utf-8")
    assert config.count("ISOLATION_HEADERS") == 3  # imported, for development, for the preview


def test_hosts_build_and_publish_with_the_same_command() -> None:
    netlify = tomllib.loads((ROOT / "netlify.toml").read_text("utf-8"))
    vercel = json.loads((ROOT / "vercel.json").read_text("utf-8"))
    assert netlify["build"]["command"] == vercel["buildCommand"] == "make build"
