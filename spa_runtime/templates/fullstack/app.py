"""The server: the engine behind HTTP, and the page when it is built. `uvicorn app:app` starts it."""

import os
from pathlib import Path

from durably_core import create_durably, with_log_persistence
from durably_core.asgi import create_durably_handler, lifespan
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from jobs import bake

DATABASE = os.environ.get("DURABLY_DATABASE", "durably.db")
PAGE = Path(__file__).parent / "dist"

durably = create_durably(database=DATABASE, jobs={"bake": bake}, preserve_steps=True)
durably.use(with_log_persistence())

app = FastAPI(lifespan=lifespan(durably))
# Without `auth` everyone who reaches the server may do everything: give it one before you publish.
app.mount("/api/durably", create_durably_handler(durably))
if PAGE.is_dir():
    app.mount("/", StaticFiles(directory=PAGE, html=True))
