// What the tests share: an application of each framework over HTTP, with two requests that matter.
import { once } from "node:events";
import http from "node:http";
import { TestIssuer } from "rolecall/testing";

/** Serves `handler` on a free port until the test ends. */
export async function serve(t, handler) {
  const server = typeof handler === "function" ? http.createServer(handler) : handler;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.closeAllConnections() ?? server.close());
  return server.address().port;
}

/** Sends a request with exact headers, so that a test can send two of one name, and a body only if the server reads it. */
export function send(port, method, path, { headers = [], body, expect100 = false } = {}) {
  return new Promise((resolve, reject) => {
    const all = [["Host", `127.0.0.1:${port}`], ...headers, ...(expect100 ? [["Expect", "100-continue"]] : [])];
    const request = http.request({ port, host: "127.0.0.1", method, path, setHost: false, headers: all.flat() }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        request.destroy();
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString(), continued });
      });
    });
    let continued = false;
    request.on("continue", () => {
      continued = true;
      request.end(body);
    });
    request.on("error", reject);
    if (expect100) request.flushHeaders();
    else request.end(body);
  });
}

export const bearer = (token) => ["Authorization", token.bearer()];

/** An issuer with the guards and tokens that most tests need. */
export function setUp() {
  const issuer = new TestIssuer();
  return { issuer, guard: issuer.guard(), admin: bearer(issuer.token("boss").roles("admin")), user: bearer(issuer.token("alice").roles("user")) };
}

export const CHALLENGES = {
  none: "Bearer",
  invalid: 'Bearer error="invalid_token", error_description="The access token is not valid"',
  ended: 'Bearer error="invalid_token", error_description="The access token has ended; refresh it"',
};

/** A transport that answers from a list, and records the requests. */
export function scripted(answers) {
  const requests = [];
  const transport = async (request) => {
    requests.push(request);
    const path = new URL(request.url).pathname;
    const answer = typeof answers === "function" ? await answers(path, request) : answers[path];
    if (answer instanceof Error) throw answer;
    if (answer === undefined) return { status: 404, headers: {}, body: Buffer.from("{}") };
    const { status = 200, headers = {}, body = answer } = answer;
    return { status, headers, body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)) };
  };
  return { transport, requests };
}
