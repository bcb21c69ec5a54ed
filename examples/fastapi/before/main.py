"""An application as the tutorials teach it: its own table of users, bcrypt, HS256 tokens with `sub` and `exp`.

docs/from-fastapi.md shows how to move it to rolecall.
"""

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

import bcrypt
import jwt
from fastapi import Depends, FastAPI, Form, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm

SECRET_KEY = os.environ.get("SECRET_KEY", "your-secret-key")
DATABASE = os.environ.get("DATABASE", "users.db")
LIFETIME = timedelta(minutes=30)

app = FastAPI()
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


def database():
    connection = sqlite3.connect(DATABASE)
    connection.row_factory = sqlite3.Row
    connection.execute("CREATE TABLE IF NOT EXISTS users "
                       "(username TEXT PRIMARY KEY, hashed_password TEXT NOT NULL, role TEXT NOT NULL)")
    return closing(connection)


def find_user(username: str):
    with database() as users:
        return users.execute("SELECT * FROM users WHERE username = ?", (username,)).fetchone()


@app.post("/register", status_code=201)
def register(username: str = Form(), password: str = Form(), role: str = Form("user")):
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()
    with database() as users, users:
        users.execute("INSERT INTO users VALUES (?, ?, ?)", (username, hashed, role))


@app.post("/token")
def login(form: OAuth2PasswordRequestForm = Depends()):
    user = find_user(form.username)
    if user is None or not bcrypt.checkpw(form.password.encode(), user["hashed_password"].encode()):
        raise HTTPException(401, "Incorrect username or password", {"WWW-Authenticate": "Bearer"})
    claims = {"sub": user["username"], "exp": datetime.now(timezone.utc) + LIFETIME}
    return {"access_token": jwt.encode(claims, SECRET_KEY, algorithm="HS256"), "token_type": "bearer"}


def get_current_user(token: str = Depends(oauth2_scheme)):
    try:
        user = find_user(jwt.decode(token, SECRET_KEY, algorithms=["HS256"])["sub"])
    except (jwt.PyJWTError, KeyError):
        user = None
    if user is None:
        raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    return user


class RoleChecker:
    def __init__(self, allowed_roles: list[str]):
        self.allowed_roles = allowed_roles

    def __call__(self, user=Depends(get_current_user)):
        if user["role"] not in self.allowed_roles:
            raise HTTPException(403, "Operation not permitted")
        return user


@app.get("/items/")
def read_items(user=Depends(RoleChecker(["admin"]))):
    return [{"item_id": "Foo", "owner": user["username"]}]


@app.get("/users/")
def read_users(user=Depends(RoleChecker(["user"]))):
    return [{"username": user["username"]}]
