// The guarded side of a router: its routes with their rules.
import express from "express";
import type { Application, ErrorRequestHandler, Request, RequestHandler } from "express";
import type { Guard } from "../guard.js";
import { requireRule, type RouteAccess } from "../routes.js";
import { Rule } from "../rule.js";
import { enforce, FAILURE, found, type AnyRouter, type Callable, type GuardedRequest } from "./admission.js";

const METHODS = ["get", "post", "put", "patch", "delete", "options", "head", "trace", "connect", "propfind", "proppatch", "mkcol",
  "copy", "move", "lock", "unlock", "report", "search", "purge", "link", "unlink", "subscribe", "unsubscribe", "notify",
  "m-search", "checkout", "merge", "mkactivity", "mkcalendar", "acl", "bind", "rebind", "unbind", "source", "query"];
/** The tables of routers and applications. */
export const tables = new WeakMap<object, Table>();
/** Mounted applications without rules. */
export const applications = new WeakSet();

/** The guarded side of a router: the same paths with rules in place of handlers. */
export class Table {
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

export function isApplication(value: unknown): value is Application {
  return typeof value === "function" && "handle" in value && "set" in value;
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
