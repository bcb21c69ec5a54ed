// The tutorial's application: `/items/` requires the role `admin`, `/users/` the role `user`.
import express from "express";
import { Guard, role } from "rolecall";
import { guarded } from "rolecall/express";

const { ISSUER = "http://127.0.0.1:8000", AUDIENCE, CLIENT_ID, CLIENT_SECRET, MAX_STALENESS = "30", PORT = "3000" } = process.env;
const guard = new Guard({
  issuer: ISSUER,
  audience: AUDIENCE || ISSUER,
  client: CLIENT_ID ? [CLIENT_ID, CLIENT_SECRET] : undefined,
  maxStaleness: Number(MAX_STALENESS),
});

const app = guarded(express(), guard);
app.get("/items/", role("admin"), (req, res) => res.json([{ item_id: "Foo", owner: req.caller.username }]));
app.get("/users/", role("user"), (req, res) => res.json([{ username: req.caller.username }]));
app.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${PORT}`));
