import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it } from "vitest";
import { configOf } from "../test/config.ts";
import { loadLenientConfig } from "./lenient.ts";

let path: string;

beforeEach(() => {
  path = join(temporaryFolder(), "config.yaml");
});

describe("loadLenientConfig", () => {
  it.each([
    ["one bad value", "log: {level: loud}\nproxy: {https: 'http://p:1'}", "proxy: {https: 'http://p:1'}"],
    ["unknown keys", "surprise: 1\nsockets: {credential: /x, health: /h}", "sockets: {health: /h}"],
    [
      "bad elements of a list",
      "registries: {extraHosts: [a/b, good.example, '', other.example, C]}",
      "registries: {extraHosts: [good.example, other.example]}",
    ],
    [
      "bad names and values of a map",
      "registries: {endpoints: {A b: 'https://x', iad.ocir.io: 'https://m', icn.ocir.io: ftp}}",
      "registries: {endpoints: {iad.ocir.io: 'https://m'}}",
    ],
    [
      "a bad file of certificates, and trusts none instead",
      "upstream: {caFile: ca.pem, timeout: 1s}",
      "upstream: {caFile: /dev/null, timeout: 1s}",
    ],
    [
      "a bad identity, and uses none instead of the default",
      "identity: {provider: instance_principal}\nlog: {level: debug}",
      "identity: {provider: none}\nlog: {level: debug}",
    ],
    ["an identity that is a string", "identity: user\nlog:", "identity: {provider: none}"],
    ["an empty section", "log:\nrequest: {deadline: 5s}", "request: {deadline: 5s}"],
    ["a list instead of sections", "- a", ""],
    ["all keys of a file that cannot be parsed", "proxy: {https: 'http://p:1'}\nregistries: [", ""],
    ["one key given twice", "log: {level: debug}\nlog: {level: debug}", ""],
  ])("leaves out %s, keeps the rest, and reports the errors", (_what, text, valid) => {
    writeFileSync(path, text);
    const { config, inForce, isIdentityLost, configError } = loadLenientConfig({ path, environment: {} });
    expect(config).toStrictEqual(configOf(valid));
    expect(isIdentityLost).toBe(valid.includes("provider: none"));
    expect(inForce).toBe(valid === "" && text !== "- a" ? "defaults" : "valid-part");
    expect(configError).toMatchObject({ code: "config-invalid", message: expect.stringContaining(path) });
  });

  it("reports no error if the file is valid", () => {
    writeFileSync(path, "log: {level: debug}");
    expect(loadLenientConfig({ path, environment: {} })).toEqual({
      config: configOf("log: {level: debug}"),
      inForce: "all",
      isIdentityLost: false,
      configError: undefined,
    });
  });

  it("reports the defaults if there is no file, and none is named", () => {
    const source = { defaultPath: `${path}.no`, environment: {} };
    expect(loadLenientConfig(source)).toMatchObject({ inForce: "defaults", configError: undefined });
  });

  it.each([
    ["trusts no certificate", "narrows trust", "upstream: {caFile: /etc/ca.pem}", "upstream: {caFile: /dev/null}"],
    ["uses no identity", "names one", "identity:\n  provider: user", "identity: {provider: none}"],
    ["uses no identity", "names one in quotes", '"identity":\n  provider: user', "identity: {provider: none}"],
    ["uses no identity", "names one in flow style", "{ identity: {provider: user}", "identity: {provider: none}"],
    ["uses no identity", "has an escape", '"\\x69dentity": {provider: user}', "identity: {provider: none}"],
    ["uses no identity", "has an alias", "a: &a identity\n*a : {provider: user}", "identity: {provider: none}"],
    ["uses no identity", "has a merge key", "<<: {log: {}}", "identity: {provider: none}"],
    ["uses the default identity", "names it in a comment", "log: {}\n  # identity: {}", "{}"],
  ])("%s if a file that cannot be parsed %s", (_what, _if, text, inForce) => {
    writeFileSync(path, `${text}\nregistries: [`);
    const isIdentityLost = inForce.includes("provider: none");
    const expected = { inForce: "defaults", isIdentityLost, config: configOf(inForce) };
    expect(loadLenientConfig({ path, environment: {} })).toMatchObject(expected);
  });

  it("treats a file with too many values as one that cannot be parsed", () => {
    writeFileSync(path, `identity: {provider: user}\nupstream: {caFile: /etc/ca.pem}\n${"#\n".repeat(2_000)}`);
    const config = configOf("identity: {provider: none}\nupstream: {caFile: /dev/null}");
    expect(loadLenientConfig({ path, environment: {} })).toMatchObject({ config, inForce: "defaults" });
  });

  it("uses the defaults and reports an error if the file cannot be read", () => {
    const { config, configError } = loadLenientConfig({ path, environment: { HTTPS_PROXY: "http://p:1" } });
    expect(config.proxy.https).toBe("http://p:1");
    expect(configError).toMatchObject({ code: "config-unreadable" });
  });

  it("uses no identity if others can change the file, whatever it says", () => {
    writeFileSync(path, "log: {level: debug}");
    chmodSync(path, 0o666);
    expect(loadLenientConfig({ path, environment: {} })).toMatchObject({
      config: { identity: { provider: "none" } },
      isIdentityLost: true,
      configError: { code: "config-unreadable" },
    });
  });

  it("uses the previous configuration only if the file cannot be read or parsed", () => {
    const config = configOf("auth: {endpoint: 'https://before.example'}");
    const load = () => loadLenientConfig({ path, environment: {} }, () => config);
    expect(load()).toMatchObject({ config, inForce: "before", configError: { code: "config-unreadable" } });
    writeFileSync(path, "auth: [");
    expect(load()).toMatchObject({ config, inForce: "before", configError: { code: "config-invalid" } });
    writeFileSync(path, "log: {level: loud}");
    expect(load()).toMatchObject({ config: { auth: {} }, inForce: "valid-part" });
  });

  it("leaves out an invalid environment variable", () => {
    writeFileSync(path, "log: {level: debug}");
    const environment = { OCI_METADATA_BASE_URL: "http://example.com", NO_PROXY: "a" };
    const { config, configError } = loadLenientConfig({ path, environment });
    expect(config).toMatchObject({ metadata: {}, proxy: { noProxy: "a" }, log: { level: "debug" } });
    expect(configError?.message).toMatch(`${path} is not valid:\n  OCI_METADATA_BASE_URL: `);
    const withoutFile = loadLenientConfig({ environment, defaultPath: "/no/such/file" });
    expect(withoutFile.configError?.message).toMatch(/^the environment is not valid:\n {2}OCI_METADATA_BASE_URL: /);
  });
});
