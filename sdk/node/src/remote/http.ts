// A minimal HTTP client: answers are limited in length and time, and redirects are not followed.
import * as http from "node:http";
import * as https from "node:https";
import { Failure } from "./failure.js";

/** A request to the issuer. */
export interface HttpRequest {
  method: "GET" | "POST";
  url: string;
  headers: Record<string, string>;
  body?: string;
  /** The longest answer, in bytes. */
  limit: number;
  /** The longest time for the request and its answer, in milliseconds. */
  timeout: number;
  signal?: AbortSignal;
}

/** An answer that was read completely. Header names are in lower case. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Uint8Array;
}

/** Sends requests to the issuer. It follows no redirects. */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>;

const CONNECT_TIMEOUT = 3000;
/** Shorter than the issuer's own timeout, so that a connection that is being closed is not used. */
const IDLE_TIMEOUT = 30_000;

/** Creates the transport of a guard, whose connections do not keep the process running. */
export function createTransport(): Transport {
  const options = { keepAlive: true, maxFreeSockets: 2, timeout: IDLE_TIMEOUT };
  const agents = { "http:": new http.Agent(options), "https:": new https.Agent(options) };
  return (request) => {
    const url = new URL(request.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return Promise.reject(new Failure("a URL of the issuer is not https, and plain http is not allowed"));
    }
    const { request: send } = url.protocol === "https:" ? https : http;
    return exchange(request, (callback) => send(url, { method: request.method, headers: request.headers, agent: agents[url.protocol as "http:"] }, callback));
  };
}

type Send = (callback: (answer: http.IncomingMessage) => void) => http.ClientRequest;

function exchange(request: HttpRequest, send: Send): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = send((answer) => {
      read(answer, request.limit).then(finish, fail);
    });
    const stop = (failure: Failure) => {
      fail(failure);
      outgoing.destroy();
    };
    const abort = () => stop(new Failure("the request was given up"));
    const connecting = setTimeout(() => stop(new Failure("the issuer did not answer in time")), Math.min(CONNECT_TIMEOUT, request.timeout));
    const timer = setTimeout(() => stop(new Failure("the issuer did not answer in time")), request.timeout);
    for (const one of [connecting, timer]) one.unref();
    const end = () => {
      clearTimeout(connecting);
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", abort);
    };
    const finish = (answer: HttpAnswer) => {
      end();
      resolve(answer);
    };
    const fail = (error: unknown) => {
      end();
      reject(Failure.of(error));
    };
    outgoing.on("error", fail);
    outgoing.on("socket", (socket) => {
      socket.unref();
      if (!socket.connecting) clearTimeout(connecting);
      socket.once(request.url.startsWith("https:") ? "secureConnect" : "connect", () => clearTimeout(connecting));
    });
    if (request.signal?.aborted) abort();
    request.signal?.addEventListener("abort", abort);
    outgoing.end(request.body);
  });
}

async function read(answer: http.IncomingMessage, limit: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    // leaving the loop closes the connection
    if (length > limit) throw new Failure("the issuer's answer is too long");
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
}
