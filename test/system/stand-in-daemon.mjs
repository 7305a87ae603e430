#!/opt/checkout/node_modules/.bin/node
/**
 * Stands in for the daemon where the units are tested and not the daemon: takes its sockets by name, answers on both,
 * reports to systemd through the launcher's descriptor, writes a metrics file. Installed as /usr/local/bin/ocir-broker.
 */
import { renameSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const METRICS = "/run/ocir-broker-metrics/ocir_broker.prom";

function notify(message) {
  writeSync(Number(process.env.OCIR_BROKER_NOTIFY_FD), message);
}

const servers = [];
const names = process.env.LISTEN_FDNAMES.split(":");
for (const [index, name] of names.entries()) {
  const text = { credentials: '{"kind":"CredentialProviderResponse"}\n', health: "ok\n" }[name];
  if (text === undefined) continue;
  const server = createServer((_request, response) => response.end(text));
  await new Promise((resolve) => server.listen({ fd: 3 + index }, resolve));
  servers.push(server);
}

try {
  writeFileSync(`${METRICS}.new`, "# TYPE ocir_broker_up gauge\nocir_broker_up 1\n");
  renameSync(`${METRICS}.new`, METRICS);
} catch (error) {
  process.stderr.write(`<4>no metrics: ${error.code}\n`);
}

process.on("SIGHUP", () => notify("RELOADING=1\nSTATUS=reloaded\nREADY=1"));
process.on("SIGTERM", () => {
  notify("STOPPING=1");
  process.exit(0);
});
setInterval(() => notify("WATCHDOG=1"), Number(process.env.WATCHDOG_USEC) / 3_000);
notify("READY=1\nSTATUS=serving");
