// Guards Express 5: every route has a rule, which is checked before anything else runs.
import express from "express";
import type { Application, RequestHandler, Response, RouterOptions } from "express";
import type { Server } from "node:http";
import { continueOnRead } from "./continue.js";
import type { AnyRouter, Callable, GuardedRequest } from "./express/admission.js";
import { dispatch, probe } from "./express/dispatch.js";
import { applications, isApplication, Table, tables } from "./express/table.js";
import type { GuardedExpress, GuardedRouter } from "./express/types.js";
import type { Guard } from "./guard.js";
import { setRoutes } from "./routes.js";
import { refuseUnguardedUpgrades } from "./upgrade.js";

export type { GuardedExpress, GuardedHandler, GuardedRouteMethods, GuardedRouter } from "./express/types.js";

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
