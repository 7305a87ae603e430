/**
 * The least that a service on Node can do, as a comparison: it notifies its service manager and pings its watchdog. As `server`, it also
 * answers on the credentials socket from systemd, with a fixed body.
 *
 * usage: bare-service [server BODY_BYTES]; started by ocir-broker-launch.
 */
const { writeSync } = require("node:fs");

const [, , mode, bodyBytes] = process.argv;
const notify = (message) => writeSync(Number(process.env.OCIR_BROKER_NOTIFY_FD), message);
const ready = () => notify("READY=1");

setInterval(() => notify("WATCHDOG=1"), 5_000);
if (mode === "server") serve();
else ready();

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
  const fd = 3 + process.env.LISTEN_FDNAMES.split(":").indexOf("credentials");
  server.listen({ fd }, ready);
}
