import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configSchema } from "@ocir-broker/credentials/config/schema";
import { CREDENTIALS_SOCKET, HEALTH_SOCKET } from "@ocir-broker/protocol/contract";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { withUnitSockets } from "./config-in-force.ts";

it.each<[what: string, existing: string[], found: string]>([
  ["the units' socket", [HEALTH_SOCKET], HEALTH_SOCKET],
  ["the configured socket if it exists", [HEALTH_SOCKET, "/run/other.sock"], "/run/other.sock"],
  ["the configured socket if there is none", [], "/run/other.sock"],
])("withUnitSockets names %s", (_what, existing, found) => {
  const root = temporaryFolder();
  for (const path of existing) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  const config = configSchema.parse({ sockets: { health: "/run/other.sock" } });
  expect(withUnitSockets(config, root).sockets).toEqual({ credentials: CREDENTIALS_SOCKET, health: found });
});
