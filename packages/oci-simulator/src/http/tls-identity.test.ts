import { connect } from "node:tls";
import { expect, test } from "vitest";
import { startSimulator } from "../index.ts";

test("HTTPS: a certificate for the name asked for, or for the address; a reset there ends without a close notification", async () => {
  const simulator = await startSimulator({ tls: true });
  const { host, hostname, port } = simulator.registryUrl;
  const ask = (servername: string | undefined) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const options = { host: hostname, port: Number(port), ca: [simulator.caCertificate ?? ""] };
    const socket = connect({ ...options, ...(servername === undefined ? {} : { servername }) }, () => {
      socket.write(`GET /v2/ HTTP/1.1\r\nHost: ${servername ?? host}\r\nConnection: close\r\n\r\n`);
    });
    let text = "";
    socket.on("data", (piece) => {
      text += piece;
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
    return promise;
  };
  expect(await ask(undefined)).toContain(`realm="https://${host}/`);
  expect(await ask("us-ashburn-1.ocir.io")).toContain('realm="https://us-ashburn-1.ocir.io/');
  expect(await ask("us-ashburn-1.ocir.io")).toMatch(/^HTTP\/1.1 401 /);
  simulator.faults({ endpoint: "registry.v2", times: 1, reset: "before-headers" });
  expect(await ask("us-ashburn-1.ocir.io").catch(() => "")).toBe("");
  await simulator.close();
});
