/**
 * The least that a service on Node can do, as a comparison: it notifies its service manager and pings its watchdog. With a socket, it
 * also reads requests, and answers with a fixed body.
 *
 * usage: bare-service [SOCKET BODY_BYTES]; SOCKET `systemd`: the credentials socket that ocir-broker-launch passes on. Without a service
 * manager, it prints what it would notify.
 */
const { writeSync } = require("node:fs");

const [, , socket, bodyBytes] = process.argv;
const notifyFd = Number(process.env.OCIR_BROKER_NOTIFY_FD ?? 1);
const notify = (message) => writeSync(notifyFd, message);
const ready = () => notify("READY=1");

setInterval(() => notify("WATCHDOG=1"), 5_000);
if (socket === undefined) ready();
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
  server.listen(socket === "systemd" ? { fd: credentialsFd() } : socket, ready);
}

function credentialsFd() {
  return 3 + process.env.LISTEN_FDNAMES.split(":").indexOf("credentials");
}
