import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import test from "node:test";
import express from "express";
import { guardUpgrade, role } from "rolecall";
import { guarded } from "rolecall/express";
import { setUp } from "./support.mjs";

test("a WebSocket opens only for callers whom its rule admits", async (t) => {
  const { guard, issuer } = setUp();
  const server = guarded(express(), guard).listen(0);
  t.after(() => server.closeAllConnections() ?? server.close());
  await once(server, "listening");
  const listener = guardUpgrade(guard, role("admin"), (_, socket, head, caller) => {
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\nX-Caller: ${caller.username}\r\n\r\n`);
  });
  server.on("upgrade", listener);
  const connect = (authorization) => new Promise((resolve, reject) => {
    const headers = { Connection: "Upgrade", Upgrade: "test", ...(authorization && { Authorization: authorization }) };
    const request = http.get({ port: server.address().port, headers });
    request.on("response", (answer) => resolve([answer.statusCode, answer.headers["www-authenticate"]]));
    request.on("upgrade", (answer, socket) => resolve([answer.statusCode, answer.headers["x-caller"], socket.destroy() && undefined].slice(0, 2)));
    request.on("error", reject);
  });
  assert.deepEqual(await connect(), [401, "Bearer"]);
  assert.deepEqual(await connect(issuer.token("alice").bearer()), [403, 'Bearer error="insufficient_scope", scope="role:admin"']);
  assert.deepEqual(await connect(issuer.token("boss").roles("admin").bearer()), [101, "boss"]);
});

test("a listener without a rule is refused", (t) => {
  const { guard } = setUp();
  const server = guarded(express(), guard).listen(0);
  t.after(() => server.close());
  for (const add of ["on", "once", "prependListener"]) {
    assert.throws(() => server[add]("upgrade", () => undefined), /does not say who may connect/, add);
  }
  server.once("upgrade", guardUpgrade(guard, role("admin"), () => undefined));
  assert.throws(() => guardUpgrade(guard, () => undefined), TypeError);
});
