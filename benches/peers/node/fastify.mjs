// fastify with its own JWT plug-in, which can cache verified tokens (second argument `cached`).
import jwt from "@fastify/jwt";
import Fastify from "fastify";

import { items, LIFETIME, logIn, SECRET } from "./users.mjs";

const [port, mode] = process.argv.slice(2);
const app = Fastify({ logger: false });
await app.register(jwt, {
  secret: SECRET,
  sign: { expiresIn: LIFETIME },
  verify: { algorithms: ["HS256"], cache: mode === "cached" ? 1000 : false },
});

function requireRole(role) {
  return async (request, reply) => {
    try {
      await request.jwtVerify();
    } catch {
      return reply.code(401).send({ detail: "Could not validate credentials" });
    }
    if (request.user.role !== role) {
      return reply.code(403).send({ detail: "Operation not permitted" });
    }
  };
}

app.post("/token", async (request, reply) => {
  const role = await logIn(request.body);
  if (role === undefined) {
    return reply.code(401).send({ detail: "Incorrect username or password" });
  }
  const token = app.jwt.sign({ sub: request.body.username, role });
  return { access_token: token, token_type: "bearer" };
});
app.get("/items/", { onRequest: requireRole("admin") }, async (request) => items(request.user.sub));
app.get("/open/items/", async () => items("admin"));
await app.listen({ port: Number(port), host: "127.0.0.1" });
