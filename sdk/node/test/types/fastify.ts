import Fastify from "fastify";
import { type Guard, open, role } from "rolecall";
import { guarded, type GuardedFastify } from "rolecall/fastify";

declare const guard: Guard;
const app: GuardedFastify = guarded(Fastify(), guard);
app.get("/items", { config: { rolecall: role("admin") } }, async (request) => request.caller?.username);
app.get<{ Params: { id: string } }>("/items/:id", { config: { rolecall: open } }, async (request) => request.params.id);
app.route({ method: "GET", url: "/a", config: { rolecall: open }, handler: async () => "ok" });
await app.listen({ port: 3000 });

// @ts-expect-error a route without a rule
app.get("/a", async () => "secret");
// @ts-expect-error options without a rule
app.get("/a", {}, async () => "secret");
// @ts-expect-error a config without a rule
app.post("/a", { config: {} }, async () => "secret");
// @ts-expect-error a rule that is no rule
app.put("/a", { config: { rolecall: "admin" } }, async () => "secret");
// @ts-expect-error a full declaration without a rule
app.route({ method: "GET", url: "/a", handler: async () => "secret" });
