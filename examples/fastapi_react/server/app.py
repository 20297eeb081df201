"""The API at /api/durably, and the page, once it is built."""

import os
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from jobs import send_newsletter

from durably_core import create_durably
from durably_core.asgi import create_durably_handler, lifespan

PAGE = Path(__file__).parent.parent / "dist"

durably = create_durably(
    database=os.environ.get("DATABASE", "newsletter.db"),
    jobs={"send_newsletter": send_newsletter},
)

# How long runs may go on when the server is told to stop. The rest is given back, and goes on later.
DRAIN_MS = int(os.environ.get("DRAIN_MS", "10000"))

app = FastAPI(lifespan=lifespan(durably, timeout_ms=DRAIN_MS))
app.mount("/api/durably", create_durably_handler(durably))
if PAGE.is_dir():
    # Last: it answers whatever no route before it does.
    app.mount("/", StaticFiles(directory=PAGE, html=True))
