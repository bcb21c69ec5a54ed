// What the adapters share: the routes of an application with their rules, and a way to ask them without a handler.
import type { IncomingMessage, ServerResponse } from "node:http";
import { authorizationOf, type AuthorizationValues } from "./credential.js";
import { Denial, type Answer } from "./denial.js";
import type { Guard } from "./guard.js";
import { Rule } from "./rule.js";

/** Who may call a route. */
export interface RouteAccess {
  /** `undefined` for everything under a path. */
  method: string | undefined;
  /** The path, with parameters as `{name}`. */
  path: string;
  rule: Rule;
  /** The name of what answers, for everything under a path. */
  handler: string;
}

/** The status and headers with which a route answers before its handler runs: 204 if it would run. */
export type Probe = (request: { method: string; path: string; authorization: AuthorizationValues }) => Promise<Pick<Answer, "status" | "headers">>;

/** A guarded application, as the access matrix sees it. */
export interface GuardedRoutes {
  guard: Guard;
  routes(): RouteAccess[];
  probe: Probe;
}

const ROUTES = Symbol.for("rolecall.routes");

/** Makes `app` known as a guarded application. */
export function setRoutes(app: object, routes: GuardedRoutes): void {
  Object.defineProperty(app, ROUTES, { value: routes });
}

/** Returns what is known of a guarded application. */
export function routesOf(app: unknown): GuardedRoutes {
  const routes = app !== null && (typeof app === "object" || typeof app === "function") ? (app as { [ROUTES]?: GuardedRoutes })[ROUTES] : undefined;
  if (!routes) throw new TypeError("this application is not guarded: create it with `guarded(app, guard)`");
  return routes;
}

/** Returns `value` if it is a rule; throws an error that names the route otherwise. */
export function requireRule(value: unknown, route: string): Rule {
  if (Rule.isRule(value)) return value;
  throw new TypeError(`${route} does not say who may call it: give it a rule, such as \`role("admin")\`, \`authenticated\` or \`open\``);
}

/** Returns the values of all `Authorization` headers of a Node request. */
export function authorizationOfNode(request: Pick<IncomingMessage, "rawHeaders">): string[] {
  return authorizationOf(request.rawHeaders);
}

/** Sends an answer, whatever the framework has set so far. */
export function sendAnswer(response: ServerResponse, answer: Pick<Answer, "status" | "headers"> & { body?: string }): void {
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  response.statusCode = answer.status;
  response.end(answer.body);
}

/** Returns the answer for an error, or throws it again if it is not a denial. */
export function answerOf(error: unknown): Answer {
  if (error instanceof Denial) return error.answer;
  throw error;
}

/** Orders methods and paths so that moving code does not change the access matrix. */
export function sortRoutes(routes: RouteAccess[]): RouteAccess[] {
  const key = ({ method, path }: RouteAccess) => [method === undefined ? "1" : "0", path, method ?? ""].join("\0");
  return [...routes].sort((a, b) => Buffer.compare(Buffer.from(key(a)), Buffer.from(key(b))));
}
