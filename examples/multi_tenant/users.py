"""Who there is, and who is signed in. Yours are in a database, with passwords that are hashed."""

import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

COOKIE = "session"


@dataclass(frozen=True, slots=True)
class User:
    name: str
    tenant: str
    roles: frozenset[str]


PASSWORDS = {"ann": "ann's secret", "bob": "bob's secret", "eve": "eve's secret"}
USERS = {
    "ann": User("ann", "acme", frozenset({"clerk", "accountant"})),
    "bob": User("bob", "acme", frozenset({"clerk"})),
    "eve": User("eve", "globex", frozenset({"clerk", "accountant"})),
}
SESSIONS: dict[str, User] = {}
"""By the text in the cookie, which no one can guess."""


def user_of(request: Request) -> User | None:
    return SESSIONS.get(request.cookies.get(COOKIE, ""))


async def sign_in(request: Request) -> Response:
    given = await request.json()
    name, password = str(given.get("name")), str(given.get("password"))
    expected = PASSWORDS.get(name, secrets.token_urlsafe())
    if not secrets.compare_digest(password.encode(), expected.encode()):
        return JSONResponse({"error": "Name or password is wrong."}, status_code=401)
    session = secrets.token_urlsafe()
    SESSIONS[session] = USERS[name]
    answer = JSONResponse({"name": name, "tenant": USERS[name].tenant})
    # No script can read it, and other sites' forms don't send it.
    is_https = request.url.scheme == "https"
    answer.set_cookie(COOKIE, session, httponly=True, samesite="lax", secure=is_https)
    return answer


async def sign_out(request: Request) -> Response:
    SESSIONS.pop(request.cookies.get(COOKIE, ""), None)
    answer = JSONResponse({})
    answer.delete_cookie(COOKIE)
    return answer
