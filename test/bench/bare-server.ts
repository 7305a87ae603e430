/**
 * The least that a server on node:http can do, as a comparison: reads a request, and answers with a fixed body.
 *
 * usage: node bare-server.ts SOCKET BODY_BYTES; prints "ready" once it listens.
 */
import { createServer } from "node:http";

const [socketPath = "", bodyBytes = ""] = process.argv.slice(2);
const body = Buffer.alloc(Number(bodyBytes), "x");

createServer((request, response) => {
  request.resume().on("end", () => {
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": body.length,
      Connection: "close",
    });
    response.end(body);
  });
}).listen(socketPath, () => console.log("ready"));
