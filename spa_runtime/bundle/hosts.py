"""What static hosts read beside the files of a site: the headers that they send with each.

``_headers`` is read by Netlify, Cloudflare Pages and others, ``vercel.json`` by Vercel when the folder is
published as it is; ``.nojekyll`` tells GitHub Pages to publish every file. Where two rules say something of
the same header of a file, Cloudflare joins the values, and others choose one: rules here never do.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

from spa_runtime import header_rules
from spa_runtime.header_rules import HeaderRules

VERCEL = "vercel.json"
FILES = frozenset(
    {header_rules.FILE, VERCEL, ".nojekyll", "_redirects", "_routes.json", "netlify.toml", "CNAME"}
)
"""Files that hosts read, and mostly don't publish: no page may rely on one."""
CACHE_CONTROL = "Cache-Control"
FOR_EVER = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"
"""Kept, and used when the host says that it is still the same."""
TYPES = {
    "*.mjs": "text/javascript",
    "*.wasm": "application/wasm",
    "*.webmanifest": "application/manifest+json",
}
"""For hosts that don't know them: browsers start no script and stream no WebAssembly of another type."""
ASSETS = "assets"
"""Where bundlers put files of a page with a hash in their names."""
HASHED = re.compile(r".*[-.](?=[\w-]*[A-Z0-9])[\w-]{8,}(\.\w+)+")
"""Such a name: ``index-BxK3_d0q.js``."""


def plan_host_files(names: Collection[str], immutable: str, sent: Mapping[str, str]) -> dict[str, bytes]:
    """The files that hosts read, for a site of files with these names.

    ``immutable`` is the runtime's folder of files that never change; ``sent`` comes with every file.
    """
    hashed = [immutable, *_assets(names)]
    return {
        header_rules.FILE: HeaderRules(_rules(names, hashed, sent)).text().encode(),
        VERCEL: json.dumps({"headers": list(_for_vercel(hashed, sent))}, indent=2).encode(),
        ".nojekyll": b"",
    }


def _assets(names: Iterable[str]) -> list[str]:
    """The folder, if there is one with nothing else in it: a page of one's own may have other files there."""
    assets = [name for name in names if name.startswith(f"{ASSETS}/")]
    return [ASSETS] if assets and all(map(HASHED.fullmatch, assets)) else []


def _rules(names: Iterable[str], hashed: Collection[str], sent: Mapping[str, str]) -> header_rules.Rules:
    for_ever = [f"/{folder}/*" for folder in hashed]
    # In this order: Cloudflare reads a hundred rules, and does by itself what the later ones say.
    patterns = dict.fromkeys([*for_ever, "/", *(_pattern(name, hashed) for name in sorted(names))])
    return {
        "/*": sent,
        **{f"/{pattern}": {"Content-Type": value} for pattern, value in TYPES.items()},
        **{each: {CACHE_CONTROL: FOR_EVER if each in for_ever else ASKED_AGAIN} for each in patterns},
    }


def _pattern(name: str, hashed: Collection[str]) -> str:
    """That of the topmost folder in which all files are treated alike, or else of the file."""
    parts = name.split("/")
    for depth in range(1, len(parts)):
        folder = "/".join(parts[:depth])
        if not any(each.startswith(f"{folder}/") for each in hashed):
            return f"/{quote(folder)}/*"
    return f"/{quote(name)}"


def _for_vercel(hashed: Iterable[str], sent: Mapping[str, str]) -> Iterable[Mapping[str, object]]:
    folders = "|".join(hashed)
    yield _source("/(.*)", sent)
    for pattern, value in TYPES.items():
        yield _source(f"/(.*)\\{pattern[1:]}", {"Content-Type": value})
    yield _source(f"/((?!(?:{folders})/).*)", {CACHE_CONTROL: ASKED_AGAIN})
    yield _source(f"/({folders})/(.*)", {CACHE_CONTROL: FOR_EVER})


def _source(source: str, headers: Mapping[str, str]) -> Mapping[str, object]:
    return {"source": source, "headers": [{"key": name, "value": value} for name, value in headers.items()]}
