"""The engine behind HTTP. Needs the extra ``durably[server]``."""

from durably_core.asgi.auth import Access, Auth, TriggerRequest
from durably_core.asgi.handler import DurablyHandler, create_durably_handler, lifespan
from durably_core.asgi.openapi import openapi
from durably_core.errors import ForbiddenError, UnauthorizedError
from durably_core.store.base import RunFilter

__all__ = [
    "create_durably_handler",
    "DurablyHandler",
    "lifespan",
    "Auth",
    "Access",
    "TriggerRequest",
    "RunFilter",
    "UnauthorizedError",
    "ForbiddenError",
    "openapi",
]
