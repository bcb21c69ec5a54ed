"""FastAPI dependencies for rolecall: `get_current_user` and the tutorial's `RoleChecker`."""

import os

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import OAuth2PasswordBearer

from rolecall_auth import Guard, Refused

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
guard = Guard(ISSUER, audience=os.environ.get("AUDIENCE"),
              client_id=os.environ.get("CLIENT_ID"),
              client_secret=os.environ.get("CLIENT_SECRET"),
              max_staleness=float(os.environ.get("MAX_STALENESS", "30")))
oauth2_scheme = OAuth2PasswordBearer(tokenUrl=f"{ISSUER}/token", auto_error=False)


def get_current_user(request: Request, token: str | None = Depends(oauth2_scheme)) -> dict:
    """Returns the claims of the caller's access token: `sub`, `subject_kind`, `roles`, `scope` and the others.

    `username` is empty for a client, which could have the name of a user: show its `client_id`.
    """
    if len(request.headers.getlist("Authorization")) > 1:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Send one credential",
                            {"WWW-Authenticate": 'Bearer error="invalid_request"'})
    token = (token or "").strip(" ")
    if not token:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Not authenticated", {"WWW-Authenticate": "Bearer"})
    try:
        return guard.verify(token)
    except Refused as refused:
        raise HTTPException(refused.status, refused.detail, refused.headers) from None


class RoleChecker:
    """Requires one of the roles, and returns the caller's claims."""

    def __init__(self, allowed_roles: list[str]):
        self.allowed_roles = allowed_roles

    def __call__(self, user: dict = Depends(get_current_user)) -> dict:
        if not set(self.allowed_roles) & set(user["roles"]):
            challenge = f'Bearer error="insufficient_scope", scope="role:{self.allowed_roles[0]}"'
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Operation not permitted",
                                {"WWW-Authenticate": challenge})
        return user
