"""What a server sends with the files of a site besides their content, whoever serves it."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from durably_core.errors import ValidationError


class Isolation(StrEnum):
    """What a page may load from other sites, as the price of shared memory, which interrupting Python needs."""

    require_corp = "require-corp"
    """Only what those sites offer to all. Every current browser isolates such a page."""
    credentialless = "credentialless"
    """Everything but frames, without cookies. Safari does not know it, and does not isolate the page."""
    none = "none"
    """Everything: the page is not isolated."""


NO_POLICY = "none"
STRICT = "strict"
STRICT_POLICY = {
    "default-src": "'self'",
    # WebAssembly is compiled; no text is ever run as JavaScript.
    "script-src": "'self' 'wasm-unsafe-eval'",
    # What jobs may fetch. micropip asks an index of packages.
    "connect-src": "'self' https:",
    "img-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}
"""Directives of a Content-Security-Policy under which page, worker and service worker of a built site work."""
DIRECTIVE = re.compile(r"([a-z]+(?:-[a-z]+)*)(?: +([^;,\s][^;,\r\n]*))?")


def isolation_headers(isolation: Isolation = Isolation.require_corp) -> dict[str, str]:
    """For a page, and for the scripts of its workers."""
    if isolation is Isolation.none:
        return {}
    return {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": isolation.value,
    }


def security_policy(changes: Iterable[str] = ()) -> str:
    """The strict policy, with each directive of ``changes`` in the place of its own of that name.

    A change is a directive as in the header, such as ``connect-src 'self'``. Alone, ``strict`` changes nothing,
    and ``none`` stands for no policy, ``""``. Raises ``ValidationError`` for anything else.
    """
    given = list(changes)
    if given == [NO_POLICY]:
        return ""
    directives = {**STRICT_POLICY, **dict(map(_directive, [] if given == [STRICT] else given))}
    return "; ".join(f"{name} {value}".rstrip() for name, value in directives.items())


def site_headers(isolation: Isolation, policy: str) -> Mapping[str, str]:
    """With every file of a site. ``policy`` as ``security_policy`` makes it."""
    headers = {**isolation_headers(isolation), "X-Content-Type-Options": "nosniff"}
    return {**headers, "Content-Security-Policy": policy} if policy else headers


def _directive(text: str) -> tuple[str, str]:
    found = DIRECTIVE.fullmatch(text.strip())
    if found is None or text.strip() in (NO_POLICY, STRICT):
        raise ValidationError(
            f"{text!r} is no directive of a Content-Security-Policy: give one at a time, such as "
            f"\"connect-src 'self'\", or {NO_POLICY} alone for no policy."
        )
    return found[1], found[2] or ""
