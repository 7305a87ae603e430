/** For tests: servers that listen until the test ends. */
import { once } from "node:events";
import { Server as HttpServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { onTestFinished } from "vitest";

/** On a free port. */
export async function listen(server: Server, address = "127.0.0.1") {
  await untilListening(server.listen(0, address));
  return { port: (server.address() as AddressInfo).port };
}

export async function untilListening(server: Server): Promise<void> {
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    if (server instanceof HttpServer) server.closeAllConnections();
  });
}
