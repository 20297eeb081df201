"""A server that several tenants share."""

from books import durably
from rights import auth
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from users import sign_in, sign_out

from durably_core import with_log_persistence
from durably_core.asgi import create_durably_handler, lifespan

durably.use(with_log_persistence())

app = Starlette(
    routes=[
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Mount("/api/durably", create_durably_handler(durably, auth=auth)),
    ],
    lifespan=lifespan(durably),
)
