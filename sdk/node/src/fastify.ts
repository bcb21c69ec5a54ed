// Guards Fastify 5: every route has a rule in its `config`, which is checked before the body is read.
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type {
  FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods, RouteGenericInterface, RouteHandlerMethod, RouteOptions,
  RouteShorthandOptions,
} from "fastify";
import { continueOnRead } from "./continue.js";
import { Denial, methodNotAllowed, type Answer } from "./denial.js";
import type { Guard } from "./guard.js";
import type { Principal } from "./principal.js";
import { answerOf, authorizationOfNode, requireRule, setRoutes, type Probe, type RouteAccess } from "./routes.js";
import type { Rule } from "./rule.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Who may call the route. */
    rolecall?: Rule;
  }
  interface FastifyRequest {
    /** The verified caller of a guarded route; `null` where the rule needs none. */
    caller: Principal | null;
  }
}

/** The options of a guarded route, whose `config` has its rule. */
export type Guarded<O> = O & { config: { rolecall: Rule } };

interface GuardedShorthand<Self> {
  <T extends RouteGenericInterface = RouteGenericInterface>(
    path: string,
    options: Guarded<RouteShorthandOptions>,
    handler: (this: FastifyInstance, request: FastifyRequest<T>, reply: FastifyReply) => unknown,
  ): Self;
  (path: string, options: Guarded<RouteShorthandOptions> & { handler: RouteHandlerMethod }): Self;
}

type Shorthand = "get" | "post" | "put" | "patch" | "delete" | "options" | "head" | "all";

/** A Fastify instance whose routes have rules. */
export type GuardedFastify = Omit<FastifyInstance, Shorthand | "route" | "setNotFoundHandler"> & {
  [method in Shorthand]: GuardedShorthand<GuardedFastify>;
} & { route(options: Guarded<RouteOptions>): GuardedFastify };

/** A request with this header stops after its rule; the value is known to this process alone. */
const PROBE_HEADER = "x-rolecall-probe";

/** The settings of a guarded instance. */
export interface GuardedOptions {
  /**
   * The rules of routes that plugins add without one, by method and path: `{ "OPTIONS *": open }` for `@fastify/cors`, or
   * `{ "GET /files/*": role("admin") }` for `@fastify/static`.
   */
  rules?: Readonly<Record<string, Rule>>;
}

/**
 * Guards a Fastify instance, before any route or plugin is added: a route without a rule in `config.rolecall` is an error
 * when it is added, also by plugins.
 */
export function guarded<App extends FastifyInstance>(app: App, guard: Guard, { rules = {} }: GuardedOptions = {}): App & GuardedFastify {
  if (app.hasDecorator("rolecall")) throw new TypeError("this application is guarded already");
  const earlier = app.printRoutes({ commonPrefix: false }).trim();
  if (earlier !== "" && earlier !== "(empty tree)") {
    throw new TypeError(`the application has routes without a rule; call \`guarded\` before you add them:\n${earlier}`);
  }
  const state = { routes: [] as RouteAccess[], probe: randomBytes(32).toString("base64url") };
  continueOnRead(app.server as Server);
  app.decorate("rolecall", guard);
  app.decorateRequest("caller", null);
  app.addHook("onRoute", (route) => {
    const title = `${[route.method].flat().join(", ")} ${route.url}`;
    const rule = requireRule(route.config?.rolecall ?? ruleOf(route, rules), title);
    route.config = { ...route.config, rolecall: rule };
    if (rule.needsTenant && !/:tenant(?![\w$])/.test(route.url)) {
      throw new TypeError(`${title} compares the tenant of the token, and its path has no parameter \`:tenant\``);
    }
    for (const method of [route.method].flat()) {
      // Fastify adds it to each GET
      const isDerived = method === "HEAD" && state.routes.some((one) => one.method === "GET" && one.path === pathText(route.url));
      if (!isDerived) state.routes.push({ method, path: pathText(route.url), rule, handler: "" });
    }
  });
  app.addHook("onRequest", (request, reply, next) => {
    if (request.is404) {
      const allowed = state.routes.length > 0 ? allowedMethods(app, request.url, state.routes) : [];
      return allowed.length > 0 ? send(reply, methodNotAllowed(allowed.join(", "))) : next();
    }
    check(guard, request, reply, state.probe, next);
  });
  app.setErrorHandler((error, _request, reply) => {
    // Fastify handles all others as it does without this handler
    if (error instanceof Denial) send(reply, error.answer);
    else void reply.send(error);
  });
  Object.defineProperty(app, "setNotFoundHandler", { value: refuseNotFoundHandler });
  setRoutes(app, { guard, routes: () => state.routes, probe: probe(app, state.probe) });
  return app as App & GuardedFastify;
}

/** Returns the rule that the settings give to all methods of a route; HEAD follows GET. */
function ruleOf(route: RouteOptions, rules: Readonly<Record<string, Rule>>): Rule | undefined {
  const found = [route.method].flat().map((method) => {
    const given = Object.hasOwn(rules, `${method} ${route.url}`) ? rules[`${method} ${route.url}`] : undefined;
    return given ?? (method === "HEAD" && Object.hasOwn(rules, `GET ${route.url}`) ? rules[`GET ${route.url}`] : undefined);
  });
  return found.every((rule) => rule !== undefined && rule === found[0]) ? found[0] : undefined;
}

/** Checks the rule of the route that was found. */
function check(guard: Guard, request: FastifyRequest, reply: FastifyReply, secret: string, next: (error?: Error) => void): void {
  const refuse = (error: unknown) => {
    try {
      send(reply, answerOf(error));
    } catch {
      next(error as Error);
    }
  };
  const go = (caller: Principal | undefined) => {
    request.caller = caller ?? null;
    if (request.headers[PROBE_HEADER] === secret) return void reply.code(204).send();
    next();
  };
  try {
    const { tenant } = request.params as { tenant?: unknown };
    const rule = requireRule(request.routeOptions.config.rolecall, request.url) as Rule<Principal | undefined>;
    const admitted = guard.admit(rule, authorizationOfNode(request.raw), typeof tenant === "string" ? tenant : undefined);
    if (admitted instanceof Promise) admitted.then(go, refuse);
    else go(admitted);
  } catch (error) {
    refuse(error);
  }
}

function send(reply: FastifyReply, { status, headers, body }: Answer): void {
  // Fastify adds a charset to the content type of a string
  void reply.code(status).headers(headers).send(Buffer.from(body));
}

/** Returns the methods of a path that was not found with the method of the request. */
function allowedMethods(app: FastifyInstance, url: string, routes: readonly RouteAccess[]): string[] {
  const methods = new Set(routes.map(({ method }) => method ?? ""));
  const path = url.split("?", 1)[0] ?? "";
  const has = (method: string) => app.findRoute({ url: path, method: method as HTTPMethods }) !== null || matches(routes, method, path);
  return [...methods].filter(has).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
}

/** Compares a path with the patterns of a method. */
function matches(routes: readonly RouteAccess[], method: string, path: string): boolean {
  const parts = path.split("/");
  return routes.some((route) => {
    if (route.method !== method) return false;
    const pattern = route.path.split("/");
    return pattern.length === parts.length && pattern.every((one, index) => one === parts[index] || (/^\{\w+\}$/.test(one) && parts[index] !== ""));
  });
}

function refuseNotFoundHandler(): never {
  throw new TypeError("a handler for what is not found does not say who may call it: add a route instead, such as `app.all(\"/*\", { config: { rolecall: open } }, handler)`");
}

/** Asks the rules of an application without running a handler. */
function probe(app: FastifyInstance, secret: string): Probe {
  return async ({ method, path, authorization }) => {
    const headers = { [PROBE_HEADER]: secret, ...(authorization[0] !== undefined && { authorization: authorization[0] }) };
    const answer = await app.inject({ method: method as "GET", url: path, headers });
    return { status: answer.statusCode, headers: answer.headers as Record<string, string> };
  };
}

/** Returns a path with its parameters as `{name}`. */
function pathText(path: string): string {
  const text = path.replace(/:([A-Za-z_$][\w$]*)(\([^/]*\))?\??/g, "{$1}");
  return text.replace(/\*$/, "{*path}");
}
