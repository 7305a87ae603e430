import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { printed } from "../test/program-double.ts";
import { readDaemonEnvironment } from "./daemon-environment.ts";
import { createNodeFiles } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

/** Files of this machine, which pretends that systemd runs it. */
const files = { ...createNodeFiles("/"), stat: () => createNodeFiles("/").stat("/") };

/** Stands for systemctl, with its lines about the manager and the unit. */
function systemd(manager: string, unit: string, state = "loaded"): RunProgram {
  return async ({ args }) =>
    printed(args.includes("ocir-broker.service") ? `LoadState=${state}\n${unit}\n` : `Environment=${manager}\n`);
}

async function proxies(manager: string, unit: string): Promise<unknown> {
  const environment = await readDaemonEnvironment(files, systemd(manager, unit));
  return [environment?.["HTTPS_PROXY"], environment?.["NO_PROXY"]];
}

function makeFile(text: string): string {
  const path = join(temporaryFolder(), "broker.conf");
  writeFileSync(path, text);
  return path;
}

describe("readDaemonEnvironment", () => {
  test("returns the unit's values for an allow-list of variables, and the unit's own credentials directory", async () => {
    const unit =
      "Environment=HOME=/ SSL_CERT_FILE=/etc/own.pem NODE_OPTIONS=--inspect CREDENTIALS_DIRECTORY=/tmp/theirs";
    expect(await readDaemonEnvironment(files, systemd("PATH=/bin", unit))).toEqual({
      HOME: "/",
      SSL_CERT_FILE: "/etc/own.pem",
      CREDENTIALS_DIRECTORY: "/run/credentials/ocir-broker.service",
    });
  });

  test("prefers the unit's value to the manager's, and an environment file's to both", async () => {
    const manager = "HTTPS_PROXY=http://manager NO_PROXY=manager";
    expect(await proxies(manager, "Environment=HOME=/")).toEqual(["http://manager", "manager"]);
    expect(await proxies(manager, "Environment=HTTPS_PROXY=http://unit")).toEqual(["http://unit", "manager"]);
    const lines = ["HTTPS_PROXY=http://first\nNO_PROXY=first", "NO_PROXY='a, b'"]
      .map((text) => `EnvironmentFiles=${makeFile(text)} (ignore_errors=no)`)
      .join("\n");
    expect(await proxies(manager, `Environment=HTTPS_PROXY=http://unit\n${lines}`)).toEqual(["http://first", "a, b"]);
  });

  test("skips a missing file, and expands patterns", async () => {
    const pattern = makeFile("NO_PROXY=file").replace("broker.conf", "*.conf");
    const unit = `EnvironmentFile=/no/such/file (ignore_errors=yes)\nEnvironmentFile=${pattern} (ignore_errors=no)`;
    expect(await proxies("", unit)).toEqual([undefined, "file"]);
  });

  test.runIf(process.getuid?.() === 0)("ignores, as root, a file that another user owns", async () => {
    const path = makeFile("HTTPS_PROXY=http://theirs");
    chownSync(path, 65_534, 65_534);
    expect(await proxies("", `EnvironmentFiles=${path} (ignore_errors=no)`)).toEqual([undefined, undefined]);
  });

  test.each([
    ['"NO_PROXY=a, b" HTTPS_PROXY=http://p:1', ["http://p:1", "a, b"]],
    ['"HTTPS_PROXY=http://u:\\$\\"\\\\\\`\\033@p" "NO_PROXY=a\\tb"', ['http://u:$"\\`\u001b@p', "a\tb"]],
    ['[unprintable] HTTPS_PROXY=http://u:"@p', ['http://u:"@p', undefined]],
  ])("parses %s", async (list, values) => {
    expect(await proxies(list, "")).toEqual(values);
  });

  test("omits what the unit unsets, by name or by name and value", async () => {
    const unset = "UnsetEnvironment=HTTPS_PROXY NO_PROXY=other";
    expect(await proxies("HTTPS_PROXY=http://p NO_PROXY=a", unset)).toEqual([undefined, "a"]);
    expect(await proxies("NO_PROXY=other", unset)).toEqual([undefined, undefined]);
  });

  test("returns undefined when the unit is missing or systemd does not respond", async () => {
    expect(await readDaemonEnvironment(files, systemd("", "", "not-found"))).toBeUndefined();
    expect(await readDaemonEnvironment(files, async () => ({ failure: "ENOENT" }))).toBeUndefined();
  });

  test("does not query systemd about another node's files", async () => {
    expect(await readDaemonEnvironment(createNodeFiles("/no/such/root"), () => expect.unreachable())).toBeUndefined();
  });
});
