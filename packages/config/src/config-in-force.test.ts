import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it } from "vitest";
import { configOf } from "../test/config.ts";
import { findConfig } from "./config-in-force.ts";
import { createLastValidConfig, LAST_VALID_FILE } from "./last-valid-config.ts";
import { configSchema } from "./schema.ts";

const NOTHING = { inForce: "nothing", config: configSchema.parse({ identity: { provider: "none" } }) };

let folder: string;
let path: string;
let kept: string;
let failures: string[];

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder, "config.yaml");
  kept = join(folder, "kept", LAST_VALID_FILE);
  mkdirSync(join(folder, "kept"));
  failures = [];
});

/** One start or reload of the daemon. */
function start(defaultPath = path, environment: NodeJS.ProcessEnv = {}) {
  const lastValid = createLastValidConfig(join(folder, "kept"), (code) => failures.push(code));
  const found = findConfig({ defaultPath, environment }, lastValid.read);
  lastValid.update(found);
  return found;
}

function startWith(text: string, environment: NodeJS.ProcessEnv = {}) {
  writeFileSync(path, text);
  return start(path, environment);
}

it("findConfig reports defaults that variables have made invalid", () => {
  const defaults = { sockets: { credentials: "run/relative.sock" } };
  const found = findConfig({ defaultPath: path, environment: {}, defaults });
  expect(found).toMatchObject({ inForce: "nothing", configError: { code: "config-invalid" } });
});

/** Without the keys that have no value. */
const asKept = (text: string, environment?: NodeJS.ProcessEnv) =>
  JSON.parse(JSON.stringify(configOf(text, environment)));

const VALID = "registries: {extraHosts: [a.example]}\nproxy: {https: 'http://me:canary@p:1'}";

describe("the configuration in force", () => {
  it("is the whole of a valid file, and of a missing one the defaults", () => {
    expect(startWith(VALID)).toMatchObject({ config: configOf(VALID), inForce: "all", configError: undefined });
    rmSync(path);
    expect(start()).toMatchObject({ config: configSchema.parse({}), inForce: "defaults", configError: undefined });
  });

  it.each<[what: string, spoil: () => void, code: string]>([
    ["has one bad value", () => writeFileSync(path, `${VALID}\nlog: {level: loud}`), "config-invalid"],
    ["has an unknown key", () => writeFileSync(path, `${VALID}\nsurprise: 1`), "config-invalid"],
    ["has a bad identity", () => writeFileSync(path, "identity: {provider: instance_principal}"), "config-invalid"],
    ["is not YAML", () => writeFileSync(path, "identity: ["), "config-invalid"],
    ["is too large", () => writeFileSync(path, "#".repeat(1024 * 1024 + 1)), "config-unreadable"],
    ["is a folder", () => [rmSync(path), mkdirSync(path)], "config-unreadable"],
    ["can be changed by everyone", () => chmodSync(path, 0o666), "config-unreadable"],
  ])("is the last valid one at each start with a file that %s; without one, nothing", (_what, spoil, code) => {
    startWith(VALID);
    spoil();
    const before = { config: asKept(VALID), inForce: "before", configError: { code } };
    expect([start(), start()]).toMatchObject([before, before]);
    rmSync(kept);
    expect(start()).toMatchObject({ ...NOTHING, configError: { code } });
    expect(existsSync(kept)).toBe(false);
  });

  it("is as it was, whatever the environment says since", () => {
    const before = { OCI_METADATA_BASE_URL: "http://127.0.0.1:1/opc/v2" };
    const config = asKept(VALID, before);
    expect(startWith(VALID, before)).toMatchObject({ config, inForce: "all" });
    expect(start(path, { HTTPS_PROXY: "not a proxy" })).toMatchObject({ config, inForce: "before" });
  });

  it("comes with a warning if every user can read a password in the file", () => {
    chmodSync(folder, 0o755);
    expect(startWith(VALID).warning).toEqual({
      what: "every user can read the password in proxy.https",
      fix: `chmod 0600 ${path}`,
    });
    chmodSync(path, 0o600);
    expect(start().warning).toBeUndefined();
  });

  it("is nothing, with a person's sockets, if a person's file is invalid", () => {
    writeFileSync(path, "- a");
    const sockets = { credentials: "/run/user/1/c.sock", health: "/run/user/1/h.sock" };
    const defaults = { identity: { provider: "OCI_CLI_AUTH=x" }, sockets };
    expect(findConfig({ path, environment: {}, defaults })).toMatchObject({ inForce: "nothing", config: { sockets } });
  });

  it("does not hide an internal error", () => {
    const environment = new Proxy({}, { ownKeys: () => expect.fail("internal") });
    expect(() => findConfig({ defaultPath: path, environment })).toThrow("internal");
  });
});

describe("the kept configuration", () => {
  it("is one file for this user and its group, replaced only if it differs", () => {
    startWith(VALID);
    expect(statSync(kept).mode & 0o777).toBe(0o640);
    const { ino } = statSync(kept);
    startWith(`${VALID}\n# a comment`);
    expect(statSync(kept).ino).toBe(ino);
    writeFileSync(`${kept}.new`, "of a killed process");
    startWith("log: {level: debug}");
    expect(statSync(kept).ino).not.toBe(ino);
    expect(readdirSync(join(folder, "kept"))).toEqual([LAST_VALID_FILE]);
  });

  it("goes once there is no file", () => {
    startWith(VALID);
    rmSync(path);
    start();
    expect(readdirSync(join(folder, "kept"))).toEqual([]);
    expect(startWith("- a")).toMatchObject(NOTHING);
  });

  it.each<[what: string, spoil: () => void]>([
    ["is of a later release, with a key that this one does not know", () => rewrite({ later: {} })],
    ["has another version in its name", () => [rmSync(kept), writeFileSync(join(folder, "kept/config-2.json"), "{}")]],
    ["was cut off", () => writeFileSync(kept, readFileSync(kept, "utf8").slice(0, -1))],
  ])("is not used if it %s", (_what, spoil) => {
    startWith(VALID);
    spoil();
    expect(startWith("- a")).toMatchObject(NOTHING);
    startWith(VALID);
    expect(startWith("- a")).toMatchObject({ inForce: "before" });
  });

  const rewrite = (more: object) =>
    writeFileSync(kept, JSON.stringify({ ...JSON.parse(readFileSync(kept, "utf8")), ...more }));

  it("costs a warning, and nothing else, if it cannot be written", () => {
    rmSync(join(folder, "kept"), { recursive: true });
    expect(startWith(VALID)).toMatchObject({ inForce: "all" });
    expect(startWith("- a")).toMatchObject(NOTHING);
    expect(failures).toEqual(["ENOENT"]);
  });

  it("does not exist where no folder is given for it", () => {
    const none = createLastValidConfig(undefined, expect.fail);
    none.update(startWith(VALID));
    expect(none.read()).toBeUndefined();
  });
});
