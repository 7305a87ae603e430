/**
 * For the kubelet and Prometheus: `GET /healthz`; `GET /readyz`, which is 503 until the Lease was read and everything listed once, so
 * that a release without its rights, Lease or CRD is not Ready; `GET /metrics`. Never a token.
 */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";

/** Each costs some 20 KB, and every pod may reach the port. */
const MAX_CONNECTIONS = 256;

/** @throws the system's error if it cannot listen. */
export async function startHttpServer(
  port: number,
  { started, render }: { started: Promise<unknown>; render(): Promise<string> },
): Promise<Server> {
  let isReady = false;
  void started.then(() => {
    isReady = true;
  });
  const server = createServer(async (request, response) => {
    if (request.url === "/healthz") response.end("ok\n");
    else if (request.url === "/readyz")
      response
        .writeHead(isReady ? 200 : 503)
        .end(isReady ? "ok\n" : "the Lease and the resources are not read yet: see the log\n");
    else if (request.url === "/metrics")
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(await render());
    else response.writeHead(404).end();
  });
  closeOldestConnections(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, resolve));
  return server;
}

/** `maxConnections` would refuse the newest connections, and so the kubelet's probes. */
function closeOldestConnections(server: Server): void {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MAX_CONNECTIONS) oldest?.destroy();
  });
}
