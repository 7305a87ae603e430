/** For tests: servers that listen until the test ends. */
import { createServer, type RequestListener, type Server } from "node:http";
import { join } from "node:path";
import { listen, untilListening } from "@ocir-broker/foundation/test/listening-server";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";

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
  const { port } = await listen(server);
  return `127.0.0.1:${port}`;
}
