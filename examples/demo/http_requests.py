"""Requests where Python has sockets: elsewhere than in a page."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from http_response import Response


def request(
    url: str, method: str, body: bytes | None, headers: Mapping[str, str], patience_s: float
) -> Response:
    """Raises ``OSError`` when there is no answer."""
    sent = dict(headers) if body is not None else {}
    asked = urllib.request.Request(url, body, sent, method=method)  # noqa: S310 - whoever calls has checked it
    try:
        return response_to(asked, patience_s)
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error
    except http.client.HTTPException as error:
        raise OSError("its answer broke off") from error


def response_to(asked: urllib.request.Request, patience_s: float) -> Response:
    """Also when the server says no."""
    try:
        with urllib.request.urlopen(asked, timeout=patience_s) as response:  # noqa: S310
            return Response(response.status, response.read(), lowered(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, error.read(), lowered(error.headers))


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
