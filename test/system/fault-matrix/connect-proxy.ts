/** A proxy that accepts CONNECT for any name and connects to the simulator: the cloud's own names, on loopback. */
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { onTestFinished } from "vitest";

/** Its URL. It ends when the test ends, after its clients. */
export async function startConnectProxy({ authUrl, registryUrl }: Simulator): Promise<string> {
  const server = createServer().on("connect", (request, client: Socket) => {
    const { hostname: host, port } = request.url?.startsWith("auth.") ? authUrl : registryUrl;
    const upstream = connect({ host, port: Number(port) }, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
