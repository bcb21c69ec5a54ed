"""Calls the server with the client that openapi-python-client made: prints what the answers contain."""

import importlib
import inspect
import json
import pkgutil
import sys
from pathlib import Path

import rolecall_client.api
from rolecall_client import AuthenticatedClient
from rolecall_client.api.audit import list_audit_entries
from rolecall_client.api.clients import create_client
from rolecall_client.api.decisions import decide
from rolecall_client.api.policy import get_policy
from rolecall_client.api.tokens import introspect_token
from rolecall_client.api.users import create_user
from rolecall_client.models import ClientInput, DecisionRequest, ListAuditEntriesKind, PresentedToken, UserInput

url, token, admin, name = sys.argv[1:]


def kinds(decision):
    return [step.kind for step in decision.because]


def reads():
    """The operations that only read and need no parameter."""
    for found in pkgutil.walk_packages(rolecall_client.api.__path__, "rolecall_client.api."):
        name = found.name.rpartition(".")[2]
        if not found.ispkg and name.startswith(("get_", "list_")):
            call = importlib.import_module(found.name).sync
            needed = [name for name, parameter in inspect.signature(call).parameters.items()
                      if parameter.default is parameter.empty]
            if needed == ["client"]:
                yield name, call


with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as api:
    client = create_client.sync(client=api, body=ClientInput(
        name=name, grants=["client_credentials"], roles=["rolecall.resource-server"]))
    user = create_user.sync(client=api, body=UserInput(username=name))
    denied, allowed = (
        decide.sync(client=api, body=DecisionRequest(subject=subject, permission="rolecall.users:read"))
        for subject in (user.id, admin))
    introspection = introspect_token.sync(client=api, body=PresentedToken(
        token="unknown", client_id=client.client_id, client_secret=client.client_secret))
    policy = get_policy.sync(client=api)
    changes = list_audit_entries.sync(client=api, kind=ListAuditEntriesKind.CHANGE)
    events = list_audit_entries.sync(client=api, kind=ListAuditEntriesKind.EVENT)
    answers = {name: type(call(client=api)).__name__ for name, call in reads()}

page = {"token": token}
exec(Path("page.py").read_text(), page)
print(json.dumps({
    "secret": client.client_secret,
    "reset_code": user.reset_code,
    "email": user.email,
    "denied": {"allowed": denied.allowed, "kinds": kinds(denied)},
    "allowed": {"allowed": allowed.allowed, "kinds": kinds(allowed)},
    "active": introspection.active,
    "roles": sorted(policy.roles.additional_properties),
    "change": changes.items[0].actor,
    "event": events.items[0].kind,
    "me": page["me"].username,
    "reads": answers,
}))
