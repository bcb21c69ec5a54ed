"""The FastAPI tutorial: login with a form, HS256 token, `RoleChecker` as a dependency.

It does what the tutorial does, even where that is slow: the role check is a plain function, which FastAPI
runs in a thread, and the login is `async` and hashes on the event loop. Three things are changed so that it
runs and is comparable: bcrypt stays below version 5, which passlib cannot use; PyJWT is the only JWT library;
and the wrong role is 403.
"""

from datetime import datetime, timedelta, timezone

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from passlib.context import CryptContext
from pydantic import BaseModel

SECRET_KEY = "a secret for measuring, of 32 bytes or more"
ALGORITHM = "HS256"
LIFETIME = timedelta(minutes=30)

app = FastAPI()
passwords = CryptContext(schemes=["bcrypt"], deprecated="auto")
bearer = OAuth2PasswordBearer(tokenUrl="token")


class Token(BaseModel):
    access_token: str
    token_type: str


class User(BaseModel):
    username: str
    role: str


class StoredUser(User):
    hashed_password: str


HASH = passwords.hash("yourpassword")
USERS = {
    name: {"username": name, "role": role, "hashed_password": HASH}
    for name, role in (("admin", "admin"), ("alice", "user"))
}


def find_user(username):
    user = USERS.get(username)
    return StoredUser(**user) if user else None


def authenticate(username, password):
    user = find_user(username)
    if user is None or not passwords.verify(password, user.hashed_password):
        return None
    return user


async def current_user(token: str = Depends(bearer)):
    refused = HTTPException(
        status.HTTP_401_UNAUTHORIZED,
        "Could not validate credentials",
        {"WWW-Authenticate": "Bearer"},
    )
    try:
        username = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM]).get("sub")
    except jwt.PyJWTError:
        raise refused from None
    user = find_user(username)
    if user is None:
        raise refused
    return user


class RoleChecker:
    def __init__(self, allowed: list[str]):
        self.allowed = allowed

    def __call__(self, user: User = Depends(current_user)):
        if user.role not in self.allowed:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Operation not permitted")
        return user


@app.post("/token", response_model=Token)
async def log_in(form: OAuth2PasswordRequestForm = Depends()):
    user = authenticate(form.username, form.password)
    if user is None:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Incorrect username or password",
            {"WWW-Authenticate": "Bearer"},
        )
    claims = {"sub": user.username, "exp": datetime.now(timezone.utc) + LIFETIME}
    return {"access_token": jwt.encode(claims, SECRET_KEY, ALGORITHM), "token_type": "bearer"}


@app.get("/items/")
async def read_items(user: User = Depends(RoleChecker(["admin"]))):
    return [{"item_id": "Foo", "owner": user.username}]


@app.get("/open/items/")
async def read_open_items():
    return [{"item_id": "Foo", "owner": "admin"}]
