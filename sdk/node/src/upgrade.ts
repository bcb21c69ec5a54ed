// Guards WebSockets: the `upgrade` event of a server, which no framework routes.
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import type { Guard } from "./guard.js";
import { answerOf, authorizationOfNode, requireRule } from "./routes.js";
import type { Rule } from "./rule.js";

/** A listener of the event `upgrade`, such as one that calls `handleUpgrade` of a WebSocket library. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const GUARDED = Symbol.for("rolecall.upgrade");

/**
 * Creates a listener of the event `upgrade` that calls `handler` only for callers whom `rule` admits, and answers others as
 * a route does.
 */
export function guardUpgrade<C>(
  guard: Guard,
  rule: Rule<C>,
  handler: (request: IncomingMessage, socket: Duplex, head: Buffer, caller: C) => void,
): UpgradeListener {
  requireRule(rule, "a WebSocket");
  const listener: UpgradeListener = (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const admit = async () => guard.admit(rule, authorizationOfNode(request));
    admit().then((caller) => handler(request, socket, head, caller), (error: unknown) => refuse(socket, error));
  };
  return Object.assign(listener, { [GUARDED]: true });
}

function refuse(socket: Duplex, error: unknown): void {
  try {
    const { status, headers, body } = answerOf(error);
    const all = { ...headers, connection: "close", "content-length": String(Buffer.byteLength(body)) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`);
  } catch {
    socket.destroy();
  }
}

/** Throws when a listener without a rule is added to the event `upgrade` of a server. */
export function refuseUnguardedUpgrades(server: Server): void {
  server.on("newListener", (event, listener: UpgradeListener & { [GUARDED]?: boolean; listener?: { [GUARDED]?: boolean } }) => {
    if (event === "upgrade" && !(listener[GUARDED] ?? listener.listener?.[GUARDED])) {
      throw new TypeError("a listener of `upgrade` does not say who may connect: create it with `guardUpgrade(guard, rule, handler)`");
    }
  });
}
