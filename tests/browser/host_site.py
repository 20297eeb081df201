"""A site of other people: their pages, with the folder that ``durably build`` made at ``/app/``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.browser.browser import app_served

PIXEL = bytes.fromhex("47494638396101000100800000ff0000ffffff21f90400000000002c00000000010001000002024401003b")
WORKER_OF_HOST = "addEventListener('fetch', (event) => event.respondWith(fetch(event.request)))"
EMBED = '<script type="module" src="/app/embed.js"></script>'


@dataclass(frozen=True)
class HostSite:
    url: str
    pages: dict[str, Response] = field(default_factory=dict)

    def page(self, body: str, *, head: str = "", headers: Mapping[str, str] | None = None) -> str:
        """The address of a page with that in it."""
        name = f"page-{len(self.pages)}"
        text = (
            f"<!doctype html><html lang='en'><head><title>Shop</title>{head}</head><body>{body}</body></html>"
        )
        self.pages[name] = HTMLResponse(text, headers=headers)
        return self.url + name


@contextmanager
def host_site(built: Path, headers: Mapping[str, str] | None = None) -> Iterator[HostSite]:
    """The site; ``headers`` come with all files of the built folder."""
    pages: dict[str, Response] = {}

    def page(request: Request) -> Response:
        return pages.get(request.path_params["name"], Response(status_code=404))

    def worker(_request: Request) -> Response:
        return Response(WORKER_OF_HOST, media_type="text/javascript")

    app = Starlette(
        routes=[
            Mount("/app", _Files(built, headers or {})),
            Route("/worker-of-host.js", worker),
            Route("/{name}", page),
        ]
    )
    with app_served(app, built) as site:
        yield HostSite(site.url, pages)


@contextmanager
def third_party(built: Path, *, shares: bool = False) -> Iterator[str]:
    """Another site, with an image and the built folder. ``shares``: others may load its scripts (CORS)."""

    def pixel(_request: Request) -> Response:
        return Response(PIXEL, media_type="image/gif")

    app = Starlette(
        routes=[Mount("/app", StaticFiles(directory=built)), Route("/pixel.gif", pixel)],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])] if shares else [],
    )
    with app_served(app, built) as site:
        yield site.url.replace("localhost", "127.0.0.1")


class _Files(StaticFiles):
    def __init__(self, folder: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=folder, html=True)
        self._headers = headers

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(self._headers)
        return response
