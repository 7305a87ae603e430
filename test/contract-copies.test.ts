/** Compares the names in units and shell scripts with packages/protocol/src/contract.ts, which they cannot import. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  API_VERSION,
  BROKER_PROGRAM,
  CREDENTIALS_SOCKET,
  HEALTH_SOCKET,
  MATCH_IMAGES,
  PROVIDER_NAME,
} from "@ocir-broker/protocol";
import { expect, it } from "vitest";

const COPIES: readonly (readonly [file: string, lines: readonly string[]])[] = [
  ["systemd/ocir-broker.socket", [`ListenStream=${CREDENTIALS_SOCKET}`]],
  ["systemd/ocir-broker-health.socket", [`ListenStream=${HEALTH_SOCKET}`]],
  ["packages/installer/setup.sh", [`command=${BROKER_PROGRAM}`]],
  [
    "cloud-init/ocir-broker-node.sh",
    [
      `broker=${BROKER_PROGRAM}`,
      `name=${PROVIDER_NAME}`,
      `    apiVersion: ${API_VERSION}`,
      `    matchImages: [${MATCH_IMAGES.map((pattern) => `"${pattern}"`).join(", ")}]`,
    ],
  ],
];

it.each(COPIES)("%s has the contract's names", (file, lines) => {
  const text = readFileSync(join(import.meta.dirname, "..", file), "utf8").split("\n");
  expect(lines.filter((line) => !text.includes(line))).toEqual([]);
});
