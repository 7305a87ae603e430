import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ConfigError } from "@ocir-broker/config/config-error";
import type { Config } from "@ocir-broker/config/schema";
import { configOf, daemonSections } from "@ocir-broker/config/test/config";
import { claimsOf, passwordIn, requestFor } from "@ocir-broker/credentials/test/kubelet-request";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { beforeEach, describe, expect, it } from "vitest";
import { createRecordedLog, type LogLine } from "../test/recorded-log.ts";
import { callSocket, type Daemon, startedDaemon } from "../test/started-daemon.ts";
import { stateFolder } from "../test/state-folder.ts";
import { createConfigStatus } from "./config/config-status.ts";
import type { DaemonOptions } from "./daemon.ts";

const HOST = "icn.ocir.io";
const HOME = "iad.ocir.io";

const simulator = await sharedSimulator({ registry: ["127.0.0.1:0", "127.0.0.1:0"] });
let folder: string;
let broker: Daemon;
let lines: LogLine[];

beforeEach(() => {
  folder = temporaryFolder();
  lines = [];
});

type Sections = Partial<Record<"identity" | "registries" | "log" | "upstream" | "metrics", object>>;

function configWith({ registries, ...sections }: Sections = {}): Config {
  const common = daemonSections(simulator, folder, [HOST, HOME]);
  return configOf({ ...common, ...sections, registries: { ...common.registries, ...registries } });
}

async function start(sections?: Sections, options: Partial<DaemonOptions> = {}): Promise<Config> {
  const recorded = createRecordedLog();
  ({ lines } = recorded);
  const config = configWith(sections);
  broker = await startedDaemon({ ...options, config, log: recorded.log });
  return config;
}

const pull = (registryHost = HOST) => broker.decide(requestFor(`${registryHost}/ns/app`));
const tokenFor = async (registryHost = HOST) => passwordIn(await pull(registryHost), registryHost);
const overSocket = (path: string, body: Buffer | string) => callSocket(join(folder, "credentials.sock"), path, body);
const health = (path: string) => callSocket(join(folder, "health.sock"), path);

describe("startDaemon", () => {
  it("fetches a new session and token when the dynamic group comes late", async () => {
    simulator.iam({ dynamicGroup: false });
    await start();
    const useless = await tokenFor();
    await until("the denial is known", () => lines.some(({ msg }) => msg === "access denied"));
    expect(lines).toContainEqual(expect.objectContaining({ msg: "access denied", level: "warn" }));
    expect(broker.health.details().denied).toMatchObject([{ repository: `${HOST}/ns/app` }]);
    simulator.iam({ dynamicGroup: true });
    await until("the token is another one", async () => (await tokenFor()) !== useless);
    expect(lines).toContainEqual(expect.objectContaining({ msg: "access healed", registryHost: HOST }));
    expect(simulator.requests()).toMatchObject({ "auth.x509": 2, "registry.token": 2 });
    expect((await health("/metrics")).text).toContain(`ocir_broker_access_refreshes_total{registry="${HOST}"} 1`);
  });

  it("fetches the home region's token before any request", async () => {
    await start({ registries: { prefetch: undefined } });
    await until("the broker is ready", async () => (await health("/readyz")).status === 200);
    await until("the home region's token is there", () => broker.health.summary().registries[HOME] !== undefined);
    await pull(HOME);
    expect(simulator.requests()["registry.token"]).toBe(1);
  });

  it("moves a registry host to another address at a reload, ignoring the old address's back-off", async () => {
    await start();
    simulator.faults({ endpoint: "registry.token", status: 429, retryAfter: 300, times: 1 });
    expect(await pull()).toMatchObject({ error: { code: "registry-throttled" } });
    const [, moved] = simulator.registryUrls;
    broker.applyConfig(configWith({ registries: { endpoints: { [HOST]: moved?.href } } }));
    expect(claimsOf(await tokenFor())["aud"]).toBe(moved?.host);
  });

  it("serves a moved host's token while its new address does not respond", async () => {
    await start();
    const token = await tokenFor();
    simulator.faults({ endpoint: "registry.token", hang: "before-headers" });
    const [, moved] = simulator.registryUrls;
    broker.applyConfig(configWith({ registries: { endpoints: { [HOST]: moved?.href } } }));
    await until("the new address has the request", () => simulator.requests()["registry.token"] === 2);
    expect(await tokenFor()).toBe(token);
  });

  it("applies a reload: drops a removed host, prefetches only the new ones, and sets the log level", async () => {
    const { origin } = simulator.registryUrl;
    const extraHosts = ["mirror.example", "other.example"];
    const endpoints = Object.fromEntries([HOST, ...extraHosts].map((host) => [host, origin]));
    await start({ registries: { endpoints, extraHosts, prefetch: ["mirror.example", HOST] } });
    for (const host of [HOST, ...extraHosts]) await tokenFor(host);
    const next = { prefetch: ["lhr.ocir.io"], endpoints: { [HOST]: origin, "lhr.ocir.io": origin } };
    broker.applyConfig(configWith({ registries: next, log: { level: "warn" } }));
    expect(JSON.parse(String((await pull("mirror.example")).body))).toMatchObject({ auth: {} });
    await until("the new host's token is there", () => broker.health.summary().registries["lhr.ocir.io"] !== undefined);
    const { registries } = broker.health.details();
    expect(Object.keys(registries).sort()).toEqual([HOST, "lhr.ocir.io"]);
    expect(registries[HOST]).toMatchObject({ fetches: 1, kept: false });
    const before = lines.length;
    await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`));
    expect(lines).toHaveLength(before);
  });

  it("serves the same token to the kubelet and to a docker credential helper, and logs each request", async () => {
    await start();
    const { text } = await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`));
    const helper = await overSocket("/v1/docker-credential", `https://${HOST}/\n`);
    expect(JSON.parse(helper.text).Secret).toBe(JSON.parse(text).auth[HOST].password);
    expect((await overSocket("/v1/credentials", "{")).text).toMatch(/^ocir-broker: request-not-json: /);
    expect(lines.filter(({ msg }) => msg.startsWith("request "))).toMatchObject([
      { outcome: "miss", registryHost: HOST, repository: "ns/app", msg: "request answered" },
      { outcome: "hit", registryHost: HOST, msg: "request answered" },
      { outcome: "error", code: "request-not-json", msg: "request failed" },
    ]);
  });

  it("refuses a docker credential helper once a pull has had no token for its service account", async () => {
    await start();
    const ask = () => overSocket("/v1/docker-credential", HOST);
    expect((await ask()).status).toBe(200);
    const ofPod = { namespace: "shop", serviceaccount: { name: "web", uid: "1" } };
    const serviceAccountToken = jwtOf({ iss: "https://cluster", aud: ["oci"], exp: 1, "kubernetes.io": ofPod });
    await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`, { serviceAccountToken }));
    expect(lines.at(-1)).toMatchObject({
      ...{ level: "warn", msg: "request answered without a token", account: "shop/web", code: "service-accounts-off" },
    });
    const { status, text } = await ask();
    expect([status, text]).toEqual([403, expect.stringContaining("\nocir-broker: root-helper-refused: ")]);
    expect(lines).toContainEqual(expect.objectContaining({ msg: "request failed", code: "root-helper-refused" }));
  });

  it("creates sockets for its user and for its group, and removes them on close", async () => {
    const { sockets } = await start();
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect([sockets.credentials, sockets.health].map(modeOf)).toEqual(["600", "660"]);
    await broker.close();
    expect([sockets.credentials, sockets.health].map(existsSync)).toEqual([false, false]);
  });

  it("does not start while another broker runs, and does not disturb that one", async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: "socket-in-use" });
    expect(lines.map(({ msg }) => msg)).not.toContain("stopping");
    expect((await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`))).status).toBe(200);
  });

  it("stops after 3 s and closes the connection of a caller that waits for a hanging upstream", async () => {
    const system = createSystemClock();
    const grace = Promise.withResolvers<() => void>();
    const setTimer: Clock["setTimer"] = (callback, delayMs) => {
      if (delayMs === 3_000) grace.resolve(callback);
      return system.setTimer(callback, delayMs);
    };
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    await start({}, { clock: { ...system, setTimer } });
    const asked = overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`));
    asked.catch(() => undefined);
    await until("the request has arrived", () => broker.health.details().registries[HOST] !== undefined);
    const closed = broker.close();
    const endGrace = await grace.promise;
    endGrace();
    await closed;
    await expect(asked).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(lines.at(-1)?.msg).toBe("stopped");
  });

  it("logs an access probe that its stop ends as aborted, not as a network error", async () => {
    simulator.faults({ endpoint: "registry.manifest", hang: "before-headers" });
    await start();
    await pull();
    await until("the probe is under way", () => simulator.requests()["registry.manifest"] === 1);
    await broker.close();
    await until("the probe has ended", () => lines.some(({ msg }) => msg === "access probe-failed"));
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: "access probe-failed", error: expect.objectContaining({ code: "aborted" }) }),
    );
  });

  it("logs an error if upstream.caFile contains no certificate", async () => {
    await start({ upstream: { caFile: "/dev/null" } });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "error", msg: expect.stringContaining("upstream.caFile") }),
    );
  });

  it("sends no request, answers pulls with an error, and is ready when the identity provider is none", async () => {
    await start({ identity: { provider: "none" }, registries: { prefetch: [HOST] } });
    expect(await pull()).toMatchObject({ outcome: "error", error: { code: "identity-none" } });
    expect((await health("/readyz")).status).toBe(200);
    expect(JSON.parse((await health("/healthz")).text)).toMatchObject({ status: "ok", identity: "none" });
    expect(lines[0]).toMatchObject({ identity: "none", msg: "starting" });
    expect(simulator.requests()).toMatchObject({ "metadata.regionInfo": 0, "auth.x509": 0, "registry.token": 0 });
  });

  it("answers each call at once with the configuration's error, and asks nobody, while no configuration is in force", async () => {
    const configError = new ConfigError("config-invalid", "config.yaml is not valid", ["line 4: log.level"]);
    const found = { inForce: "nothing", configError, warning: undefined } as const;
    const { details } = createConfigStatus(join(folder, "config.yaml"), found);
    await start(
      { identity: { provider: "none" }, registries: { prefetch: [HOST] } },
      { configError, configDetails: details },
    );
    const refused = { status: 503, text: expect.stringMatching(/^ocir-broker: config-invalid: .*config check/) };
    expect(await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`))).toMatchObject(refused);
    expect(await overSocket("/v1/docker-credential", HOST)).toMatchObject(refused);
    const withToken = { serviceAccountToken: jwtOf({}), serviceAccountAnnotations: {} };
    const anonymous = await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`, withToken));
    expect(JSON.parse(anonymous.text).auth).toEqual({ [HOST]: { username: "", password: "" } });
    expect((await health("/readyz")).status).toBe(503);
    const status = { status: "degraded", config: { inForce: "nothing", errorPlaces: ["line 4: log.level"] } };
    expect(JSON.parse((await health("/status")).text)).toMatchObject(status);
    expect((await health("/metrics")).text).toContain("ocir_broker_config_valid 0");
    expect(Object.values(simulator.requests()).filter((count) => count > 0)).toEqual([]);
  });

  it("reports token ages, expiry and failures on the health socket, and metrics there and in a file", async () => {
    const { metrics } = await start();
    await overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`));
    const summary = await health("/healthz");
    expect(summary.status).toBe(200);
    expect(JSON.parse(summary.text)).toEqual({
      status: "ok",
      version: "1.2.3",
      uptimeSeconds: expect.any(Number),
      identity: "instance-principal",
      region: "us-ashburn-1",
      session: { ageSeconds: expect.any(Number), expiresInSeconds: expect.any(Number) },
      registries: { [HOST]: { ageSeconds: expect.any(Number), expiresInSeconds: expect.any(Number) } },
    });
    expect(JSON.parse((await health("/status")).text)).toMatchObject({
      session: { state: "fresh", kept: true, failuresInARow: 0, lastFailure: null },
      registries: { [HOST]: { state: "fresh", fetches: 1, nextFetchInSeconds: expect.any(Number) } },
    });
    const { text } = await health("/metrics");
    expect(text).toContain('ocir_broker_requests_total{outcome="miss"} 1');
    expect(text).toContain(`ocir_broker_token_expiry_timestamp_seconds{registry="${HOST}"}`);
    await until("the metrics file is there", () => existsSync(metrics.textfile));
    expect(readFileSync(metrics.textfile, "utf8")).toMatch(/^ocir_broker_textfile_timestamp_seconds [1-9]/m);
  });

  it("reports that its metrics file cannot be written", async () => {
    await start({ metrics: { textfile: join(folder, "none/metrics.prom") } });
    await until("the failure is known", () => broker.health.details().unwritten?.metrics === "ENOENT");
  });
});

/** Of the built daemon: test/system/daemon-in-its-unit.test.ts. */
describe("startDaemon with the state that a killed daemon left", () => {
  const HOSTS = [HOST, HOME];

  /** As if it were killed, the previous daemon is not stopped, so each has its own sockets. */
  async function restart(path: string, registries: object = { prefetch: HOSTS }): Promise<void> {
    folder = temporaryFolder();
    await start({ registries }, { environment: { OCIR_BROKER_STATE_FILE: path } });
  }

  /** The tokens of a daemon that has saved its state, which it does on the turn after the change. */
  async function warmed(path: string, registries?: object, hosts: readonly string[] = HOSTS): Promise<string[]> {
    await restart(path, registries);
    const tokens = await Promise.all(hosts.map(tokenFor));
    // Looks for the token's field, since the configuration in the state names registry hosts too.
    const isSaved = (state: string) => hosts.every((host) => state.includes(`"registryHost":"${host}"`));
    while (!existsSync(path) || !isSaved(readFileSync(path, "latin1"))) await setImmediate();
    return tokens;
  }

  it("serves its home region's registry, even if the configuration does not name it", async () => {
    const path = join(stateFolder(), "state");
    const home = { prefetch: undefined };
    const [token] = await warmed(path, home, [HOME]);
    simulator.faults({ endpoint: "*", status: 503 });
    await restart(path, home);
    expect(broker.health.details().registries[HOME]).toMatchObject({ kept: true, state: "fresh" });
    expect(await tokenFor(HOME)).toBe(token);
    const logged = JSON.stringify(lines);
    expect(logged).toContain("state restored");
    for (const part of String(token).split(".")) expect(logged).not.toContain(part);
    expect(logged).not.toMatch(/eyJ|MII|BEGIN/);
  });

  it("signs with the restored session", async () => {
    const path = join(stateFolder(), "state");
    await warmed(path);
    simulator.reset();
    await restart(path, { endpoints: { "lhr.ocir.io": simulator.registryUrl.href } });
    expect(await tokenFor("lhr.ocir.io")).toEqual(expect.any(String));
    expect(simulator.requests()).toMatchObject({ "auth.x509": 0, "registry.token": 1 });
    expect(simulator.refusals()).toEqual([]);
  });

  it("saves the token of a pull that ends while it stops", async () => {
    const path = join(stateFolder(), "state");
    await restart(path, { prefetch: [] });
    await tokenFor(HOME);
    simulator.faults({ endpoint: "registry.token", latencyMs: 200 });
    const pulled = overSocket("/v1/credentials", requestFor(`${HOST}/ns/app`));
    await until("the request has arrived", () => broker.health.details().registries[HOST] !== undefined);
    await broker.close();
    expect((await pulled).status).toBe(200);
    expect(readFileSync(path, "latin1")).toContain(`"registryHost":"${HOST}"`);
  });
});

type Variables = Record<string, string>;

describe("startDaemon with another identity provider", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const publicPem = String(publicKey.export({ type: "spki", format: "pem" }));
  const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  const encrypted = { cipher: "aes-256-cbc", passphrase: "open = sesame" } as const;

  function apiKey(): Variables {
    const { user, fingerprint, tenancy } = simulator.addApiKey(publicPem);
    return {
      OCI_CLI_USER: user,
      OCI_CLI_FINGERPRINT: fingerprint,
      OCI_CLI_TENANCY: tenancy,
      OCI_CLI_KEY_CONTENT: String(privateKey.export({ type: "pkcs8", format: "pem", ...encrypted })),
      OCI_CLI_PASSPHRASE: encrypted.passphrase,
    };
  }

  async function cliSession(): Promise<Variables> {
    const { token } = await simulator.cliSession(publicPem);
    writeFileSync(join(folder, "token"), token, { mode: 0o600 });
    return { OCI_CLI_SECURITY_TOKEN_FILE: join(folder, "token"), OCI_CLI_KEY_CONTENT: pem };
  }

  const resource = async (): Promise<Variables> => ({
    OCI_RESOURCE_PRINCIPAL_VERSION: "2.2",
    OCI_RESOURCE_PRINCIPAL_RPST: await simulator.resourceToken(publicPem),
    OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: pem,
    OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1",
  });

  it.each<[provider: string, () => Variables | Promise<Variables>, (its: Variables) => object, refusal: string]>([
    ["user", apiKey, (its) => ({ sub: its["OCI_CLI_USER"] }), "api-key-refused"],
    ["cli-session", cliSession, () => ({ ptype: "user" }), "cli-session-refused"],
    ["resource-principal", resource, () => ({ ptype: "resource" }), "resource-principal-refused"],
  ])(
    "signs with %s, reports its refusal, and shows no part of its secrets",
    async (provider, find, claims, refusal) => {
      const environment = await find();
      await start({ identity: { provider } }, { environment });
      const token = await tokenFor();
      expect(claimsOf(token)).toMatchObject(claims(environment));
      simulator.faults({ endpoint: "registry.token", status: 401, times: 10 });
      const refused = await overSocket("/v1/credentials", requestFor(`${HOME}/ns/app`));
      expect(refused).toEqual({ status: 503, text: expect.stringContaining(refusal) });

      const shown = await Promise.all(["/healthz", "/status", "/metrics"].map(health));
      expect(shown[1]?.text).toContain(`"identity": "${provider}"`);
      const seen = [JSON.stringify(lines), refused.text, ...shown.map(({ text }) => text)].join("\n");
      const keys = Object.values(environment).flatMap((value) => value.split("\n").filter((line) => line.length > 40));
      const secrets = [...keys, ...token.split("."), "sesame"];
      expect(secrets.filter((secret) => seen.includes(secret))).toEqual([]);
      expect(seen).not.toMatch(/eyJ|BEGIN |Signature|ST\$|ocid1/);
      expect(simulator.requests()).toMatchObject({ "auth.x509": 0, "auth.refresh": 0 });
    },
  );
});
