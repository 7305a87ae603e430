/** `GET /healthz` and `GET /metrics`, for the kubelet and Prometheus. Never a token. */
import { createServer, type Server } from "node:http";

/** @throws the system's error if it cannot listen. */
export async function startHttpServer(port: number, render: () => Promise<string>): Promise<Server> {
  const server = createServer(async (request, response) => {
    if (request.url === "/healthz") response.end("ok\n");
    else if (request.url === "/metrics")
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(await render());
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, resolve));
  return server;
}
