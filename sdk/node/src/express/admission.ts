// Checks the rule of a route for a request.
import type express from "express";
import type { Request, RequestHandler, Response } from "express";
import { Denial } from "../denial.js";
import type { Guard } from "../guard.js";
import type { Principal } from "../principal.js";
import { authorizationOfNode, sendAnswer } from "../routes.js";
import type { Rule } from "../rule.js";

export type AnyRouter = express.Router & {
  stack: { name: string; handle: unknown; route?: { path: unknown } }[];
  caseSensitive?: boolean;
  strict?: boolean;
  handle(req: unknown, res: unknown, done: (error?: unknown) => void): void;
};
export type Callable = (...args: unknown[]) => unknown;

/** A route or a mount, with its rule. */
export interface Entry {
  rule: Rule;
  /** The router; that of an application has a guard of its own. */
  table: { readonly guard?: Guard | undefined };
}

/** What a guarded application knows of a request. */
export interface Admission {
  table: { contains(other: object): boolean };
  guard: Guard;
  entry: Entry | undefined;
  tenant: string | undefined;
}

export const ADMISSION = Symbol("rolecall.admission");
export const FAILURE = Symbol("rolecall.failure");
export type GuardedRequest = Request & { [ADMISSION]?: Admission; [FAILURE]?: unknown };
export type Found = (req: GuardedRequest, entry: Entry) => void;

/** What to call with the entry of a request that is being looked for. */
export const found = new WeakMap<object, Found>();
/** Checks the rule of an entry, and goes on with `next` for an admitted caller. */
export function admit(req: GuardedRequest, res: Response, entry: Entry, tenant: string | undefined, next: () => void, fail: (error: unknown) => void): void {
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
export function enforce(entry: Entry): RequestHandler {
  return (req: GuardedRequest, res, next) => {
    const { tenant } = req.params as Record<string, unknown>;
    const admission = req[ADMISSION];
    const isSameTenant = !entry.rule.needsTenant || admission?.tenant === tenant;
    if (admission?.entry === entry && isSameTenant) return next();
    admit(req, res, entry, typeof tenant === "string" ? tenant : undefined, next, next);
  };
}
