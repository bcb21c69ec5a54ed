"""Calls the server with the client that openapi-generator made: prints what the answers contain."""

import json
import sys
from pathlib import Path

import rolecall_client
from rolecall_client import (
    AuditApi, ClientInput, ClientsApi, DecisionRequest, DecisionsApi, PolicyApi, TokensApi, UserInput, UsersApi)

url, token, admin, name = sys.argv[1:]
configuration = rolecall_client.Configuration(host=url, access_token=token)


def kinds(decision):
    return [step.actual_instance.kind for step in decision.because]


with rolecall_client.ApiClient(configuration) as api:
    client = ClientsApi(api).create_client(
        ClientInput(name=name, grants=["client_credentials"], roles=["rolecall.resource-server"]))
    user = UsersApi(api).create_user(UserInput(username=name))
    denied, allowed = (
        DecisionsApi(api).decide(DecisionRequest(subject=subject, permission="rolecall.users:read"))
        for subject in (user.id, admin))
    introspection = TokensApi(api).introspect_token(
        token="unknown", client_id=client.client_id, client_secret=client.client_secret)
    policy = PolicyApi(api).get_policy()
    changes = AuditApi(api).list_audit_entries(kind="change")
    events = AuditApi(api).list_audit_entries(kind="event")

page = {"token": token}
exec(Path("page.py").read_text(), page)
print(json.dumps({
    "secret": client.client_secret,
    "reset_code": user.reset_code,
    "email": user.email,
    "denied": {"allowed": denied.allowed, "kinds": kinds(denied)},
    "allowed": {"allowed": allowed.allowed, "kinds": kinds(allowed)},
    "active": introspection.active,
    "roles": sorted(policy.roles),
    "change": changes.items[0].actor,
    "event": events.items[0].kind,
    "me": page["me"].username,
}))
