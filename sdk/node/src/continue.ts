// Lets clients that ask first (`Expect: 100-continue`) send a body only when it is read: never for a refused request.
import type { IncomingMessage, Server, ServerResponse } from "node:http";

/** Answers `100 Continue` when a body is first read, in place of Node, which does so before any handler runs. */
export function continueOnRead(server: Server): void {
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request);
    request._read = (size) => {
      request._read = read;
      // Node reads what is left of a body after the answer, which must stay the last one
      if (!response.headersSent) response.writeContinue();
      read(size);
    };
    server.emit("request", request, response);
  });
}
