"""Sessions on the server: the browser keeps a random id, and everything else stays in this process.

Replace the dictionary by a table to run several processes; the rest stays as it is.
"""

import secrets
import time

from starlette.requests import HTTPConnection

LIFETIME = 8 * 3600


class Sessions:
    def __init__(self):
        self.by_id = {}

    def find(self, id):
        ends, session = self.by_id.get(id, (0, None))
        return session if time.time() < ends else None

    def begin(self, session):
        self.by_id = {id: kept for id, kept in self.by_id.items() if time.time() < kept[0]}
        id = secrets.token_urlsafe(32)
        self.by_id[id] = (time.time() + LIFETIME, session)
        return id

    def end(self, id):
        self.by_id.pop(id, None)

    def end_all(self, **claims):
        """Ends the sessions whose ID token has these claims."""
        for id, (_, session) in list(self.by_id.items()):
            user = session.get("user", {})
            if all(user.get(name) == value for name, value in claims.items()):
                self.end(id)


class SessionMiddleware:
    """Makes `request.session` the dictionary of the browser that calls."""

    def __init__(self, app, sessions, https):
        self.app, self.sessions = app, sessions
        # a browser takes such a cookie only from this host and over HTTPS
        self.cookie = "__Host-session" if https else "session"
        self.attributes = f"; Path=/; HttpOnly; SameSite=Lax{'; Secure' if https else ''}"

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        id = HTTPConnection(scope).cookies.get(self.cookie)
        found = self.sessions.find(id)
        session = scope["session"] = {} if found is None else found

        async def send_with_cookie(message):
            if message["type"] == "http.response.start":
                value = self.conclude(id, found is not None, session)
                if value is not None:
                    cookie = f"{self.cookie}={value}{self.attributes}"
                    message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    def conclude(self, id, existed, session):
        """Returns the new value of the cookie, or None if it stays."""
        # an id from before the sign-in may be known to somebody else
        is_new = session.pop("is_new", False)
        if existed and self.sessions.find(id) is None:
            return "; Max-Age=0"
        if existed and session and not is_new:
            return None
        self.sessions.end(id)
        if session:
            return self.sessions.begin(session)
        return "; Max-Age=0" if existed else None
