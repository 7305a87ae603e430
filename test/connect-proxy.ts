/** A proxy that accepts CONNECT and connects to the simulator: the cloud's own names, on loopback. */
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { serveOnPort } from "@ocir-broker/node/test/socket-server";

/**
 * Its URL. It ends when the test ends, after its clients.
 *
 * @param routeOf the service for `host:port`; without one, the connection ends.
 */
export async function startConnectProxy(routeOf: (target: string) => URL | undefined): Promise<string> {
  const server = createServer().on("connect", ({ url = "" }, client: Socket) => {
    const route = routeOf(url);
    if (route === undefined) return void client.destroy();
    const upstream = connect({ host: route.hostname, port: Number(route.port) }, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
  });
  return `http://${await serveOnPort(server)}`;
}
