// Serves a guarded application in two workers that follow the issuer of the first argument; run by `cluster.test.mjs`.
import cluster from "node:cluster";
import express from "express";
import { Guard, role } from "rolecall";
import { guarded } from "rolecall/express";

const [issuer, port] = process.argv.slice(2);
if (cluster.isPrimary) {
  for (let count = 0; count < 2; count += 1) cluster.fork();
  process.on("disconnect", () => process.exit());
} else {
  const guard = new Guard({ issuer, client: ["id", "secret"], log: () => undefined });
  const app = guarded(express(), guard);
  app.get("/items", role("admin"), (req, res) => res.set("Connection", "close").json(cluster.worker.id));
  await guard.ready();
  app.listen(Number(port), "127.0.0.1");
}
