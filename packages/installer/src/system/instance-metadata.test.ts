import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { expect, it, onTestFinished } from "vitest";
import { readInstanceMetadata } from "./instance-metadata.ts";

it.each([
  ["returns the version that the metadata service has", 200, "v1.34.1\n", "v1.34.1"],
  ["returns undefined when the metadata service has no such key", 404, "not found", undefined],
])("readInstanceMetadata %s", async (_, status, text, version) => {
  const server = createServer(({ url, headers }, response) => {
    const isKnown = url === "/opc/v2/instance/metadata/oke-k8version" && headers.authorization === "Bearer Oracle";
    response.writeHead(isKnown ? status : 403).end(text);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const node = { clock: createSystemClock(), metadataUrl: `http://127.0.0.1:${port}/opc/v2` };
  expect(await readInstanceMetadata(node, "/instance/metadata/oke-k8version", 30_000)).toBe(version);
});
