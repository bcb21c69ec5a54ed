"""The tutorial's application: `/items/` requires the role `admin`, `/users/` the role `user`."""

from fastapi import Depends, FastAPI

from rolecall_fastapi import RoleChecker

app = FastAPI()


@app.get("/items/")
def read_items(caller: dict = Depends(RoleChecker(["admin"]))):
    return [{"item_id": "Foo", "owner": caller["username"]}]


@app.get("/users/")
def read_users(caller: dict = Depends(RoleChecker(["user"]))):
    return [{"username": caller["username"]}]
