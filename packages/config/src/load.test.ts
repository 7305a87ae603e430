import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { configOf } from "../test/config.ts";
import { durationMs } from "./duration.ts";
import { checkConfig, loadConfig } from "./load.ts";
import { printConfig } from "./print.ts";
import { configJsonSchema, configKeys, configSchema } from "./schema.ts";

const ENVIRONMENT: NodeJS.ProcessEnv = {
  OCI_METADATA_BASE_URL: "http://127.0.0.1:1/opc/v2",
  OCI_SDK_AUTH_CLIENT_REGION_URL: "http://127.0.0.1:2",
  HTTPS_PROXY: "http://proxy:3128",
  NO_PROXY: "a",
  UNRELATED: "x",
};

const FROM_ENVIRONMENT = {
  metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" },
  auth: { endpoint: "http://127.0.0.1:2" },
  proxy: { https: "http://proxy:3128", noProxy: "a" },
};

const FROM_FILE = {
  metadata: { baseUrl: "http://127.0.0.1:3/opc/v2" },
  auth: { endpoint: "https://file.example" },
  proxy: { https: "http://file:3128", noProxy: "file" },
};

const SECTIONS = Object.keys(configKeys()).join(", ");

function errorsOf(text: string, environment?: NodeJS.ProcessEnv): readonly string[] {
  const checked = checkConfig(text, environment);
  return "errors" in checked ? checked.errors : [];
}

describe("checkConfig", () => {
  it.each(["", "# all commented out\n", "---\n", "{}"])("returns the defaults for %j", (text) => {
    expect(configOf(text)).toEqual({
      sockets: { credentials: "/run/ocir-broker/credentials.sock", health: "/run/ocir-broker/health.sock" },
      request: { deadline: "15s" },
      identity: { provider: "instance-principal" },
      user: {},
      cliSession: {},
      serviceAccounts: {
        tokenExchange: "none",
        select: "all",
        annotation: "ocir-broker/identity",
        fallback: "none",
        rootHelper: "refuse",
        longestTokenLife: "60m",
        kubeconfig: "/etc/kubernetes/kubelet.conf",
      },
      identityDomain: { authorization: "instance-principal" },
      registries: { extraHosts: [], endpoints: {} },
      metadata: {},
      auth: {},
      proxy: {},
      upstream: { connectTimeout: "3s", timeout: "8s" },
      metrics: { textfile: "/run/ocir-broker-metrics/ocir_broker.prom" },
      log: { level: "info" },
    });
  });

  it.each([
    { log: { level: "trace" } },
    { identity: { provider: "none" } },
    { serviceAccounts: { tokenExchange: "oke", select: "annotated", fallback: "node" } },
    { serviceAccounts: { tokenExchange: "identity-domain" } },
    { identityDomain: { authorization: "client" } },
    {
      registries: {
        extraHosts: ["registry.example:5000", "localhost"],
        endpoints: { "iad.ocir.io": "http://127.0.0.1:1" },
      },
    },
    { user: { configFile: "~/oci/config" } },
  ])("accepts %j, in addition to defaults and examples", (sections) => {
    expect(configOf(sections)).toMatchObject(sections);
  });

  it.each([
    ["a.example:443", "a.example"],
    ["a.example:4430", "a.example:4430"],
  ])("reads the registry host %s as %s, because 443 is the default port", (host, key) => {
    const registries = { extraHosts: [host], prefetch: [host], endpoints: { [host]: "https://x" } };
    expect(configOf({ registries })).toMatchObject({
      registries: { extraHosts: [key], prefetch: [key], endpoints: { [key]: "https://x" } },
    });
  });

  it("reports all errors at once, each with its path and the value found", () => {
    const text = `
sockets: { credentials: relative.sock }
request: { deadline: 40s }
registries: { prefetch: IAD.ocir.io, extraHosts: ["a/b"], endpoints: { "A b": "https://x" } }
metrics: { textfile: ocir_broker.prom }
log: { level: 3, colour: red }
surprise: 1
serviceAccounts: { longestTokenLife: 2h, apiServer: "127.0.0.1:18080" }
`;
    expect(errorsOf(text, { OCI_METADATA_BASE_URL: "http://example.com" })).toEqual([
      'line 2: sockets.credentials: must be an absolute path of at most 107 characters (got "relative.sock")',
      'line 3: request.deadline: must be a duration from 1s to 19s, such as "15s" (got "40s")',
      'line 4: registries.prefetch: must be a list of registry hosts (got "IAD.ocir.io")',
      'line 4: registries.extraHosts.0: must be a registry host in lower case, such as "iad.ocir.io" (got "a/b")',
      'line 4: registries.endpoints.A b: must be a registry host in lower case (got "https://x")',
      'line 5: metrics.textfile: must be an absolute path that ends with ".prom" (got "ocir_broker.prom")',
      "line 6: log.level: must be error, warn, info, debug or trace (got 3)",
      "line 6: log.colour: unknown key; log has level",
      `line 7: surprise: unknown key; the sections are ${SECTIONS}`,
      'line 8: serviceAccounts.longestTokenLife: must be a duration from 1m to 60m, such as "60m" (got "2h")',
      'line 8: serviceAccounts.apiServer: must be an https URL (http only to a loopback or link-local address) without credentials or query (got "127.0.0.1:18080")',
      "OCI_METADATA_BASE_URL: must be an https URL (http only to a loopback or link-local address) without credentials or query" +
        ' (got "http://example.com")',
    ]);
  });

  it.each([
    ["- a", "file: must be a mapping of sections (got a list)"],
    ["log:", "line 1: log: must be a mapping of keys (got null)"],
    ["[", "file: not YAML: Flow sequence must end with a ] at line 1, column 2"],
    ["log: {}\nlog: {}", "file: not YAML: Map keys must be unique at line 2, column 1"],
    ["a: {{b}}", "file: not YAML: With stringKeys, all keys must be strings at line 1, column 5"],
    ["a: *hunter2", "file: not YAML: Unresolved alias (the anchor must be set before the alias)"],
    ["a: |u:hunter2@p:1", "file: not YAML: Block scalar header includes extra characters at line 1, column 5"],
    [
      `log: {level: ${"y".repeat(80)}}`,
      `line 1: log.level: must be error, warn, info, debug or trace (got "${"y".repeat(59)}…)`,
    ],
    [
      'registries: { endpoints: { iad.ocir.io: "https://mirror.example/base" } }',
      'line 1: registries.endpoints.iad.ocir.io: must be a URL without a path (got "https://mirror.example/base")',
    ],
    [
      "registries: {prefetch: [iad.ocir.io, iad.ocri.io]}",
      "line 1: registries.prefetch.1: is not a registry of Oracle's; if you trust it, add the line " +
        '"extraHosts: [iad.ocri.io]" under "registries:" (got "iad.ocri.io")',
    ],
    [
      "identity: {provider: OCI_CLI_AUTH=apikey}",
      "line 1: identity.provider: the variable OCI_CLI_AUTH must be instance_principal, api_key, security_token, " +
        'resource_principal, workload_identity_federation or oke_workload_identity (got "OCI_CLI_AUTH=apikey")',
    ],
    [
      "registries: {prefetch: ['https://iad.ocir.io']}",
      'line 1: registries.prefetch.0: must be a registry host in lower case, such as "iad.ocir.io" (got "https://iad.ocir.io")',
    ],
    [
      "metadata: {baseUrl: 'http://169.254.169.254/'}",
      'line 1: metadata.baseUrl: must be a URL with a path, such as http://169.254.169.254/opc/v2 (got "http://169.254.169.254/")',
    ],
    [
      "registries: {endpoints: {mirror.example: 'https://x'}}",
      "line 1: registries.endpoints.mirror.example: is not a registry of Oracle's; if you trust it, add the line " +
        '"extraHosts: [mirror.example]" under "registries:" (got "https://x")',
    ],
    [
      "upstream: {connectTimeout: 30s}",
      'line 1: upstream.connectTimeout: must not be longer than upstream.timeout, 8s (got "30s")',
    ],
    [
      "identityDomain: {url: 'http://127.0.0.1'}",
      'line 1: identityDomain.url: must be an https URL without a path (got "http://127.0.0.1")',
    ],
  ])("describes the error in %j", (text, error) => {
    expect(errorsOf(text)).toEqual([error]);
  });

  it("reports the line of the wrong key or element, in their order, also with anchors and comments", () => {
    const text = [
      "# A comment",
      "registries:",
      "  extraHosts: &hosts",
      "    - a.example",
      "    # Another",
      "    - B.example",
      "  prefetch: *hosts",
      "log:",
      "",
      "  colour:",
      "    deep: red",
    ].join("\r\n");
    expect(errorsOf(text).map((each) => each.replace(/: (?:must|unknown).*/, ""))).toEqual([
      "line 6: registries.extraHosts.1",
      "line 7: registries.prefetch.1",
      "line 10: log.colour",
    ]);
  });

  it("lists the keys of the section, or the sections, for an unknown key", () => {
    expect(errorsOf("proxy: {timeout: x}")).toEqual(["line 1: proxy.timeout: unknown key; proxy has https, noProxy"]);
    expect(errorsOf("proxi: {}")).toEqual([`line 1: proxi: unknown key; the sections are ${SECTIONS}`]);
  });

  it.each(["14", 14, "0s", "-1s", "1.5s", "15 s", "1h", "9999999999s"])("refuses %j for a duration", (deadline) => {
    expect(errorsOf(JSON.stringify({ request: { deadline } }))).toHaveLength(1);
  });

  it.each([
    ["https://auth.example:8443/base", true],
    ["http://10.0.0.1", false],
    ["auth.example", false],
    ["", false],
  ])("accepts %j as an endpoint: %j", (endpoint, isAccepted) => {
    expect(errorsOf(JSON.stringify({ auth: { endpoint } }))).toHaveLength(isAccepted ? 0 : 1);
  });

  it.each([
    ["http://proxy:3128", true],
    ["https://user:pass@proxy", true],
    ["proxy:3128", true],
    ["foo", false],
    ["proxy.example", false],
    ["socks5://proxy", false],
    ["http://user:pass word@proxy", false],
    ['http://user:pass"word@proxy', false],
    ["http://", false],
  ])("accepts %j as a proxy: %j", (https, isAccepted) => {
    expect(errorsOf(JSON.stringify({ proxy: { https } }))).toHaveLength(isAccepted ? 0 : 1);
  });

  it.each<[what: string, file: object, environment: NodeJS.ProcessEnv, expected: object]>([
    [
      "a timeout that is shorter than the default connectTimeout",
      { upstream: { timeout: "2s" } },
      {},
      { upstream: { connectTimeout: "3s", timeout: "2s" } },
    ],
    ["the environment's values for keys that the file does not have", {}, ENVIRONMENT, FROM_ENVIRONMENT],
    ["the file's values for all keys that both have", FROM_FILE, ENVIRONMENT, FROM_FILE],
    [
      "the upper-case names of proxy variables before the others",
      {},
      { HTTPS_PROXY: "http://proxy:2", https_proxy: "http://proxy:1", NO_PROXY: "a", no_proxy: "b" },
      { proxy: { https: "http://proxy:2", noProxy: "a" } },
    ],
    [
      "the lower-case names of proxy variables if the others are empty",
      {},
      { HTTPS_PROXY: "", https_proxy: "http://proxy:1", NO_PROXY: "", no_proxy: "b" },
      { proxy: { https: "http://proxy:1", noProxy: "b" } },
    ],
  ])("accepts %s", (_what, file, environment, expected) => {
    expect(configOf(file, environment)).toMatchObject(expected);
  });

  it("shows no proxy password in an error", () => {
    expect(
      errorsOf("proxi: http://user:hunter2@proxy", { HTTPS_PROXY: "ftp://user:hunter2@proxy" }).join(),
    ).not.toContain("hunter2");
  });
});

it.each([
  ["apiToken: hunter2", [`line 1: apiToken: unknown key; the sections are ${SECTIONS}`]],
  ["proxy: {password: hunter2}", ["line 1: proxy.password: unknown key; proxy has https, noProxy"]],
  ["proxy: {https: {password: hunter2}}", ["line 1: proxy.https: must be a URL (got a mapping)"]],
  [
    "registries: {extraHosts: {password: hunter2}}",
    ["line 1: registries.extraHosts: must be a list of registry hosts (got a mapping)"],
  ],
  [
    `proxy: {https: 'http://user:hunter2 "x"@proxy'}`,
    [
      'line 1: proxy.https: must be the URL of a proxy, such as "http://proxy.example:3128" (got "http://[withheld]@proxy")',
    ],
  ],
  ["log: {level: [hunter2]}", ["line 1: log.level: must be error, warn, info, debug or trace (got a list)"]],
])("checkConfig names the key but not the value of %j, which may be a secret", (text, errors) => {
  expect(checkConfig(text)).toMatchObject({ errors });
});

describe("printConfig", () => {
  it("prints a text that checkConfig reads back, without passwords", () => {
    const config = configOf("proxy: { https: 'http://user:hunter2@proxy:1' }\nregistries: { prefetch: [iad.ocir.io] }");
    const printed = printConfig(config);
    expect(printed).toContain("http://[withheld]@proxy:1");
    expect(configOf(printed)).toEqual({ ...config, proxy: { https: "http://[withheld]@proxy:1" } });
  });

  it.each(["user:hunter2@proxy:1", "http://us%40er:hunter2@proxy", "http://user:hun@ter2@proxy"])(
    "withholds the password of %j",
    (https) => {
      const printed = printConfig(configOf({ proxy: { https } }));
      expect(printed).not.toMatch(/hun|ter2/);
      expect(configOf(printed).proxy.https).toContain("[withheld]@proxy");
    },
  );
});

it("configJsonSchema describes every key", () => {
  const sections = Object.values(configSchema.shape).map((section) => section.unwrap());
  const keys = sections.flatMap((section) => Object.values(section.shape));
  expect(keys).toHaveLength(35);
  for (const key of keys) expect(key.description).toMatch(/\.$/);
  expect(JSON.stringify(configJsonSchema())).toContain("How long one request may wait");
});

it.each([
  ["proxy: {https: 'user:canary@ x'}", ["line 1: proxy.https"]],
  ["canary: 1\nproxy:\n  canary: x", ["line 3: an unknown key in proxy", "line 1: an unknown key"]],
  ["registries: {endpoints: {canary: ftp}}", ["line 1: registries.endpoints"]],
  ["a: *canary", ["the file is not YAML"]],
])("error places in %j name no value, and no key outside the schema", (text, places) => {
  expect(checkConfig(text)).toMatchObject({ places });
  expect(places.join()).not.toContain("canary");
});

it.each([
  ["250ms", 250],
  ["15s", 15_000],
  ["2m", 120_000],
  ["2h", Number.NaN],
])("durationMs reads %j as %d", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

it("checkConfig lists each error on its own line, whatever characters a key has", () => {
  expect(checkConfig('"a\\nb\\e[2J": 1')).toMatchObject({
    errors: [expect.stringMatching(/^line 1: a\\u\{a\}b\\u\{1b\}\[2J: unknown key; the sections are [\w, ]+$/)],
  });
});

describe("loadConfig", () => {
  const directory = temporaryFolder();

  it("uses the defaults if the default file is missing", () => {
    expect(loadConfig({ environment: {} }).config.log.level).toBe("info");
  });

  it.each([
    ["absent.yaml", /: it does not exist; check the path$/],
    ["\0", /: (?:ERR_INVALID_ARG_VALUE|it does not exist); check the path$/],
    ["pipe", /: it is a pipe, socket or device, not a file; name a file(?: in it)?$/],
    [".", /: it is a folder, not a file; name a file(?: in it)?$/],
    ["large.yaml", /: it is larger than 1048576 bytes; check the path$/],
  ])("fails if a named file is missing or not a configuration, case %#", (name, what) => {
    const path = join(directory, name);
    if (name === "large.yaml") writeFileSync(path, "#".repeat(1024 * 1024 + 1));
    if (name === "pipe") execFileSync("mkfifo", [path]);
    expect(() => loadConfig({ path, environment: {} })).toThrow(
      expect.objectContaining({ code: "config-unreadable", message: expect.stringMatching(what) }),
    );
  });

  it("reports the code of an error that no system call caused", () => {
    const path = 5 as unknown as string;
    expect(() => loadConfig({ path, environment: {} })).toThrow(/: ERR_INVALID_ARG_TYPE; check the path$/);
  });

  it("names the file and all its errors", () => {
    const path = join(directory, "bad.yaml");
    writeFileSync(path, "a: 1\nb: 2");
    expect(() => loadConfig({ path, environment: {} })).toThrow(
      `${path} is not valid:\n  line 1: a: unknown key; the sections are ${SECTIONS}\n  line 2: b: unknown key; the sections are ${SECTIONS}`,
    );
  });
});
