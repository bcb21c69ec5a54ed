"""An application with pages: people sign in at a rolecall server, and their tokens never reach the browser."""

import asyncio
import html
import os
import time
from urllib.parse import parse_qs

from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from httpx import HTTPStatusError
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from sessions import SessionMiddleware, Sessions

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
URL = os.environ.get("URL", "http://127.0.0.1:9000")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# the forms of the pages lead to the issuer and back
POLICY = f"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {ISSUER}"

sessions = Sessions()
app = FastAPI()
app.add_middleware(SessionMiddleware, sessions=sessions, https=URL.startswith("https:"))
oauth = OAuth()
rolecall = oauth.register(
    "rolecall",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    # the token is refreshed below, where the new one is kept
    client_kwargs={"scope": "openid profile roles", "code_challenge_method": "S256", "leeway": 0},
)


def page(text, status=200):
    head = '<!doctype html><html lang="en"><meta name="color-scheme" content="light dark"><title>Items</title><h1>Items</h1>'
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(f"{head}<main>{text}</main></html>", status, headers)


@app.get("/")
def home(request: Request):
    user = request.session.get("user")
    if not user:
        return page('<p>Nobody is signed in.<p><a href="/login">Sign in</a>')
    name, roles = html.escape(user["preferred_username"]), html.escape(", ".join(user["roles"]) or "none")
    return page(f'<p>Signed in as {name}, roles: {roles}.<p><a href="/items/">Items</a>'
                '<form method="post" action="/logout"><button>Sign out</button></form>')


@app.get("/login")
async def log_in(request: Request):
    return await rolecall.authorize_redirect(request, f"{URL}/callback")


@app.get("/callback")
async def finish_log_in(request: Request):
    # the answer of another server (RFC 9207), which Authlib does not compare
    if request.query_params.get("iss") != ISSUER:
        return page("<p>This is no answer of the server that you were sent to.", 400)
    try:
        token = await rolecall.authorize_access_token(request)
        user = {**token.pop("userinfo"), **await read_user(token)}
    except (OAuthError, JoseError) as error:
        return page(f"<p>The sign-in failed: {html.escape(str(error))}<p><a href='/login'>Try again</a>", 403)
    request.session.clear()
    request.session.update(user=user, token=token, lock=asyncio.Lock(), is_new=True)
    return RedirectResponse("/", 303)


async def read_user(token):
    # a user without roles has no such claim
    return {"roles": [], **await rolecall.userinfo(token=token)}


async def refresh(session):
    session["token"] = await rolecall.fetch_access_token(
        grant_type="refresh_token", refresh_token=session["token"]["refresh_token"])


async def read_current_user(session):
    """Reads what the user has now. A loss ends the access token, and a refresh gets one with what is left."""
    if session["token"]["expires_at"] < time.time() + 30:
        await refresh(session)
    try:
        return await read_user(session["token"])
    except HTTPStatusError as error:
        if error.response.status_code != 401:
            raise
        await refresh(session)
        return await read_user(session["token"])


async def current_user(request: Request):
    """The user with the roles of this moment: asks the server, which knows of a loss at once."""
    session = request.session
    if "user" not in session:
        raise HTTPException(401, "Not authenticated")
    try:
        # one at a time: a refresh token works once, and a second use ends the session
        async with session["lock"]:
            session["user"] |= await read_current_user(session)
    except OAuthError:
        session.clear()
        raise HTTPException(401, "The session has ended") from None
    return session["user"]


class RoleChecker:
    def __init__(self, roles):
        self.roles = set(roles)

    def __call__(self, user: dict = Depends(current_user)):
        if self.roles.isdisjoint(user["roles"]):
            raise HTTPException(403, "Operation not permitted")
        return user


@app.get("/items/")
def read_items(user: dict = Depends(RoleChecker(["admin"]))):
    return [{"item_id": "Foo", "owner": user["preferred_username"]}]


@app.post("/logout")
async def log_out(request: Request):
    token = request.session.get("token", {})
    request.session.clear()
    return await rolecall.logout_redirect(request, f"{URL}/logged-out", token.get("id_token"), client_id=rolecall.client_id)


@app.get("/logged-out")
async def finish_log_out(request: Request):
    try:
        await rolecall.validate_logout_response(request)
    except OAuthError:
        return page("<p>Nobody has signed out here.", 400)
    return RedirectResponse("/", 303)


@app.post("/backchannel-logout")
async def end_sessions(request: Request):
    """The server says that a session has ended (OpenID Connect Back-Channel Logout)."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    try:
        claims = await read_logout_token(form["logout_token"][0])
    except (KeyError, ValueError, JoseError):
        raise HTTPException(400, "This is no logout token") from None
    sessions.end_all(**{name: claims[name] for name in ("sub", "sid") if name in claims})
    return Response(headers={"Cache-Control": "no-store"})


async def read_logout_token(text):
    """The claims of a valid logout token; ValueError if something else is signed."""
    for force in (False, True):
        keys = KeySet.import_key_set(await rolecall.fetch_jwk_set(force=force))
        try:
            token = jwt.decode(text, keys, algorithms=["RS256"])
            break
        except InvalidKeyIdError:
            # the keys have changed since they were fetched
            if force:
                raise
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": rolecall.client_id},
        iat={"essential": True}, exp={"essential": True}, jti={"essential": True})
    rules.validate(token.claims)
    is_logout = token.header.get("typ") == "logout+jwt" and LOGOUT_EVENT in token.claims.get("events", {})
    if not is_logout or "nonce" in token.claims or not {"sub", "sid"} & set(token.claims):
        raise ValueError("not a logout token")
    return token.claims
