/**
 * The least that a service on Node can do, as a comparison: it notifies its service manager and pings its watchdog. With a number of
 * bytes, it also reads requests on the credentials socket that ocir-broker-launch passes on, and answers with a fixed body.
 *
 * usage: bare-service [BODY_BYTES]
 */
const { writeSync } = require("node:fs");

const [, , bodyBytes] = process.argv;
const notifyFd = Number(process.env.OCIR_BROKER_NOTIFY_FD);
const notify = (message) => writeSync(notifyFd, message);
const ready = () => notify("READY=1");

setInterval(() => notify("WATCHDOG=1"), 5_000);
if (bodyBytes === undefined) ready();
else serve();

function serve() {
  const body = Buffer.alloc(Number(bodyBytes), "x");
  const server = require("node:http").createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, {
        "Content-Type": "application/json",
        "Content-Length": body.length,
        Connection: "close",
      });
      response.end(body);
    });
  });
  server.listen({ fd: credentialsFd() }, ready);
}

function credentialsFd() {
  return 3 + process.env.LISTEN_FDNAMES.split(":").indexOf("credentials");
}
