import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../test/command-run.ts";
import { checkConfigText } from "./config.ts";

const hasOne = existsSync(DEFAULT_CONFIG_PATH);
const noMissing = hasOne ? ` (skipped: needs a machine without ${DEFAULT_CONFIG_PATH})` : "";

function writeConfig(text: string): string {
  const path = join(temporaryFolder(), "config.yaml");
  writeFileSync(path, text);
  return path;
}

describe("ocir-broker config check", () => {
  test("names the file when it is valid", async () => {
    const path = writeConfig("log: {level: debug}");
    expect(await runCommand("config", "check", path)).toMatchObject({
      stdout: `the configuration is valid: read from ${path}\n`,
      exitCode: 0,
    });
  });

  test.skipIf(hasOne)(`reports a missing file and that the defaults apply${noMissing}`, async () => {
    expect(await runCommand("config", "check")).toMatchObject({
      stdout: `the configuration is valid: ${DEFAULT_CONFIG_PATH} does not exist, so the defaults are in force\n`,
      exitCode: 0,
    });
  });

  test("warns when the daemon's user cannot read a valid file", async () => {
    const path = writeConfig("log: {level: debug}");
    chmodSync(path, 0o600);
    const { stderr, exitCode } = await runCommand("config", "check", path);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^ocir-broker: the daemon's user may not (?:enter|read) .*; .*\n$/);
  });

  test("lists every error, without the value of an unknown key", async () => {
    const path = writeConfig("log: {level: loud}\napiToken: canary");
    const { stdout, stderr, exitCode } = await runCommand("config", "check", path);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toMatch(
      /line 1: log\.level: must be .* \(got "loud"\)\n {2}line 2: apiToken: unknown key; the sections are [\w, ]+\n$/,
    );
  });
});

test("node install --config - refuses a text with an error, and names the text", () => {
  expect(() => checkConfigText("log: {level: loud}", "the given one")).toThrow(
    /^the given one is not valid:\n {2}line 1: log\.level: must be /,
  );
});

test("ocir-broker config check refuses a caFile without a certificate", async () => {
  const path = writeConfig("log: {level: info}\nupstream:\n  caFile: /dev/null");
  const { stderr, exitCode } = await runCommand("config", "check", path);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /config\.yaml is not valid:\n {2}line 3: upstream\.caFile: no certificate can be read from \/dev\/null/,
  );
});

describe("ocir-broker config check of an identity domain", () => {
  const url = "https://idcs-1.identity.oraclecloud.com";
  const client = { url, authorization: "client", clientId: "app" };

  test.each<[domain: object, exitCode: number, place: string, identity?: object]>([
    [{}, 1, "identityDomain.url: domain-not-configured: "],
    [{ url, authorization: "client" }, 1, "identityDomain.clientId: domain-not-configured: "],
    [{ ...client, clientSecretFile: "/no/such/secret" }, 1, "identityDomain.clientSecretFile: "],
    [client, 0, "unless the unit passes it: identityDomain.clientSecretFile: "],
    [{ url }, 0, ""],
    [{ url }, 1, "identityDomain.authorization: ", { provider: "none" }],
  ])("with %j exits with %i, and names the key and the fix", async (identityDomain, exitCode, place, identity) => {
    const serviceAccounts = { tokenExchange: "identity-domain" };
    const path = writeConfig(JSON.stringify({ serviceAccounts, identityDomain, identity }));
    const run = await runCommand("config", "check", path);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stderr).toContain(place);
    if (place !== "") expect(run.stderr).toMatch(/; (?:set|check) [^\n]+\n/);
  });
});

test("ocir-broker config print prints YAML without the proxy's password", async () => {
  const path = writeConfig("proxy: {https: 'user:canary@proxy:3128'}");
  const { stdout } = await runCommand("config", "print", "--config", path);
  expect(stdout).toContain('https: "[withheld]@proxy:3128"\n');
  expect(stdout).not.toContain("canary");
});
