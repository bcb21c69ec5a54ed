// express with jsonwebtoken. The secret is a key object that is created once: the library would try at every request
// whether a string is a public key, which takes several times as long as everything else.
import { createSecretKey } from "node:crypto";

import express from "express";
import jwt from "jsonwebtoken";

import { items, LIFETIME, logIn, SECRET } from "./users.mjs";

const key = createSecretKey(Buffer.from(SECRET));
const app = express();
app.use(express.json());

function requireRole(role) {
  return (request, response, next) => {
    const [scheme, token] = (request.get("authorization") ?? "").split(" ");
    let claims;
    try {
      if (scheme !== "Bearer") throw new Error("no token");
      claims = jwt.verify(token, key, { algorithms: ["HS256"] });
    } catch {
      response.status(401).json({ detail: "Could not validate credentials" });
      return;
    }
    if (claims.role !== role) {
      response.status(403).json({ detail: "Operation not permitted" });
      return;
    }
    request.user = claims;
    next();
  };
}

app.post("/token", async (request, response) => {
  const { username } = request.body;
  const role = await logIn(request.body);
  if (role === undefined) {
    response.status(401).json({ detail: "Incorrect username or password" });
    return;
  }
  const token = jwt.sign({ sub: username, role }, key, { expiresIn: LIFETIME });
  response.json({ access_token: token, token_type: "bearer" });
});
app.get("/items/", requireRole("admin"), (request, response) => {
  response.json(items(request.user.sub));
});
app.get("/open/items/", (request, response) => {
  response.json(items("admin"));
});
app.listen(Number(process.argv[2]), "127.0.0.1");
