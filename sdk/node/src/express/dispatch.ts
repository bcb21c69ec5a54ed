// Leads a request to the rule of its route before anything else runs.
import type { Request, Response } from "express";
import { Denial, methodNotAllowed, type Answer } from "../denial.js";
import type { Guard } from "../guard.js";
import { answerOf, sendAnswer, type Probe } from "../routes.js";
import { admit, ADMISSION, FAILURE, found, type AnyRouter, type Callable, type Entry, type GuardedRequest } from "./admission.js";
import type { Table } from "./table.js";

/** Runs `open` middleware, checks the rule of the first route, and goes on to the router with `handle`. */
export function dispatch(table: Table, guard: Guard, handle: AnyRouter["handle"], req: GuardedRequest, res: Response, done: Callable): void {
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
export function probe(table: Table, guard: Guard): Probe {
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
