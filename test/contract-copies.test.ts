/** Compares the names in units and shell scripts with the TypeScript constants, which they cannot import. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  API_VERSION,
  BROKER_PROGRAM,
  CREDENTIALS_SOCKET,
  HEALTH_GROUP,
  HEALTH_SOCKET,
  INSTALLED_PROGRAM,
  MATCH_IMAGES,
  PLUGIN_NAME,
} from "@ocir-broker/protocol/contract";
import { expect, it } from "vitest";
import { CONFIG_COPY_PATH, DEFAULT_CONFIG_PATH } from "../packages/config/src/load.ts";

const LAUNCHER = "/usr/local/libexec/ocir-broker-launch";
const COPY = `+-${LAUNCHER} --copy-config ${DEFAULT_CONFIG_PATH} ${CONFIG_COPY_PATH} ocir-broker-daemon`;

const COPIES: readonly (readonly [file: string, lines: readonly string[]])[] = [
  ["systemd/ocir-broker.socket", [`ListenStream=${CREDENTIALS_SOCKET}`]],
  ["systemd/ocir-broker-health.socket", [`ListenStream=${HEALTH_SOCKET}`, `SocketGroup=${HEALTH_GROUP}`]],
  ["systemd/ocir-broker.sysusers.conf", [`g ${HEALTH_GROUP} -`]],
  [
    "systemd/ocir-broker.service",
    [
      `ExecStart=${LAUNCHER} ${BROKER_PROGRAM} serve`,
      `ExecStartPre=${COPY}`,
      `ExecReload=${COPY}`,
      `ExecReload=${LAUNCHER} ${BROKER_PROGRAM} config check`,
    ],
  ],
  [
    "cloud-init/ocir-broker-node.sh",
    [
      `program=${INSTALLED_PROGRAM}`,
      `plugin=${PLUGIN_NAME}`,
      `    apiVersion: ${API_VERSION}`,
      `    matchImages: [${MATCH_IMAGES.map((pattern) => `'${pattern}'`).join(", ")}]`,
    ],
  ],
];

it.each(COPIES)("%s has the names in the contract", (file, lines) => {
  const text = readFileSync(join(import.meta.dirname, "..", file), "utf8").split("\n");
  expect(lines.filter((line) => !text.includes(line))).toEqual([]);
});
