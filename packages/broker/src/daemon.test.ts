import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, createSystemClock } from "@ocir-broker/foundation";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createShiftedClock, type ShiftedClock } from "../test/shifted-clock.ts";
import { checkConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import { type Broker, startBroker } from "./daemon.ts";
import { createLog } from "./telemetry/log.ts";

const HOSTS = ["icn.ocir.io", "us-ashburn-1.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"];
const [HOST] = HOSTS as [string, string, string];
/** The default of `request.deadline`. */
const DEADLINE_MS = 15_000;
/** Shorter than a session's life. */
const TOKEN_LIFE_MS = 300_000;
const V1 = "credentialprovider.kubelet.k8s.io/v1";

let directory: string;
let credentialsSocket: string;
let healthSocket: string;
let simulator: Simulator;
let broker: Broker | undefined;
let logged: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "broker-"));
  credentialsSocket = join(directory, "credentials.sock");
  healthSocket = join(directory, "health.sock");
  logged = "";
});

afterEach(async () => {
  await broker?.close();
  await simulator.close();
  rmSync(directory, { recursive: true });
});

interface Setting {
  readonly simulator?: SimulatorOptions;
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string>>;
  readonly config?: { identity?: object; registries?: object; request?: object; upstream?: object };
}

async function start(setting: Setting = {}): Promise<Broker> {
  simulator = await startSimulator(setting.simulator);
  return startAgain(setting);
}

function configOf(config: Setting["config"] = {}): Config {
  const text = JSON.stringify({
    sockets: { credentials: credentialsSocket, health: healthSocket },
    ...config,
    registries: {
      prefetch: [],
      endpoints: Object.fromEntries(HOSTS.map((host) => [host, simulator.registryUrl.href])),
      ...config.registries,
    },
  });
  const checked = checkConfig(text, {
    OCI_METADATA_BASE_URL: simulator.metadataUrl.href,
    OCI_SDK_AUTH_CLIENT_REGION_URL: simulator.authUrl.href,
  });
  if ("faults" in checked) throw new Error(checked.faults.join("\n"));
  return checked.config;
}

async function startAgain({ config, clock = createSystemClock(), environment = {} }: Setting = {}): Promise<Broker> {
  const write = (line: string): void => {
    logged += line;
  };
  broker = await startBroker({
    config: configOf(config),
    environment,
    clock,
    random: () => 0.5,
    log: createLog({ level: "trace", environment: {}, stream: { write } }),
    version: "1.2.3",
    pid: process.pid,
  });
  return broker;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function call(socketPath: string, method: string, path: string, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, agent: false }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (piece) => {
        text += piece;
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function requestFor(image: string, apiVersion = V1): string {
  return `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image })}\n`;
}

const pull = (image: string): Promise<Answer> => call(credentialsSocket, "POST", "/v1/credentials", requestFor(image));
const health = (path: string): Promise<Answer> => call(healthSocket, "GET", path);

/** A pull that fails: waits for requests to the registry, then moves the clock over the deadline, so that retries end. */
async function failedPull(clock: ShiftedClock, requests: number, look: () => void = () => undefined): Promise<Answer> {
  const before = simulator.requests()["registry.token"];
  const asked = pull(`${HOST}/ns/app`);
  await until(
    () => simulator.requests()["registry.token"] - before,
    (count) => count >= requests,
  );
  look();
  clock.shift(DEADLINE_MS);
  return asked;
}

function tokenIn({ text }: Answer, host = HOST): string {
  return JSON.parse(text).auth[host].password;
}

function claimsOf(token: string): { readonly aud: string; readonly sub: string } {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

function audienceOf(answer: Answer): string {
  return claimsOf(tokenIn(answer)).aud;
}

function lines(): Record<string, unknown>[] {
  return logged
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("startBroker", () => {
  it("answers 200 cold pulls of three hosts with one session and three tokens, and warm ones with nothing at all", async () => {
    await start({ simulator: { latencyMs: 100 } });
    const images = Array.from({ length: 200 }, (_, index) => `${HOSTS[index % 3]}/ns/repository-${index}`);
    const answers = await Promise.all(images.map(pull));
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      expect(tokenIn(answer, HOSTS[index % 3])).toMatch(/^ey/);
    }
    const { "auth.x509": sessions, "registry.token": tokens, ...others } = simulator.requests();
    expect({ sessions, tokens }).toEqual({ sessions: 1, tokens: 3 });
    const metadata = Object.entries(others).filter(([name]) => name.startsWith("metadata."));
    expect(metadata.reduce((sum, [, count]) => sum + count, 0)).toBeLessThanOrEqual(5);

    for (const image of images) await pull(image);
    expect(simulator.requests()).toMatchObject({ "auth.x509": 1, "registry.token": 3 });
    const count = (name: string): number => lines().filter(({ outcome }) => outcome === name).length;
    // A cold pull that arrives late, on a busy machine, is a hit.
    expect([count("miss"), count("coalesced") + count("hit")]).toEqual([3, 397]);
    expect(count("hit")).toBeGreaterThanOrEqual(200);
  });

  it("answers in the version that was asked in, token first and anonymous second, and lets the kubelet cache nothing", async () => {
    await start();
    const apiVersion = "credentialprovider.kubelet.k8s.io/v1alpha1";
    const answer = await call(credentialsSocket, "POST", "/v1/credentials", requestFor(`${HOST}/ns/app`, apiVersion));
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(answer.text.length),
    });
    expect(JSON.parse(answer.text)).toEqual({
      kind: "CredentialProviderResponse",
      apiVersion,
      cacheKeyType: "Registry",
      cacheDuration: "0s",
      auth: {
        [HOST]: { username: "BEARER_TOKEN", password: expect.stringMatching(/^ey/) },
        "*.ocir.io": { username: "", password: "" },
      },
    });
  });

  it("spells the key as the image does, in which the kubelet will look for it", async () => {
    await start();
    expect(Object.keys(JSON.parse((await pull("ICN.ocir.io/ns/app")).text).auth)).toEqual(["ICN.ocir.io", "*.ocir.io"]);
  });

  it.each(["docker.io/library/alpine", "icn.ocir.io.example/ns/app", "icn.ocir.io:444/ns/app", "[::1]:5000/ns/app"])(
    "gives nothing to %s and asks nobody for it",
    async (image) => {
      await start();
      await pull(`${HOST}/ns/app`);
      const before = simulator.requests()["registry.token"];
      const answer = await pull(image);
      expect(JSON.parse(answer.text)).toMatchObject({ auth: {} });
      expect(simulator.requests()["registry.token"]).toBe(before);
      expect(lines().at(-1)).toMatchObject({ outcome: "foreign" });
    },
  );

  it("learns the realm of a region that no SDK knows from the metadata service", async () => {
    const registryHost = "ocir.xx-new-1.oci.example-cloud.test";
    await start({
      simulator: {
        region: { id: "xx-new-1", key: "xnw", realmKey: "oc99", realmDomain: "example-cloud.test" } as never,
      },
      config: { upstream: { connectTimeout: "200ms", timeout: "500ms" }, request: { deadline: "1s" } },
    });
    // An allowed host, so a token is fetched; the name does not resolve here.
    expect((await pull(`${registryHost}/ns/app`)).status).toBeGreaterThanOrEqual(500);
    const foreign = await until(
      () => pull("ocir.xx-new-1.oci.other-cloud.test/ns/app"),
      ({ status }) => status === 200,
    );
    expect(JSON.parse(foreign.text)).toMatchObject({ auth: {} });
  });

  it("gets a new session when the registry does not accept the one it has, within the same pull", async () => {
    await start();
    simulator.faults({ endpoint: "registry.token", status: 401, times: 1 });
    expect((await pull(`${HOST}/ns/app`)).status).toBe(200);
    expect(simulator.requests()).toMatchObject({ "auth.x509": 2, "registry.token": 2 });
  });

  it("does not make a session a second for a registry that accepts none", async () => {
    const clock = createShiftedClock();
    await start({ clock });
    simulator.faults({ endpoint: "registry.token", status: 401 });
    let sessions = 0;
    const answer = await failedPull(clock, 4, () => {
      sessions = simulator.requests()["auth.x509"];
    });
    expect(answer.status).toBe(502);
    expect(answer.text).toMatch(/^ocir-broker: registry-unauthorized: /);
    expect(sessions).toBe(2);
  });

  it("serves what it has through an outage of everything, to its end and not beyond, and comes back by itself", async () => {
    const clock = createShiftedClock();
    await start({ simulator: { tokenLifeMs: TOKEN_LIFE_MS }, clock });
    const token = tokenIn(await pull(`${HOST}/ns/app`));
    simulator.faults({ endpoint: "*", status: 503 });
    clock.shift(TOKEN_LIFE_MS / 2);
    expect(tokenIn(await pull(`${HOST}/ns/app`))).toBe(token);
    clock.shift(TOKEN_LIFE_MS / 2);
    const failed = await failedPull(clock, 2);
    expect(failed.status).toBe(503);
    expect(failed.text).toMatch(/^ocir-broker: registry-unavailable: [ -~]+; [ -~]+\n$/);
    expect(JSON.parse((await health("/healthz")).text)).toMatchObject({
      status: "degraded",
      registries: { [HOST]: null },
    });
    simulator.clearFaults();
    const recovered = await until(
      () => pull(`${HOST}/ns/app`),
      ({ status }) => status === 200,
    );
    expect(tokenIn(recovered)).not.toBe(token);
    expect(lines()).toContainEqual(expect.objectContaining({ msg: "token fetched", recovered: true }));
    // The start, each change and the end of an outage are logged, not each retry.
    const causes = lines().flatMap(({ level, msg, error }) =>
      level === "warn" && msg === "token not fetched" ? [(error as { code: string }).code] : [],
    );
    expect(causes).toContain("registry-unavailable");
    expect(causes.filter((cause, index) => cause === causes[index - 1])).toEqual([]);
  });

  it("heals by itself when the dynamic group comes late", async () => {
    simulator = await startSimulator();
    simulator.iam({ dynamicGroup: false });
    await startAgain();
    const useless = tokenIn(await pull(`${HOST}/ns/app`));
    await until(lines, (seen) => seen.some(({ msg }) => msg === "access denied"));
    simulator.iam({ dynamicGroup: true });
    await until(
      () => pull(`${HOST}/ns/app`),
      (answer) => tokenIn(answer) !== useless,
    );
    expect(lines().findLast(({ outcome }) => outcome)).toMatchObject({ outcome: "hit", repository: "ns/app" });
    expect(lines()).toContainEqual(expect.objectContaining({ msg: "access healed", registryHost: HOST }));
    expect(simulator.requests()).toMatchObject({ "auth.x509": 2, "registry.token": 2 });
  });

  it("tells a repository that stays denied from others, and goes on giving its token", async () => {
    await start();
    simulator.iam({ repository: "ns/forbidden", granted: false });
    await pull(`${HOST}/ns/forbidden`);
    await until(lines, (seen) => seen.some(({ msg }) => msg === "access denied"));
    expect((await pull(`${HOST}/ns/forbidden`)).status).toBe(200);
    expect(lines().findLast(({ outcome }) => outcome)).toMatchObject({ outcome: "denied", repository: "ns/forbidden" });
    await pull(`${HOST}/ns/app`);
    expect(lines().findLast(({ outcome }) => outcome)).toMatchObject({ outcome: "hit", repository: "ns/app" });
  });

  it("fetches the home region's token before anybody asks", async () => {
    simulator = await startSimulator();
    const endpoints = { "iad.ocir.io": simulator.registryUrl.href };
    await startAgain({ config: { registries: { prefetch: undefined, endpoints } } });
    await until(
      () => health("/readyz"),
      ({ status }) => status === 200,
    );
    expect(JSON.parse((await health("/healthz")).text)).toMatchObject({ registries: { "iad.ocir.io": {} } });
    await pull("iad.ocir.io/ns/app");
    expect(simulator.requests()["registry.token"]).toBe(1);
  });

  describe("reloaded with another address for a host", () => {
    const registry = ["127.0.0.1:0", "127.0.0.1:0"];
    const moved = () => configOf({ registries: { endpoints: { [HOST]: simulator.registryUrls[1]?.href } } });

    it("asks there at once, however long the address before wanted us to wait", async () => {
      const { applyConfig } = await start({ simulator: { registry } });
      simulator.faults({ endpoint: "registry.token", status: 429, retryAfter: 300, times: 1 });
      expect((await pull(`${HOST}/ns/app`)).text).toMatch(/^ocir-broker: registry-throttled: /);
      applyConfig(moved());
      expect((await pull(`${HOST}/ns/app`)).status).toBe(200);
    });

    it("answers those who wait from there, not from the address before", async () => {
      const config = { request: { deadline: "19s" }, upstream: { timeout: "60s" } };
      const { applyConfig } = await start({ simulator: { registry }, config });
      simulator.faults({ endpoint: "registry.token", hang: "before-headers", times: 1 });
      const waiting = pull(`${HOST}/ns/app`);
      await until(
        () => simulator.requests()["registry.token"],
        (count) => count === 1,
      );
      applyConfig(moved());
      expect(audienceOf(await waiting)).toBe(simulator.registryUrls[1]?.host);
    });

    it("serves the token from the address before until there is one from the new address", async () => {
      const { applyConfig } = await start({ simulator: { registry } });
      const token = tokenIn(await pull(`${HOST}/ns/app`));
      simulator.faults({ endpoint: "registry.token", status: 503, times: 2 });
      applyConfig(moved());
      const next = await until(
        () => pull(`${HOST}/ns/app`),
        (answer) => tokenIn(answer) !== token,
      );
      expect(audienceOf(next)).toBe(simulator.registryUrls[1]?.host);
    });
  });

  it("lets go of a host that a reload takes out of the configuration, and leaves the others alone", async () => {
    simulator = await startSimulator();
    const endpoints = { [HOST]: simulator.registryUrl.href, "mirror.example": simulator.registryUrl.href };
    const { applyConfig } = await startAgain({ config: { registries: { endpoints } } });
    for (const host of [HOST, "mirror.example"]) expect((await pull(`${host}/ns/app`)).status).toBe(200);
    applyConfig(configOf());
    expect(JSON.parse((await pull("mirror.example/ns/app")).text)).toMatchObject({ auth: {} });
    expect(Object.keys(JSON.parse((await health("/status")).text).registries)).toEqual([HOST]);
  });

  it("says what is wrong with a request in one line, and keeps the paths of later releases free", async () => {
    await start();
    const of = async (method: string, path: string, body?: string) => {
      const { status, text } = await call(credentialsSocket, method, path, body);
      expect(text).toMatch(/^ocir-broker: [a-z-]+: [ -~]+; [ -~]+\n$/);
      return [status, text.split(": ")[1]];
    };
    expect(await of("POST", "/v1/credentials", "{")).toEqual([400, "request-not-json"]);
    expect(await of("POST", "/v1/credentials", "{}")).toEqual([400, "request-invalid"]);
    expect(await of("POST", "/v1/credentials", requestFor("app"))).toEqual([400, "image-invalid"]);
    expect(await of("POST", "/v1/credentials", requestFor("x.io/a", "v2"))).toEqual([400, "api-version-unsupported"]);
    expect(await of("POST", "/v1/credentials", "x".repeat(300_000))).toEqual([413, "body-too-large"]);
    expect(await of("GET", "/v1/credentials")).toEqual([405, "method-not-allowed"]);
    expect(await of("POST", "/v1/docker-credential", "https://")).toEqual([400, "server-url-invalid"]);
    expect(await of("GET", "/v1/docker-credential")).toEqual([405, "method-not-allowed"]);
    expect(await of("POST", "/v2/credentials", "x")).toEqual([404, "not-found"]);
    expect(await of("POST", "/")).toEqual([404, "not-found"]);
  });

  it("gives a docker credential helper the token that the kubelet gets, and logs the registry host", async () => {
    await start();
    const token = tokenIn(await pull(`${HOST}/ns/app`));
    const { status, text } = await call(credentialsSocket, "POST", "/v1/docker-credential", `https://${HOST}/\n`);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ ServerURL: `https://${HOST}/`, Username: "BEARER_TOKEN", Secret: token });
    const foreign = await call(credentialsSocket, "POST", "/v1/docker-credential", "https://index.docker.io/v1/");
    expect([foreign.status, foreign.text]).toEqual([404, "credentials not found in native keychain\n"]);
    expect(lines().filter(({ msg }) => msg === "request answered")).toMatchObject([
      { outcome: "miss", registryHost: HOST, repository: "ns/app" },
      { outcome: "hit", registryHost: HOST },
      { outcome: "foreign", registryHost: "index.docker.io" },
    ]);
  });

  it("makes its sockets for its user alone and for its group, and takes them with it", async () => {
    const running = await start();
    expect((statSync(credentialsSocket).mode & 0o777).toString(8)).toBe("600");
    expect((statSync(healthSocket).mode & 0o777).toString(8)).toBe("660");
    await running.close();
    expect(existsSync(credentialsSocket)).toBe(false);
    expect(existsSync(healthSocket)).toBe(false);
  });

  it("does not start beside another broker, and leaves that one alone", async () => {
    const running = await start();
    await expect(startAgain()).rejects.toMatchObject({ code: "socket-in-use" });
    expect(lines().map(({ msg }) => msg)).not.toContain("stopping");
    expect((await pull(`${HOST}/ns/app`)).status).toBe(200);
    broker = running;
  });

  it("answers what is in flight before it stops", async () => {
    // The grace of 3 s never ends.
    const running = await start({ clock: { ...createSystemClock(), monotonicMs: () => 0 } });
    const asked = pull(`${HOST}/ns/app`);
    await until(
      () => running.health.details().registries[HOST],
      (entry) => entry !== undefined,
    );
    await running.close();
    expect((await asked).status).toBe(200);
    expect(lines().at(-1)?.["msg"]).toBe("stopped");
  });

  it("stops after 3 s although a caller waits for an upstream that is down, and lets that caller ask again", async () => {
    const system = createSystemClock();
    const grace = Promise.withResolvers<() => void>();
    const setTimer: Clock["setTimer"] = (callback, delayMs) => {
      if (delayMs === 3_000) grace.resolve(callback);
      return system.setTimer(callback, delayMs);
    };
    const clock = { ...system, setTimer };
    simulator = await startSimulator();
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    const running = await startAgain({ clock });
    const asked = pull(`${HOST}/ns/app`);
    asked.catch(() => undefined);
    await until(
      () => running.health.details().registries[HOST],
      (entry) => entry !== undefined,
    );
    const closed = running.close();
    const endGrace = await grace.promise;
    endGrace();
    await closed;
    await expect(asked).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});

describe("the health socket", () => {
  it("is alive whatever the upstreams do, and ready once a token is there", async () => {
    simulator = await startSimulator();
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    await startAgain({ config: { registries: { prefetch: [HOST] } } });
    expect(await health("/livez")).toMatchObject({ status: 200, text: "ok\n" });
    expect(await health("/readyz")).toMatchObject({ status: 503, text: "not ready\n" });
    expect(JSON.parse((await health("/healthz")).text)).toMatchObject({ status: "starting", session: null });
  });

  it("names an identity of none, which asks no service, answers pulls with an error and is ready", async () => {
    await start({ config: { identity: { provider: "none" }, registries: { prefetch: [HOST] } } });
    expect(await pull(`${HOST}/ns/app`)).toMatchObject({ status: 502, text: expect.stringContaining("identity-none") });
    expect((await health("/readyz")).status).toBe(200);
    expect(JSON.parse((await health("/healthz")).text)).toMatchObject({ status: "ok", identity: "none" });
    expect(logged.split("\n")[0]).toMatch(/"identity":"none".*"starting"/);
    expect(simulator.requests()).toMatchObject({ "metadata.regionInfo": 0, "auth.x509": 0, "registry.token": 0 });
  });

  it("tells ages, ends and failures, and the metrics", async () => {
    await start();
    await pull(`${HOST}/ns/app`);
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
    const metrics = await health("/metrics?x=1");
    expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(metrics.text).toContain('ocir_broker_requests_total{outcome="miss"} 1');
    expect(metrics.text).toContain(`ocir_broker_token_expiry_timestamp_seconds{registry="${HOST}"}`);
    expect((await call(healthSocket, "HEAD", "/status")).status).toBe(200);
    expect((await call(healthSocket, "POST", "/status", "x")).status).toBe(405);
    expect((await health("/v1/credentials")).status).toBe(404);
  });
});

describe("secrets", () => {
  it("appear in no log at the highest level, no metric, no status and no error", async () => {
    const clock = createShiftedClock();
    await start({ simulator: { tokenLifeMs: TOKEN_LIFE_MS }, clock });
    const token = tokenIn(await pull(`${HOST}/ns/app`));
    clock.shift(TOKEN_LIFE_MS);
    const later = tokenIn(await pull(`${HOST}/ns/app`));
    expect(later).not.toBe(token);
    clock.shift(TOKEN_LIFE_MS);
    simulator.faults({ endpoint: "*", html: true });
    const failed = await failedPull(clock, 1);
    simulator.clearFaults();
    simulator.faults({ endpoint: "registry.*", status: 401 });
    const refused = await failedPull(clock, 1);
    expect([failed.status, refused.status]).not.toContain(200);
    const shown = await Promise.all(["/healthz", "/status", "/metrics"].map(health));
    const seen = [logged, ...[failed, refused, ...shown].map(({ text }) => text)].join("\n");
    expect(seen.length).toBeGreaterThan(5_000);
    for (const secret of [token, later]) for (const part of secret.split(".")) expect(seen).not.toContain(part);
    // Any JWT, PEM, certificate, signature or header.
    expect(seen).not.toMatch(/eyJ|BEGIN |MII[A-Za-z0-9+/]{20}|Signature|Bearer |ST\$|authorization/i);
    for (const { text } of shown) expect(text).not.toMatch(/ocid1|ns\/app/);
  });
});

describe("a user's identity", () => {
  it("signs with the API key, tells what to do if it is refused, and shows no part of it at the highest level", async () => {
    await start();
    await broker?.close();
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const { user, fingerprint, tenancy } = simulator.addApiKey(
      String(publicKey.export({ type: "spki", format: "pem" })),
    );
    const secret = { cipher: "aes-256-cbc", passphrase: "open = sesame" } as const;
    const pem = String(privateKey.export({ type: "pkcs8", format: "pem", ...secret }));
    const environment = {
      OCI_CLI_USER: user,
      OCI_CLI_FINGERPRINT: fingerprint,
      OCI_CLI_TENANCY: tenancy,
      OCI_CLI_KEY_CONTENT: pem,
      OCI_CLI_PASSPHRASE: secret.passphrase,
    };
    const config = { identity: { provider: "user" } };
    await startAgain({ environment, config });
    const token = tokenIn(await pull(`${HOST}/ns/app`));
    expect(claimsOf(token)).toMatchObject({ sub: user });
    await broker?.close();
    await startAgain({ environment: { ...environment, OCI_CLI_USER: `${user}x` }, config });
    const refused = await pull(`${HOST}/ns/app`);
    expect(refused).toMatchObject({ status: 502, text: expect.stringContaining("api-key-refused") });
    await broker?.close();
    await startAgain({ environment: { ...environment, OCI_CLI_PASSPHRASE: "sesame, open" }, config });
    const wrong = await pull(`${HOST}/ns/app`);
    expect(wrong).toMatchObject({
      status: 502,
      text: expect.stringMatching(/key-encrypted: .*: OCI_CLI_KEY_CONTENT; set/),
    });
    const shown = await Promise.all(["/healthz", "/status", "/metrics"].map(health));
    const seen = [logged, ...[refused, wrong, ...shown].map(({ text }) => text)].join("\n");
    const secrets = [...pem.split("\n").filter((line) => line.length > 40), ...token.split("."), "sesame", fingerprint];
    expect(secrets.filter((each) => seen.includes(each))).toEqual([]);
    expect(seen).not.toMatch(/ocid1|BEGIN |Signature/);
    expect(simulator.requests()).toMatchObject({ "auth.x509": 0 });
  });
});

describe("identities from files and variables", () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const publicPem = String(publicKey.export({ type: "spki", format: "pem" }));
  const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));

  function sessionIn(token: string): Record<string, string> {
    writeFileSync(join(directory, "token"), token, { mode: 0o600 });
    return { OCI_CLI_SECURITY_TOKEN_FILE: join(directory, "token"), OCI_CLI_KEY_CONTENT: pem };
  }
  const resourceOf = (token: string): Record<string, string> => ({
    OCI_RESOURCE_PRINCIPAL_VERSION: "2.2",
    OCI_RESOURCE_PRINCIPAL_RPST: token,
    OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: pem,
    OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1",
  });

  it.each([
    ["session", async () => sessionIn((await simulator.userSession(publicPem)).token), "user", "session-refused"],
    [
      "resource-principal",
      async () => resourceOf(await simulator.resourceToken(publicPem)),
      "resource",
      "resource-principal-refused",
    ],
  ])("%s signs, tells what to do if it is refused, and is not shown", async (provider, variables, ptype, refusal) => {
    await start({ config: { identity: { provider: "none" } } });
    const config = { identity: { provider } };
    await broker?.close();
    const environment = await variables();
    await startAgain({ config, environment });
    const token = tokenIn(await pull(`${HOST}/ns/app`));
    expect(claimsOf(token)).toMatchObject({ ptype });
    simulator.faults({ endpoint: "registry.token", status: 401, times: 10 });
    const refused = await pull(`us-ashburn-1.ocir.io/ns/app`);
    expect(refused).toMatchObject({ status: 502, text: expect.stringContaining(refusal) });
    const shown = await Promise.all(["/healthz", "/status", "/metrics"].map(health));
    const seen = [logged, ...[refused, ...shown].map(({ text }) => text)].join("\n");
    expect(seen).not.toMatch(/eyJ|BEGIN |Signature|ST\$|ocid1/);
    expect(shown[1]?.text).toContain(`"identity": "${provider}"`);
    expect(simulator.requests()).toMatchObject({ "auth.x509": 0, "auth.refresh": 0 });
  });
});

/** Polls in real time. */
async function until<T>(look: () => T | Promise<T>, isEnough: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (isEnough(seen)) return seen;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
