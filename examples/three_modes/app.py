"""Fullstack mode: the engine on the server, behind HTTP, and the page beside it."""

from pathlib import Path

from jobs.jobs import summarise_weather
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from durably_core import create_durably
from durably_core.asgi import create_durably_handler, lifespan

durably = create_durably(database="weather.db", jobs={"summarise_weather": summarise_weather})

app = Starlette(
    routes=[
        Mount("/api/durably", create_durably_handler(durably)),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "dist/fullstack", html=True)),
    ],
    lifespan=lifespan(durably),
)
