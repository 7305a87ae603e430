import { createServer } from "node:http";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { serveOnPort } from "@ocir-broker/node/test/socket-server";
import { expect, it } from "vitest";
import { readInstanceMetadata } from "./instance-metadata.ts";

it.each([
  ["returns the version that the metadata service has", 200, "v1.34.1\n", "v1.34.1"],
  ["returns undefined when the metadata service has no such key", 404, "not found", undefined],
])("readInstanceMetadata %s", async (_, status, text, version) => {
  const server = createServer(({ url, headers }, response) => {
    const isKnown = url === "/opc/v2/instance/metadata/oke-k8version" && headers.authorization === "Bearer Oracle";
    response.writeHead(isKnown ? status : 403).end(text);
  });
  const metadataUrl = `http://${await serveOnPort(server)}/opc/v2`;
  const node = { clock: createSystemClock(), metadataUrl };
  expect(await readInstanceMetadata(node, "/instance/metadata/oke-k8version", 30_000)).toBe(version);
});
