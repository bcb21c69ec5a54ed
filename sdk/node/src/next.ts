// Guards route handlers of Next.js, and any other handler of the Fetch API.
import { authorizationOfHeaders, toResponse } from "./fetch.js";
import type { Guard } from "./guard.js";
import { answerOf, requireRule } from "./routes.js";
import type { Rule } from "./rule.js";

/** A route handler: `request` as it came, `caller` as the rule gives it, and the context of Next.js. */
export type GuardedHandler<C, R extends Request, Context> = (request: R, caller: C, context: Context) => Response | Promise<Response>;

/** The context of a route handler of Next.js, if it has parameters. */
type RouteContext = { params?: Promise<Record<string, string | string[] | undefined>> | Record<string, string | string[] | undefined> } | undefined;

/** Guards a route handler: `export const GET = guarded(role("admin"), (request, caller) => ...)`. */
export type GuardHandler = <C, R extends Request = Request, Context = unknown>(
  rule: Rule<C>,
  handler: GuardedHandler<C, R, Context>,
) => (request: R, context: Context) => Promise<Response>;

/** Creates the function that guards route handlers; keep it in one module and import it in each route. */
export function createGuarded(guard: Guard): GuardHandler {
  return (rule, handler) => {
    requireRule(rule, "a route handler");
    return async (request, context) => {
      let caller;
      try {
        const tenant = rule.needsTenant ? await tenantOf(context as RouteContext) : undefined;
        caller = await guard.admit(rule, authorizationOfHeaders(request.headers), tenant);
      } catch (error) {
        return toResponse(answerOf(error));
      }
      try {
        return await handler(request, caller, context);
      } catch (error) {
        return toResponse(answerOf(error));
      }
    };
  };
}

async function tenantOf(context: RouteContext): Promise<string | undefined> {
  const tenant = (await context?.params)?.["tenant"];
  return typeof tenant === "string" ? tenant : undefined;
}
