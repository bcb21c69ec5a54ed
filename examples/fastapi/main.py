"""The tutorial's application: `/items/` requires the role `admin`, `/users/` the role `user`."""

import os
from typing import Annotated

from fastapi import FastAPI
from rolecall import Guard, Principal
from rolecall.fastapi import protect, require

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8000")
CLIENT_ID, CLIENT_SECRET = os.environ.get("CLIENT_ID"), os.environ.get("CLIENT_SECRET", "")
guard = Guard(
    ISSUER,
    audience=os.environ.get("AUDIENCE"),
    client=(CLIENT_ID, CLIENT_SECRET) if CLIENT_ID else None,
    max_staleness=float(os.environ.get("MAX_STALENESS", "30")),
)

app = FastAPI()
Admin = Annotated[Principal, require(role="admin")]
User = Annotated[Principal, require(role="user")]


@app.get("/items/")
def read_items(caller: Admin):
    return [{"item_id": "Foo", "owner": caller.username}]


@app.get("/users/")
def read_users(caller: User):
    return [{"username": caller.username}]


protect(app, guard)
