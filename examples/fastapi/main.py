"""The tutorial's application: `/items/` for the role `admin`, `/users/` for the role `user`."""

import os

from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer

from rolecall_auth import Guard, Refused

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
guard = Guard(ISSUER, audience=os.environ.get("AUDIENCE"),
              client_id=os.environ.get("CLIENT_ID"),
              client_secret=os.environ.get("CLIENT_SECRET"),
              max_staleness=float(os.environ.get("MAX_STALENESS", "30")))

oauth2_scheme = OAuth2PasswordBearer(tokenUrl=f"{ISSUER}/token")
app = FastAPI()


def get_current_user(token: str = Depends(oauth2_scheme)) -> dict:
    """The claims of the caller's access token: `sub`, `username`, `roles`, `scope` and the others."""
    try:
        return guard.verify(token)
    except Refused as refused:
        raise HTTPException(refused.status, refused.detail, refused.headers) from None


class RoleChecker:
    def __init__(self, allowed_roles: list[str]):
        self.allowed_roles = allowed_roles

    def __call__(self, user: dict = Depends(get_current_user)) -> dict:
        if not set(self.allowed_roles) & set(user["roles"]):
            lacking = f'Bearer error="insufficient_scope", scope="role:{self.allowed_roles[0]}"'
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Operation not permitted",
                                {"WWW-Authenticate": lacking})
        return user


@app.get("/items/")
def read_items(user: dict = Depends(RoleChecker(["admin"]))):
    return [{"item_id": "Foo", "owner": user["username"]}]


@app.get("/users/")
def read_users(user: dict = Depends(RoleChecker(["user"]))):
    return [{"username": user["username"]}]
