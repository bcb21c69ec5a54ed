// Guards Hono 4: every route has a rule, which is checked before any middleware runs or the body is read.
import type { Context, Env, Hono, MiddlewareHandler } from "hono";
import { authorizationOf } from "./credential.js";
import { methodNotAllowed } from "./denial.js";
import { authorizationOfHeaders, toResponse } from "./fetch.js";
import type { Guard } from "./guard.js";
import type { Principal } from "./principal.js";
import { answerOf, requireRule, setRoutes, type Probe, type RouteAccess } from "./routes.js";
import { Rule } from "./rule.js";

/** The environment of a guarded handler: `c.get("caller")` is the caller. */
export type CallerEnv<E extends Env, C> = E & { Variables: { caller: C } };

/** The handler of a guarded route; `C` is what its rule gives as the caller. */
export type GuardedHandler<E extends Env, P extends string, C> = (
  c: Context<CallerEnv<E, C>, P>,
  next: () => Promise<void>,
) => Response | Promise<Response | undefined | void> | undefined;

interface GuardedMethod<E extends Env> {
  <P extends string, C>(path: P, rule: Rule<C>, ...handlers: [GuardedHandler<E, P, C>, ...GuardedHandler<E, P, C>[]]): GuardedHono<E>;
}

type Method = "get" | "post" | "put" | "patch" | "delete" | "options" | "all";

/** A Hono application whose routes have rules. */
export type GuardedHono<E extends Env = Env> = Omit<Hono<E>, Method | "on" | "use" | "route" | "mount" | "basePath" | "notFound"> & {
  [method in Method]: GuardedMethod<E>;
} & {
  on<P extends string, C>(method: string | string[], path: P, rule: Rule<C>, ...handlers: [GuardedHandler<E, P, C>, ...GuardedHandler<E, P, C>[]]): GuardedHono<E>;
  /** Middleware that runs after the rule of the route, or with `open` before it, for every request. */
  use(...middleware: MiddlewareHandler[]): GuardedHono<E>;
  use(path: string, ...middleware: MiddlewareHandler[]): GuardedHono<E>;
  use(rule: Rule<undefined>, ...middleware: MiddlewareHandler[]): GuardedHono<E>;
  /** Adds the routes of another guarded application under a path. */
  route(path: string, app: GuardedHono<Env>): GuardedHono<E>;
  /** Adds another handler for requests under a path, with a rule for all of them. */
  mount(path: string, rule: Rule, handler: (request: Request, ...args: never[]) => Response | Promise<Response>): GuardedHono<E>;
};

type Handler = (c: Context, next: () => Promise<void>) => unknown;
type Callable = (...args: unknown[]) => unknown;

/** A handler that carries the rule of its route. */
interface Marked {
  entry: { rule: Rule; guard: Guard };
}

interface Parts {
  guard: Guard;
  routes: RouteAccess[];
  before: Handler[];
}

const METHODS: readonly Method[] = ["get", "post", "put", "patch", "delete", "options", "all"];
const marks = new WeakMap<object, Marked["entry"]>();
const gates = new WeakSet<object>();
const applications = new WeakMap<object, Parts>();
const admitted = new WeakMap<Request, { handler: unknown; tenant: string | undefined }>();
const probes = new WeakSet<Request>();

/**
 * Guards a Hono application, before any route is added: from now on each route needs a rule. Requests without a route
 * reach no middleware.
 */
export function guarded<E extends Env>(app: Hono<E>, guard: Guard): GuardedHono<E> {
  if (applications.has(app)) throw new TypeError("this application is guarded already");
  if (app.routes.length > 0) {
    const paths = app.routes.map(({ method, path }) => `${method} ${path}`).join(", ");
    throw new TypeError(`the application has routes without a rule: ${paths}. Call \`guarded\` before you add them`);
  }
  const parts: Parts = { guard, routes: [], before: [] };
  applications.set(app, parts);
  const inner = app as unknown as Record<string, Callable>;
  const plain = app as unknown as Hono;
  const on = plain.on.bind(app) as Callable;
  const use = plain.use.bind(app) as Callable;
  const gate: Handler = (c, next) => checkFirst(plain, parts, c, next);
  gates.add(gate);
  use("*", gate);
  const add = (methods: string[], paths: string[], args: unknown[]) => {
    for (const path of paths) addRoute(app, parts, on, methods, path, args);
    return app;
  };
  for (const method of METHODS) {
    inner[method] = (path: unknown, ...args: unknown[]) => add([method.toUpperCase()], [path].flat() as string[], args);
  }
  Object.assign(inner, {
    on: (methods: unknown, paths: unknown, ...args: unknown[]) => add([methods].flat().map((one) => String(one).toUpperCase()), [paths].flat() as string[], args),
    use: (...args: unknown[]) => (addMiddleware(parts, use, args), app),
    route: (path: string, child: unknown) => (addRoutes(plain, parts, on, path, child), app),
    mount: (path: string, ...args: unknown[]) => (addMount(parts, on, path, args), app),
    basePath: () => refuse("`basePath`: create the application with it, as in `guarded(new Hono().basePath(\"/api\"), guard)`"),
    notFound: () => refuse("a handler for what is not found does not say who may call it: add a route instead, such as `app.all(\"*\", open, handler)`"),
  });
  setRoutes(app, { guard, routes: () => parts.routes, probe: probe(plain) });
  return app as unknown as GuardedHono<E>;
}

function refuse(message: string): never {
  throw new TypeError(message);
}

function addRoute(app: object, parts: Parts, on: Callable, methods: string[], path: string, args: unknown[]): void {
  const title = `${methods.join(", ")} ${path}`;
  const [first, ...handlers] = args.flat();
  const rule = requireRule(first, title);
  if (handlers.length === 0 || handlers.some((one) => typeof one !== "function")) throw new TypeError(`${title} needs handlers after its rule`);
  const base = (app as { _basePath?: string })._basePath ?? "/";
  const full = joinPath(base, path);
  if (rule.needsTenant && !/:tenant(?![\w$])/.test(full)) {
    throw new TypeError(`${title} compares the tenant of the token, and its path has no parameter \`:tenant\``);
  }
  const entry = { rule, guard: parts.guard };
  // a handler of its own for each route, so that one function can stand in several
  const enforce: Handler = (c, next) => checkAgain(enforce, entry, c, next);
  marks.set(enforce, entry);
  for (const method of methods) {
    on(method, path, enforce, ...handlers);
    parts.routes.push({ method, path: pathText(full), rule, handler: "" });
  }
}

function addMiddleware(parts: Parts, use: Callable, args: unknown[]): void {
  const [first, ...rest] = args;
  if (!Rule.isRule(first)) return void use(...args);
  if (first.node.kind !== "public") throw new TypeError("`use` takes no rule but `open`: rules belong to routes");
  if (rest.length === 0 || rest.some((one) => typeof one !== "function")) throw new TypeError("`use(open, ...)` needs middleware without a path");
  parts.before.push(...(rest as Handler[]));
}

/** Adds the routes of another guarded application; without its gate, since that of this one finds them too. */
function addRoutes(app: Hono, parts: Parts, on: Callable, path: string, child: unknown): void {
  const known = applications.get(child as object);
  if (!known) throw new TypeError(`the routes of the application under ${path} do not say who may call them: guard it with \`guarded\``);
  if (known.before.length > 0) throw new TypeError(`the application under ${path} has \`open\` middleware: add it to the outer application`);
  for (const { method, path: own, handler } of (child as Hono).routes) {
    if (!gates.has(handler)) on(method, joinPath(path, own), handler);
  }
  const base = (app as unknown as { _basePath?: string })._basePath ?? "/";
  parts.routes.push(...known.routes.map((route) => ({ ...route, path: joinPath(base, joinPath(pathText(path), route.path)) })));
}

function addMount(parts: Parts, on: Callable, path: string, args: unknown[]): void {
  const [first, handler] = args;
  const rule = requireRule(first, `everything under ${path}`);
  if (typeof handler !== "function") throw new TypeError("`mount` needs a handler after its rule");
  const entry = { rule, guard: parts.guard };
  const enforce: Handler = (c, next) => checkAgain(enforce, entry, c, next);
  marks.set(enforce, entry);
  const prefix = path.replace(/\/$/, "");
  on("ALL", joinPath(path, "*"), enforce, (c: Context) => {
    const url = new URL(c.req.raw.url);
    url.pathname = url.pathname.slice(prefix.length) || "/";
    return handler(new Request(url, c.req.raw), c.env) as Response;
  });
  parts.routes.push({ method: undefined, path: prefix === "" ? "/" : prefix, rule, handler: handler.name || "handler" });
}

/** Finds the first route of the request and checks its rule; runs `open` middleware before. */
async function checkFirst(app: Hono, parts: Parts, c: Context, next: () => Promise<void>): Promise<unknown> {
  const request = c.req.raw;
  const isProbe = probes.has(request);
  const run = async (index: number): Promise<unknown> => {
    const middleware = isProbe ? undefined : parts.before[index];
    if (middleware) return answerWith(c, await middleware(c, async () => void answerWith(c, await run(index + 1))));
    const found = findRoute(app, c);
    if (!found) return notFound(app, c);
    const entry = marks.get(found.handler);
    const answer = entry && (await ask(entry, c, found.tenant));
    if (answer) return answer;
    admitted.set(request, found);
    if (isProbe) return new Response(null, { status: 204 });
    await next();
    return undefined;
  };
  return run(0);
}

/** Takes an answer that a middleware returned. */
function answerWith(c: Context, answer: unknown): unknown {
  if (answer instanceof Response && !c.finalized) c.res = answer;
  return answer;
}

async function checkAgain(handler: Handler, entry: Marked["entry"], c: Context, next: () => Promise<void>): Promise<unknown> {
  const tenant = c.req.param("tenant");
  const before = admitted.get(c.req.raw);
  const isSame = before?.handler === handler && (!entry.rule.needsTenant || before.tenant === tenant);
  const answer = isSame ? undefined : await ask(entry, c, tenant);
  if (answer) return answer;
  await next();
  return undefined;
}

/** Sets the caller; returns the answer for one who is refused. */
async function ask({ rule, guard }: Marked["entry"], c: Context, tenant: string | undefined): Promise<Response | undefined> {
  try {
    c.set("caller", (await guard.admit(rule, authorizationOfContext(c), tenant)) as Principal | undefined);
    return undefined;
  } catch (error) {
    return toResponse(answerOf(error));
  }
}

type Match = [[[unknown, unknown], Record<string, number | string>][], string[]?];

function findRoute(app: Hono, c: Context, method = c.req.method === "HEAD" ? "GET" : c.req.method): { handler: Handler; tenant: string | undefined } | undefined {
  const [handlers, stash] = app.router.match(method, c.req.path) as unknown as Match;
  for (const [route, params] of handlers) {
    const [given] = route as unknown as [Handler];
    if (!marks.has(given)) continue;
    const value = params["tenant"];
    const text = typeof value === "number" ? stash?.[value] : value;
    return { handler: given, tenant: text === undefined ? undefined : decode(text) };
  }
  return undefined;
}

/** Decodes a parameter as Hono does. */
function decode(text: string): string {
  try {
    return text.includes("%") ? decodeURIComponent(text) : text;
  } catch {
    return text;
  }
}

function notFound(app: Hono, c: Context): Response {
  const others = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter((method) => findRoute(app, c, method));
  if (others.length === 0) return c.text("404 Not Found", 404);
  const allowed = others.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return toResponse(methodNotAllowed(allowed.join(", ")));
}

/** Returns the values of all `Authorization` headers: of Node's request, if there is one, since `Headers` joins them. */
function authorizationOfContext(c: Context): string[] {
  const incoming = (c.env as { incoming?: { rawHeaders?: string[] } } | undefined)?.incoming;
  return Array.isArray(incoming?.rawHeaders) ? authorizationOf(incoming.rawHeaders) : authorizationOfHeaders(c.req.raw.headers);
}

/** Asks the rules of an application without running a handler. */
function probe(app: Hono): Probe {
  return async ({ method, path, authorization }) => {
    const headers = new Headers();
    for (const value of authorization) headers.append("authorization", value);
    const request = new Request(new URL(path, "http://rolecall.invalid"), { method, headers });
    probes.add(request);
    const { status, headers: given } = await app.fetch(request);
    return { status, headers: Object.fromEntries(given) };
  };
}

function joinPath(prefix: string, path: string): string {
  if (path === "/" && prefix !== "/") return prefix;
  return `${prefix.replace(/\/$/, "")}/${path.replace(/^\//, "")}`;
}

/** Returns a path with its parameters as `{name}`. */
function pathText(path: string): string {
  return path.replace(/:([A-Za-z_$][\w$]*)(\{[^/]*\})?\??/g, "{$1}").replace(/\*$/, "{*path}");
}
