import { configSchema } from "@ocir-broker/config/schema";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { CREDENTIALS_SOCKET, HEALTH_SOCKET } from "@ocir-broker/protocol/contract";
import { expect, it } from "vitest";
import { withUnitSockets } from "./config-in-force.ts";

it.each<[what: string, existing: string[], found: string]>([
  ["the units' socket", [HEALTH_SOCKET], HEALTH_SOCKET],
  ["the configured socket if it exists", [HEALTH_SOCKET, "/run/other.sock"], "/run/other.sock"],
  ["the configured socket if there is none", [], "/run/other.sock"],
])("withUnitSockets names %s", (_what, existing, found) => {
  const { root, write } = createNodeTree();
  for (const path of existing) write(path, "");
  const config = configSchema.parse({ sockets: { health: "/run/other.sock" } });
  expect(withUnitSockets(config, root).sockets).toEqual({ credentials: CREDENTIALS_SOCKET, health: found });
});
