/** For tests: an HTTP server on a Unix socket. */
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";

/** The socket's path. Listens until the test ends. */
export async function serveOnSocket(
  listener: RequestListener,
  path = join(temporaryFolder(), "health.sock"),
): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return path;
}
