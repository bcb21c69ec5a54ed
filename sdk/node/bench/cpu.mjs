// Measures the CPU of a server per request, with and without the guard: `node bench/cpu.mjs [requests]`.
import { fork } from "node:child_process";
import http from "node:http";
import { once } from "node:events";

const TOKEN_COUNT = 50;

async function start(framework, isGuarded) {
  const { TestIssuer } = await import("rolecall/testing");
  const { role } = await import("rolecall");
  const issuer = new TestIssuer();
  const guard = issuer.guard({ maxStaleness: 1e9 });
  const body = [{ item_id: "Foo", owner: "alice" }];
  let server;
  if (framework === "express") {
    const { default: express } = await import("express");
    const { guarded } = await import("rolecall/express");
    const app = isGuarded ? guarded(express(), guard) : express();
    app.get("/items/", ...(isGuarded ? [role("admin")] : []), (req, res) => res.json(body));
    server = app.listen(0);
    await once(server, "listening");
  } else if (framework === "fastify") {
    const { default: Fastify } = await import("fastify");
    const { guarded } = await import("rolecall/fastify");
    const app = isGuarded ? guarded(Fastify(), guard) : Fastify();
    app.get("/items/", isGuarded ? { config: { rolecall: role("admin") } } : {}, async () => body);
    await app.listen({ port: 0 });
    server = app.server;
  }
  const tokens = Array.from({ length: TOKEN_COUNT }, (_, index) => issuer.token(`user${index}`).roles("admin").permissions("items:read", "items:write").bearer());
  process.on("message", () => process.send({ cpu: process.cpuUsage() }));
  process.send({ port: server.address().port, tokens });
}

async function load(port, tokens, count) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  let sent = 0;
  const worker = async () => {
    while (sent < count) {
      sent += 1;
      const request = http.get({ port, path: "/items/", agent, headers: { authorization: tokens[sent % tokens.length] } });
      const [answer] = await once(request, "response");
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
      answer.resume();
      await once(answer, "end");
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
}

async function open(framework, isGuarded) {
  const child = fork(new URL(import.meta.url).pathname, ["server", framework, isGuarded ? "guarded" : "plain"]);
  const [{ port, tokens }] = await once(child, "message");
  const cpu = async () => {
    child.send("cpu");
    const [answer] = await once(child, "message");
    return answer.cpu.user + answer.cpu.system;
  };
  await load(port, tokens, 3000);
  return { child, cpu, run: (count) => load(port, tokens, count), samples: [] };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function compare(framework, count) {
  const servers = [await open(framework, false), await open(framework, true)];
  // in turns, since other programs share the machine
  for (let round = 0; round < 9; round += 1) {
    for (const server of servers) {
      const before = await server.cpu();
      await server.run(count);
      server.samples.push(((await server.cpu()) - before) / count);
    }
  }
  for (const { child } of servers) child.kill();
  const [plain, withGuard] = servers.map(({ samples }) => median(samples));
  console.log(`${framework}: ${plain.toFixed(1)} us plain, ${withGuard.toFixed(1)} us guarded, ratio ${(withGuard / plain).toFixed(2)}`);
}

if (process.argv[2] === "server") await start(process.argv[3], process.argv[4] === "guarded");
else {
  const count = Number(process.argv[2] ?? 4000);
  for (const framework of ["express", "fastify"]) await compare(framework, count);
}
