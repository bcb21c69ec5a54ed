// The tutorial's application: `/items/` requires the role `admin`, `/users/` the role `user`.
import express from "express";
import { Guard, Refused } from "./rolecall-auth.mjs";

const { ISSUER = "http://127.0.0.1:8000", AUDIENCE, CLIENT_ID, CLIENT_SECRET, MAX_STALENESS = "30", PORT = "3000" } = process.env;
const guard = new Guard({
  issuer: ISSUER, audience: AUDIENCE, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET,
  maxStaleness: Number(MAX_STALENESS),
});

function refuse(res, status, detail, headers) {
  res.status(status).set(headers).json({ detail });
}

/**
 * Sets `req.user` to the caller's claims: `sub`, `subject_kind`, `roles`, `scope` and the others. `username` is empty for
 * a client, which could have the name of a user: show its `client_id`.
 */
async function getCurrentUser(req, res, next) {
  if (req.headersDistinct.authorization?.length > 1) {
    return refuse(res, 400, "Send one credential", { "WWW-Authenticate": 'Bearer error="invalid_request"' });
  }
  const [, token] = /^bearer +([^ ]+) *$/i.exec(req.get("authorization") ?? "") ?? [];
  if (!token) return refuse(res, 401, "Not authenticated", { "WWW-Authenticate": "Bearer" });
  try {
    req.user = await guard.verify(token);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refuse(res, error.status, error.detail, error.headers);
  }
  next();
}

/** Requires one of the roles. */
const requireRole = (...roles) => [getCurrentUser, (req, res, next) => {
  if (roles.some((role) => req.user.roles.includes(role))) return next();
  const challenge = `Bearer error="insufficient_scope", scope="role:${roles[0]}"`;
  refuse(res, 403, "Operation not permitted", { "WWW-Authenticate": challenge });
}];

const app = express();
app.get("/items/", requireRole("admin"), (req, res) => res.json([{ item_id: "Foo", owner: req.user.username }]));
app.get("/users/", requireRole("user"), (req, res) => res.json([{ username: req.user.username }]));
app.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${PORT}`));
