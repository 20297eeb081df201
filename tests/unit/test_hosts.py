"""What hosts are told: the files in a built folder, and those of this repository that say the same."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from durably_core import ValidationError
from spa_runtime.bundle.hosts import FILES, plan_host_files
from spa_runtime.header_rules import HeaderRules
from spa_runtime.headers import STRICT_POLICY, Isolation, isolation_headers, security_policy, site_headers

ROOT = Path(__file__).parent.parent.parent
FOR_EVER = "public, max-age=31536000, immutable"
HOSTING = (ROOT / "docs" / "hosting.md").read_text("utf-8")
IMMUTABLE = "durably/immutable"
SENT = site_headers(Isolation.require_corp, security_policy())
CONSOLE = [
    "index.html",
    "sw.js",
    "config.json",
    "a page.html",
    "assets/index-CkB60dou.js",
    "assets/index-CRaCpLgH.css",
    "icons/icon-192.png",
    "durably/manifest.json",
    "durably/licenses.txt",
    "durably/immutable/app-1b1e0d0454e2ff6d.zip",
    "durably/immutable/pyodide-10607f091fd9f594/pyodide.mjs",
]
DEMO = ["index.html", "airports.csv", "assets/index-CkB60dou.js"]


def rules_for(names: list[str]) -> HeaderRules:
    return HeaderRules.parse(plan_host_files(names, IMMUTABLE, SENT)["_headers"].decode())


def caching(names: list[str], path: str) -> str:
    return rules_for(names).headers_for(path)["Cache-Control"]


@pytest.mark.parametrize("name", CONSOLE)
def test_every_file_is_kept_for_ever_or_asked_for_again(name: str) -> None:
    is_hashed = name.startswith(("assets/", "durably/immutable/"))
    path = "/" + name.replace(" ", "%20")
    assert caching(CONSOLE, path) == (FOR_EVER if is_hashed else "no-cache")
    assert rules_for(CONSOLE).headers_for(path).items() >= SENT.items()


def test_page_is_asked_for_again_by_its_folder() -> None:
    assert caching(CONSOLE, "/") == "no-cache"


@pytest.mark.parametrize("name", [*CONSOLE, ""])
def test_no_two_rules_say_something_of_the_same_header(name: str) -> None:
    rules = rules_for(CONSOLE).rules
    of_each = [HeaderRules({pattern: headers}).headers_for(f"/{name}") for pattern, headers in rules.items()]
    found = [header for headers in of_each for header in headers]
    assert len(found) == len(set(found)) >= 4


@pytest.mark.parametrize("name", ["logo.svg", "my-document.pdf", "app.js", "index-abcdefgh.js"])
def test_folder_with_a_name_that_has_no_hash_is_not_kept_for_ever(name: str) -> None:
    assert caching([*CONSOLE, f"assets/{name}"], "/assets/index-CkB60dou.js") == "no-cache"


@pytest.mark.parametrize(
    "name", ["index-CRaCpLgH.css", "chunk.8f14e45fceea167a.js", "a-b-x_y1-Zz0.woff2", "index-CkB60dou.js.map"]
)
def test_names_of_bundlers_are_known_by_their_hash(name: str) -> None:
    assert caching([*CONSOLE, f"assets/{name}"], f"/assets/{name}") == FOR_EVER


def test_rules_survive_being_written() -> None:
    rules = rules_for(CONSOLE)
    assert HeaderRules.parse(rules.text()) == rules


def test_rules_are_within_the_limits_of_cloudflare() -> None:
    many = [f"file-{number}.txt" for number in range(500)]
    text = plan_host_files([*CONSOLE, *many], IMMUTABLE, SENT)["_headers"].decode()
    assert max(map(len, text.splitlines())) <= 2000
    # Of the others it reads nothing: those that go against its own default come first.
    patterns = [line for line in text.splitlines() if line.startswith("/")]
    assert {"/durably/immutable/*", "/assets/*", "/*"} <= set(patterns[:100])


@pytest.mark.parametrize(
    ("isolation", "embedder"),
    [("require-corp", "require-corp"), ("credentialless", "credentialless"), ("none", None)],
)
def test_isolation_is_two_headers_or_none(isolation: str, embedder: str | None) -> None:
    headers = site_headers(Isolation(isolation), "")
    assert headers.get("Cross-Origin-Embedder-Policy") == embedder
    assert ("Cross-Origin-Opener-Policy" in headers) == (embedder is not None)


# ---------------------------------------------------------------- Content-Security-Policy


def directives(policy: str) -> dict[str, str]:
    return dict(directive.partition(" ")[::2] for directive in policy.split("; "))


def test_policy_allows_no_inline_script_and_no_eval() -> None:
    assert directives(security_policy()) == STRICT_POLICY
    assert "'unsafe-inline'" not in security_policy()
    assert "'unsafe-eval'" not in security_policy()


def test_directive_stands_in_the_place_of_the_strict_one() -> None:
    policy = directives(
        security_policy(["connect-src 'self' http://127.0.0.1:9000", " require-trusted-types-for 'script' "])
    )
    assert policy == {
        **STRICT_POLICY,
        "connect-src": "'self' http://127.0.0.1:9000",
        "require-trusted-types-for": "'script'",
    }


def test_policy_may_be_asked_for_by_its_name() -> None:
    assert security_policy(["strict"]) == security_policy()


def test_directive_may_have_no_value() -> None:
    assert security_policy(["upgrade-insecure-requests"]).endswith("; upgrade-insecure-requests")


def test_there_may_be_no_policy() -> None:
    assert security_policy(["none"]) == ""
    assert "Content-Security-Policy" not in site_headers(Isolation.none, "")


@pytest.mark.parametrize(
    "text",
    ["", "Connect-Src 'self'", "img-src a; script-src *", "img-src a, b", "img-src a\nX-Header: b", "'self'"],
)
def test_what_is_no_directive_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="one at a time"):
        security_policy([text])


@pytest.mark.parametrize("name", ["none", "strict"])
def test_name_of_a_policy_goes_with_no_directive(name: str) -> None:
    with pytest.raises(ValidationError, match="none alone"):
        security_policy([name, "img-src *"])


# ---------------------------------------------------------------- the documentation


@pytest.mark.parametrize("name", STRICT_POLICY)
def test_directive_of_the_strict_policy_is_documented(name: str) -> None:
    assert f"`{name} {STRICT_POLICY[name]}`" in HOSTING


@pytest.mark.parametrize("language", ["nginx", "caddyfile", "apacheconf"])
def test_server_of_ones_own_is_told_what_hosts_are_told(language: str) -> None:
    [block] = re.findall(rf"^```{language}\n(.*?)^```", HOSTING, re.DOTALL | re.MULTILINE)
    for name, value in SENT.items():
        assert re.search(rf"\b{name} \"?{re.escape(value)}", block), name
    assert FOR_EVER in block


@pytest.mark.parametrize("isolation", Isolation)
def test_isolation_is_documented(isolation: Isolation) -> None:
    [row] = [line for line in HOSTING.splitlines() if line.startswith(f"| `{isolation.value}`")]
    embedder = isolation_headers(isolation).get("Cross-Origin-Embedder-Policy")
    assert (f"Embedder-Policy: {embedder}`" in row) == (isolation is not Isolation.none)


# ---------------------------------------------------------------- this repository's own files


def test_repository_tells_vercel_what_the_built_folder_says() -> None:
    config = json.loads((ROOT / "vercel.json").read_text("utf-8"))
    built = json.loads(plan_host_files(DEMO, IMMUTABLE, SENT)["vercel.json"])
    assert config == {"buildCommand": "make build", "outputDirectory": "build/demo", **built}


def test_repository_leaves_headers_to_the_built_folder_on_netlify() -> None:
    # Rules in both would overlap.
    config = tomllib.loads((ROOT / "netlify.toml").read_text("utf-8"))
    assert config == {"build": {"command": "make build", "publish": "build/demo"}}
    assert "_headers" in FILES & plan_host_files(DEMO, IMMUTABLE, SENT).keys()


def test_vite_sends_the_isolation_headers() -> None:
    text = (ROOT / "web" / "isolation-headers.ts").read_text("utf-8")
    told = dict(re.findall(r"'(Cross[\w-]+)': '?([\w-]+)", text))
    assert told == {**isolation_headers(), "Cross-Origin-Embedder-Policy": "isolation"}
    assert set(re.findall(r"'([a-z-]+)'", text.splitlines()[0])) == {kind.value for kind in Isolation}
