// Guards Express 5: every route has a rule, which is checked before anything else runs.
import express from "express";
import type { Application, ErrorRequestHandler, Express, NextFunction, Request, RequestHandler, RequestParamHandler, Response, RouterOptions } from "express";
import type { RouteParameters } from "express-serve-static-core";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { continueOnRead } from "./continue.js";
import { Denial, methodNotAllowed, type Answer } from "./denial.js";
import type { Guard } from "./guard.js";
import type { Principal } from "./principal.js";
import { answerOf, authorizationOfNode, requireRule, sendAnswer, setRoutes, type Probe, type RouteAccess } from "./routes.js";
import { Rule } from "./rule.js";
import { refuseUnguardedUpgrades } from "./upgrade.js";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The verified caller of a guarded route; `undefined` where the rule needs none. */
      caller: Principal | undefined;
    }
  }
}

/** The handler of a guarded route; `C` is what its rule gives as the caller. */
export type GuardedHandler<P, C> = (req: Omit<Request<P>, "caller"> & { caller: C }, res: Response, next: NextFunction) => unknown;

type Path = string | RegExp | (string | RegExp)[];

interface GuardedMatcher<Self> {
  <Route extends string, C>(path: Route, rule: Rule<C>, ...handlers: [GuardedHandler<RouteParameters<Route>, C>, ...GuardedHandler<RouteParameters<Route>, C>[]]): Self;
  <C>(path: Path, rule: Rule<C>, ...handlers: [GuardedHandler<Request["params"], C>, ...GuardedHandler<Request["params"], C>[]]): Self;
}

interface GuardedRoute {
  <C>(rule: Rule<C>, ...handlers: [GuardedHandler<Request["params"], C>, ...GuardedHandler<Request["params"], C>[]]): GuardedRouteMethods;
}

type Method = "get" | "post" | "put" | "patch" | "delete" | "options" | "head" | "all";

/** The methods of one path, each of which needs a rule. */
export type GuardedRouteMethods = { [method in Method]: GuardedRoute };

interface GuardedUse<Self> {
  /** Middleware that runs after the rule of the route, and error handlers. */
  (...middleware: (RequestHandler | ErrorRequestHandler | GuardedRouter)[]): Self;
  (path: Path, ...middleware: (RequestHandler | ErrorRequestHandler | GuardedRouter)[]): Self;
  /**
   * With `open`: middleware that runs before the rules, for every request. With another rule: guards everything that the
   * middleware answers.
   */
  (rule: Rule, ...middleware: RequestHandler[]): Self;
  (path: Path, rule: Rule, ...middleware: (RequestHandler | Application)[]): Self;
}

interface GuardedMethods<Self> {
  get: GuardedMatcher<Self>;
  post: GuardedMatcher<Self>;
  put: GuardedMatcher<Self>;
  patch: GuardedMatcher<Self>;
  delete: GuardedMatcher<Self>;
  options: GuardedMatcher<Self>;
  head: GuardedMatcher<Self>;
  all: GuardedMatcher<Self>;
  use: GuardedUse<Self>;
  route(path: Path): GuardedRouteMethods;
}

/** A router whose routes have rules; mount it in a guarded application. */
export interface GuardedRouter extends GuardedMethods<GuardedRouter> {
  (req: Request, res: Response, next: NextFunction): void;
  param(name: string, handler: RequestParamHandler): this;
}

type PlainExpress = Omit<Express, Method | "use" | "route" | "router">;

/** An Express application whose routes have rules. */
export interface GuardedExpress extends PlainExpress, GuardedMethods<GuardedExpress> {
  (req: IncomingMessage, res: ServerResponse): unknown;
  get: GuardedMatcher<GuardedExpress> & ((setting: string) => unknown);
}

type AnyRouter = express.Router & {
  stack: { name: string; handle: unknown; route?: { path: unknown } }[];
  caseSensitive?: boolean;
  strict?: boolean;
  handle(req: unknown, res: unknown, done: (error?: unknown) => void): void;
};
type Callable = (...args: unknown[]) => unknown;

/** A route or a mount, with its rule. */
interface Entry {
  rule: Rule;
  table: Table;
}

/** What a guarded application knows of a request. */
interface Admission {
  table: Table;
  guard: Guard;
  entry: Entry | undefined;
  tenant: string | undefined;
}

const ADMISSION = Symbol("rolecall.admission");
const FAILURE = Symbol("rolecall.failure");
type GuardedRequest = Request & { [ADMISSION]?: Admission; [FAILURE]?: unknown };
type Found = (req: GuardedRequest, entry: Entry) => void;

const METHODS = ["get", "post", "put", "patch", "delete", "options", "head", "trace", "connect", "propfind", "proppatch", "mkcol",
  "copy", "move", "lock", "unlock", "report", "search", "purge", "link", "unlink", "subscribe", "unsubscribe", "notify",
  "m-search", "checkout", "merge", "mkactivity", "mkcalendar", "acl", "bind", "rebind", "unbind", "source", "query"];
const tables = new WeakMap<object, Table>();
/** Mounted applications without rules. */
const applications = new WeakSet();
const found = new WeakMap<object, Found>();

/** The guarded side of a router: the same paths with rules in place of handlers. */
class Table {
  /** Finds the entry of a request: its handlers only report it. */
  readonly gate: AnyRouter;
  /** Has every path without its method, for 405. */
  readonly paths: AnyRouter;
  /** Middleware that runs before the rules, after no route was found, and after an error. */
  readonly before: AnyRouter;
  readonly after: AnyRouter;
  readonly errors: AnyRouter;
  readonly routes: RouteAccess[] = [];
  readonly children: { path: unknown; table: Table }[] = [];
  readonly #known = new WeakSet();
  readonly #scoped: { path: string; name: string }[] = [];
  #checkedLength = -1;

  /** `guard` is that of an application; a router takes the one of the application that it is mounted in. */
  constructor(readonly router: AnyRouter, readonly name: string, readonly guard?: Guard) {
    const options = { caseSensitive: Boolean(router.caseSensitive), strict: Boolean(router.strict), mergeParams: true };
    const create = () => express.Router(options) as AnyRouter;
    [this.gate, this.paths, this.before, this.after, this.errors] = [create(), create(), create(), create(), create()];
    this.errors.use((req: GuardedRequest, _res, next) => next(req[FAILURE]));
    const use = router.use.bind(router) as Callable;
    const route = router.route.bind(router) as unknown as (path: unknown) => Record<string, Callable>;
    Object.defineProperties(router, {
      route: { value: (path: unknown) => this.#route(path, route) },
      use: { value: (...args: unknown[]) => (this.#use(args, use), router) },
    });
  }

  /** Wraps a route so that each of its methods needs a rule. */
  #route(path: unknown, create: (path: unknown) => Record<string, Callable>): Record<string, Callable> {
    const route = this.#learn(() => create(path));
    // at once, so that the routes have the same order on both sides
    const gate = this.gate.route(path as string) as unknown as Record<string, Callable>;
    const paths = this.paths.route(path as string);
    for (const method of [...METHODS, "all"]) {
      const add = route[method]?.bind(route);
      if (!add) continue;
      route[method] = (...args: unknown[]) => {
        const [rule, ...handlers] = args.flat(Infinity);
        const title = `${method.toUpperCase()} ${pathText(path)}`;
        const entry = { rule: requireRule(rule, title), table: this };
        if (handlers.length === 0) throw new TypeError(`${title} has no handler`);
        if (Rule.isRule(handlers.find((one) => Rule.isRule(one)))) throw new TypeError(`${title} has two rules: combine them with \`allOf\` or \`anyOf\``);
        add(enforce(entry), ...handlers);
        const report = (req: GuardedRequest) => found.get(req)?.(req, entry);
        gate[method]?.(report);
        (paths.all.bind(paths) as Callable)((req: Request & { allowed?: Set<string> }, _: unknown, next: Callable) => {
          for (const one of allowedBy(method)) req.allowed?.add(one);
          next();
        });
        for (const one of [path].flat(Infinity)) {
          this.routes.push({ method: method === "all" ? "ALL" : method.toUpperCase(), path: pathText(one), rule: entry.rule, handler: "" });
        }
        return route;
      };
    }
    return route;
  }

  /** Adds middleware, a guarded router, or everything that a handler answers under a path. */
  #use(args: unknown[], use: Callable): void {
    const items = args.flat(Infinity);
    const isPath = (one: unknown) => typeof one === "string" || one instanceof RegExp;
    const given = items.filter(isPath);
    const paths = given.length > 0 ? given : ["/"];
    // Express matches a single path in a list in another way
    const path = paths.length === 1 ? paths[0] : paths;
    const rules = items.filter((one) => Rule.isRule(one));
    const handlers = items.filter((one) => !isPath(one) && !Rule.isRule(one));
    const title = `everything under ${pathText(path)}`;
    if (rules.length > 1) throw new TypeError(`${title} has two rules: combine them with \`allOf\` or \`anyOf\``);
    if (handlers.length === 0 || handlers.some((one) => typeof one !== "function")) throw new TypeError("`use` needs middleware");
    this.#learn(() => {
      for (const handler of handlers as Callable[]) this.#useOne(path, rules[0], handler, title, given.length > 0, use);
    });
  }

  #useOne(path: unknown, rule: Rule | undefined, handler: Callable, title: string, isScoped: boolean, use: Callable): void {
    const child = tables.get(handler);
    const isErrorHandler = handler.length === 4;
    if (child) return this.#mount(path, rule, handler, child, title, use);
    if (isErrorHandler) {
      use(path, handler);
      this.errors.use(path as string, handler as unknown as ErrorRequestHandler);
    } else if (rule === undefined) {
      if (answersItself(handler)) {
        throw new TypeError(`\`${nameOf(handler)}\`, ${title}, does not say who may call it: give it a rule, as in \`use(path, role("admin"), ...)\`, or use a guarded router`);
      }
      if (isScoped) for (const one of [path].flat()) this.#scoped.push({ path: pathText(one), name: nameOf(handler) });
      use(path, handler);
    } else if (rule.node.kind === "public" && !answersItself(handler)) {
      // before the first route it sees every request; after it only those that no route answered, as in Express itself
      const isFallback = this.routes.length > 0 || this.children.length > 0;
      (isFallback ? this.after : this.before).use(path as string, handler as unknown as RequestHandler);
      if (isFallback) use(path, handler);
    } else {
      const entry = { rule, table: this };
      use(path, enforce(entry), handler);
      this.gate.use(path as string, (req) => found.get(req)?.(req, entry));
      for (const one of [path].flat()) this.routes.push({ method: undefined, path: pathText(one), rule, handler: nameOf(handler) });
    }
  }

  #mount(path: unknown, rule: Rule | undefined, handler: Callable, child: Table, title: string, use: Callable): void {
    if (rule) throw new TypeError(`${title}: the routes of a guarded router have rules of their own`);
    use(path, handler);
    for (const one of ["gate", "paths", "before", "after"] as const) this[one].use(path as string, child[one]);
    for (const one of [path].flat()) this.children.push({ path: one, table: child });
  }

  /** Notes the layers that come through this table: all others have no rule. */
  #learn<T>(add: () => T): T {
    const before = this.router.stack.length;
    const result = add();
    for (const layer of this.router.stack.slice(before)) this.#known.add(layer);
    return result;
  }

  /** Throws if a route has no rule, or one that it cannot check. */
  check(prefix = "", isLast = true): void {
    const { stack } = this.router;
    const leftovers = stack.filter((layer) => !this.#known.has(layer));
    if (leftovers.length > 0) {
      const names = leftovers.map((layer) => (layer.route ? pathText(layer.route.path) : nameOf(layer.handle)));
      throw new TypeError(`${this.name} has routes without a rule: ${names.join(", ")}. Add them after \`guarded\`, with a rule each`);
    }
    this.#checkedLength = stack.length;
    for (const { path, rule, method } of this.routes) {
      if (rule.needsTenant && !`${prefix}${path}`.includes("{tenant}")) {
        throw new TypeError(`${method ?? "everything under"} ${prefix}${path} compares the tenant of the token, and its path has no parameter \`:tenant\``);
      }
    }
    for (const { path, table } of this.children) table.check(join(prefix, pathText(path)), false);
    if (isLast) this.#checkScoped();
  }

  /** Refuses middleware under a path without a guarded route: no request would reach it. */
  #checkScoped(): void {
    const paths = this.all().map(({ path }) => path);
    const unreachable = this.#scoped.find(({ path }) => path !== "/" && !paths.some((one) => one.startsWith(path) || one.includes("{") || path.includes("{")));
    if (unreachable) {
      throw new TypeError(`\`${unreachable.name}\`, everything under ${unreachable.path}, does not say who may call it: give it a rule, as in \`use(path, role("admin"), ...)\``);
    }
  }

  /** Checks again if layers were added past this table. */
  checkAgain(): void {
    const hasChanged = (table: Table): boolean =>
      table.#checkedLength !== table.router.stack.length || table.children.some((child) => hasChanged(child.table));
    if (hasChanged(this)) this.check();
  }

  /** Returns true if `other` is mounted in this one. */
  contains(other: Table): boolean {
    return this.children.some(({ table }) => table === other || table.contains(other));
  }

  /** Returns all routes, with those of mounted routers. */
  all(prefix = ""): RouteAccess[] {
    const own = this.routes.map((route) => ({ ...route, path: join(prefix, route.path) }));
    return own.concat(this.children.flatMap(({ path, table }) => table.all(join(prefix, pathText(path)))));
  }
}

/** Creates a router whose routes need rules; mount it with `use` in a guarded application. */
export function router(options?: RouterOptions): GuardedRouter {
  const created = express.Router({ mergeParams: true, ...options }) as AnyRouter;
  tables.set(created, new Table(created, "the router"));
  return created as unknown as GuardedRouter;
}

/**
 * Guards an Express application: from now on each route needs a rule, and the rule is checked before any middleware runs
 * or the body is read. `listen` refuses an application with anything that has no rule.
 */
export function guarded(app: Application, guard: Guard): GuardedExpress {
  if (tables.has(app)) throw new TypeError("this application is guarded already");
  const inner = app as unknown as Record<string, Callable> & { router: AnyRouter };
  const table = new Table(inner.router, "the application", guard);
  tables.set(app, table);
  const handle = inner.router.handle.bind(inner.router) as AnyRouter["handle"];
  Object.defineProperty(inner.router, "handle", {
    value: (req: GuardedRequest, res: Response, done: Callable) => dispatch(table, guard, handle, req, res, done),
  });
  const use = (...args: unknown[]) => {
    const items = args.flat(Infinity);
    (inner.router.use as unknown as Callable)(...items.map((one) => (isApplication(one) ? mount(app, one, items[0]) : one)));
    return app;
  };
  const listen = inner["listen"]?.bind(app);
  Object.defineProperties(app, {
    use: { value: use },
    listen: {
      value: (...args: unknown[]) => {
        table.check();
        const server = listen?.(...args) as Server;
        refuseUnguardedUpgrades(server);
        continueOnRead(server);
        return server;
      },
    },
  });
  setRoutes(app, { guard, routes: () => (table.check(), table.all()), probe: probe(table, guard) });
  return app as unknown as GuardedExpress;
}

/** Throws if a guarded application has anything without a rule, as `listen` does; for servers that do not call `listen`. */
export function checkRoutes(app: GuardedExpress): void {
  tables.get(app)?.check();
}

/** Wraps an application as Express does when it is mounted. */
function mount(parent: Application, child: Application, path: unknown): RequestHandler {
  const inner = child as unknown as { mountpath: unknown; parent: unknown; handle: AnyRouter["handle"]; emit: Callable };
  inner.mountpath = typeof path === "string" ? path : "/";
  inner.parent = parent;
  const mounted: RequestHandler = (req, res, next) => {
    const { request, response } = req.app as unknown as { request: object; response: object };
    inner.handle(req, res, (error?: unknown) => {
      Object.setPrototypeOf(req, request);
      Object.setPrototypeOf(res, response);
      next(error);
    });
  };
  Object.defineProperty(mounted, "name", { value: "mounted application" });
  const table = tables.get(child);
  if (table) tables.set(mounted, table);
  else applications.add(mounted);
  inner.emit("mount", parent);
  return mounted;
}

function isApplication(value: unknown): value is Application {
  return typeof value === "function" && "handle" in value && "set" in value;
}

function dispatch(table: Table, guard: Guard, handle: AnyRouter["handle"], req: GuardedRequest, res: Response, done: Callable): void {
  const outer = req[ADMISSION];
  // a guarded application that is mounted in another one was asked there
  if (outer?.table.contains(table)) return handle(req, res, done);
  req[ADMISSION] = { table, guard, entry: undefined, tenant: undefined };
  req.caller = undefined;
  const fail = (error: unknown) => failWith(table, req, res, error, done);
  try {
    table.checkAgain();
  } catch (error) {
    console.error("rolecall:", error);
    return sendAnswer(res, new Denial({ kind: "unguarded" }).answer);
  }
  table.before.handle(req, res, (error?: unknown) => {
    if (error) return fail(error);
    find(table, req, res, (entry, tenant) => {
      if (!entry) return notFound(table, req, res, fail, done);
      admit(req, res, entry, tenant, () => handle(req, res, answering(res, done)), fail);
    });
  });
}

/** Answers a denial of a handler, such as that of `caller.require`, that no error handler has answered. */
function answering(res: Response, done: Callable): (error?: unknown) => void {
  return (error) => (error instanceof Denial && !res.headersSent ? sendAnswer(res, error.answer) : done(error));
}

/** Finds the first route of the request, and leaves the request as it was. */
function find(table: Table, req: GuardedRequest, res: unknown, callback: (entry: Entry | undefined, tenant: string | undefined) => void): void {
  const { url, baseUrl, params, next, route } = req;
  found.set(req, (_, entry) => {
    found.delete(req);
    const { tenant } = req.params as Record<string, unknown>;
    Object.assign(req, { url, baseUrl, params, next, route });
    callback(entry, typeof tenant === "string" ? tenant : undefined);
  });
  // Express answers OPTIONS by itself, and a preflight gets 405 or what `open` middleware answers
  const isOptions = req.method === "OPTIONS";
  const response = isOptions ? { send: () => undefined, setHeader: () => undefined, set: () => undefined, end: () => finish() } : res;
  const finish = () => {
    if (!found.delete(req)) return;
    Object.assign(req, { url, baseUrl, params, next, route });
    callback(undefined, undefined);
  };
  table.gate.handle(req, response, finish);
}

/** Checks the rule of an entry, and goes on with `next` for an admitted caller. */
function admit(req: GuardedRequest, res: Response, entry: Entry, tenant: string | undefined, next: () => void, fail: (error: unknown) => void): void {
  const admission = req[ADMISSION];
  if (!admission) return sendAnswer(res, new Denial({ kind: "unguarded" }).answer);
  const refuse = (error: unknown) => (error instanceof Denial ? sendAnswer(res, error.answer) : fail(error));
  const go = (caller: unknown) => {
    Object.assign(admission, { entry, tenant });
    req.caller = caller as Principal | undefined;
    next();
  };
  let result: unknown;
  try {
    result = (entry.table.guard ?? admission.guard).admit(entry.rule, authorizationOfNode(req), tenant);
  } catch (error) {
    return refuse(error);
  }
  if (result instanceof Promise) result.then(go, refuse);
  else go(result);
}

/** The first handler of every route: it checks the rule again if another route was found before. */
function enforce(entry: Entry): RequestHandler {
  return (req: GuardedRequest, res, next) => {
    const { tenant } = req.params as Record<string, unknown>;
    const admission = req[ADMISSION];
    const isSameTenant = !entry.rule.needsTenant || admission?.tenant === tenant;
    if (admission?.entry === entry && isSameTenant) return next();
    admit(req, res, entry, typeof tenant === "string" ? tenant : undefined, next, next);
  };
}

/** Answers a request without a route: 405 if the path has other methods, otherwise what comes last in the application. */
function notFound(table: Table, req: Request & { allowed?: Set<string> }, res: Response, fail: (error: unknown) => void, done: Callable): void {
  allowedMethods(table, req, res, (allowed) => {
    if (allowed.size > 0) return sendAnswer(res, methodNotAllowed([...allowed].join(", ")));
    table.after.handle(req, res, (error?: unknown) => (error ? fail(error) : done()));
  });
}

function allowedMethods(table: Table, req: Request & { allowed?: Set<string> }, res: unknown, callback: (allowed: Set<string>) => void): void {
  const { url, baseUrl, params, next, route, method } = req;
  const allowed = new Set<string>();
  req.allowed = allowed;
  // `all` routes match any method; OPTIONS would be answered by the router
  req.method = "GET";
  table.paths.handle(req, res, () => {
    Object.assign(req, { url, baseUrl, params, next, route, method });
    callback(allowed);
  });
}

function failWith(table: Table, req: GuardedRequest, res: Response, error: unknown, done: Callable): void {
  req[FAILURE] = error;
  table.errors.handle(req, res, done);
}

/** Asks the rules of an application without running a handler. */
function probe(table: Table, guard: Guard): Probe {
  return ({ method, path, authorization }) => {
    const req = { method, url: path, headers: {}, rawHeaders: authorization.flatMap((value) => ["Authorization", value]) } as unknown as GuardedRequest;
    return new Promise((resolve, reject) => {
      find(table, req, {}, (entry, tenant) => {
        if (!entry) {
          const callback = (allowed: Set<string>) => resolve(allowed.size > 0 ? methodNotAllowed([...allowed].join(", ")) : { status: 404, headers: {} });
          return allowedMethods(table, req, {}, callback);
        }
        const admitted = async () => (entry.table.guard ?? guard).admit(entry.rule, authorization, tenant);
        admitted().then(() => ({ status: 204, headers: {} }) as Answer, answerOf).then(resolve, reject);
      });
    });
  };
}

function allowedBy(method: string): string[] {
  if (method === "all") return [];
  return method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()];
}

/** Returns true for what answers requests by itself: a router, an application, a folder of files. */
function answersItself(handler: Callable & { stack?: unknown }): boolean {
  return Array.isArray(handler.stack) || applications.has(handler) || isApplication(handler) || handler.name === "serveStatic";
}

function nameOf(handler: unknown): string {
  return (typeof handler === "function" && handler.name) || "middleware";
}

/** Returns a path with its parameters as `{name}`. */
function pathText(path: unknown): string {
  if (Array.isArray(path)) return path.map(pathText).join(", ");
  if (path instanceof RegExp) return String(path);
  const text = String(path).replace(/[{}]/g, (brace) => (brace === "{" ? "[" : "]"));
  return text.replace(/([:*])([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu, (_, sign, name) => (sign === "*" ? `{*${name}}` : `{${name}}`));
}

function join(prefix: string, path: string): string {
  if (path === "/" && prefix !== "") return prefix;
  return `${prefix.replace(/\/$/, "")}${path}`;
}
