import { Hono } from "hono";
import { type Guard, open, optional, role } from "rolecall";
import { guarded } from "rolecall/hono";
import { createGuarded } from "rolecall/next";

declare const guard: Guard;
const app = guarded(new Hono<{ Variables: { trace: string } }>(), guard);
app.get("/items/:id", role("admin"), (c) => c.json([c.get("caller").username, c.req.param("id"), c.get("trace")]));
app.get("/hello", optional, (c) => c.json(c.get("caller")?.username ?? "nobody"));
app.use(async (_c, next) => next());
export default app;

// @ts-expect-error a route without a rule
app.get("/a", (c) => c.json("secret"));
// @ts-expect-error a rule without a handler
app.post("/a", role("admin"));
// @ts-expect-error there may be no caller
app.get("/a", optional, (c) => c.json(c.get("caller").username));
// @ts-expect-error an application that is not guarded
app.route("/sub", new Hono());
// @ts-expect-error a handler for what is not found has no rule
app.notFound((c) => c.json("secret"));

const guardedHandler = createGuarded(guard);
export const GET = guardedHandler(role("admin"), (_request, caller) => Response.json(caller.username));
export const POST = guardedHandler(open, (request: Request, _caller, _context: { params: Promise<{ id: string }> }) => new Response(request.url));
// @ts-expect-error a handler without a rule
export const PUT = guardedHandler(() => new Response("secret"));
