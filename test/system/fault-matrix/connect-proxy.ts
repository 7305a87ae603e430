/** A proxy that accepts CONNECT for any name and connects to the simulator: the cloud's own names, on loopback. */
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";

export interface ConnectProxy {
  readonly url: string;
  close(): Promise<void>;
}

export async function startConnectProxy({ authUrl, registryUrl }: Simulator): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const server = createServer().on("connect", (request, client: Socket) => {
    const { hostname: host, port } = request.url?.startsWith("auth.") ? authUrl : registryUrl;
    const upstream = connect({ host, port: Number(port) }, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
