/** For tests: servers that listen until the test ends. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";

/** @returns the path of its Unix socket */
export async function serveOnSocket(
  listener: RequestListener,
  path = join(temporaryFolder(), "health.sock"),
): Promise<string> {
  await untilListening(createServer(listener).listen(path));
  return path;
}

/** @returns `host:port`, a free port of this machine */
export async function serveOnPort(server: Server): Promise<string> {
  await untilListening(server.listen(0, "127.0.0.1"));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function untilListening(server: Server): Promise<void> {
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}
