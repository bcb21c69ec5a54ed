// A route without a rule does not compile, and the rule gives the caller its type.
import express from "express";
import { type Guard, authenticated, open, optional, role } from "rolecall";
import { guarded, router } from "rolecall/express";

declare const guard: Guard;
const app = guarded(express(), guard);
app.get("/items", role("admin"), (req, res) => res.json(req.caller.username));
app.get("/items/:id", authenticated, (req, res) => res.json({ id: req.params.id, by: req.caller.subject }));
app.get("/hello", optional, (req, res) => res.json(req.caller?.username));
app.route("/x").get(role("admin"), (req, res) => res.json(req.caller.username)).post(open, (_req, res) => res.json("x"));
app.use(express.json()).use(open, express.json());
app.use("/files", role("admin"), express.static("files"));
app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => void res.json(error));
app.set("trust proxy", true);
app.listen(3000);
const items = router();
items.get("/", role("admin"), (req, res) => res.json(req.caller.username));
app.use("/items", items);

// @ts-expect-error a route without a rule
app.get("/a", (_req, res) => res.json("secret"));
// @ts-expect-error a router's route without a rule
items.post("/a", (_req, res) => res.json("secret"));
// @ts-expect-error a rule that is no rule
app.put("/a", "admin", (_req, res) => res.json("secret"));
// @ts-expect-error a rule without a handler
app.delete("/a", role("admin"));
// @ts-expect-error a rule without a path
app.all(role("admin"), (_req, res) => res.json("secret"));
// @ts-expect-error a method of one path without a rule
app.route("/x").get((_req, res) => res.json("secret"));
// @ts-expect-error there may be no caller
app.get("/b", optional, (req, res) => res.json(req.caller.username));
// @ts-expect-error there is no caller
app.get("/b", open, (req, res) => res.json(req.caller.username));
// @ts-expect-error the path has no such parameter
app.get("/c/:id", open, (req, res) => res.json(req.params.other));
