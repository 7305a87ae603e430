/**
 * The alerts on the metrics file of a daemon that was run into a state, for an hour and more of the test's clock: exactly the named
 * ones fire, and none on a healthy node, whatever its identity. Of other programs' metrics: controller.test.ts, off-switch.test.ts,
 * install.test.ts.
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { loadConfig } from "@ocir-broker/config/load";
import { clusterSection } from "@ocir-broker/config/test/config";
import { requestFor } from "@ocir-broker/credentials/test/kubelet-request";
import { createConfigStatus } from "@ocir-broker/daemon/config/config-status";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, it, onTestFinished } from "vitest";
import { expectAlerts, type Scraped } from "../monitoring/expect-alerts.ts";
import { hasPromtool, promtoolNote } from "../monitoring/promtool.ts";
import { createDrivenClock } from "./driven-clock.ts";
import { startInProcess } from "./in-process-broker.ts";

const HOST = "iad.ocir.io";
const DEAD_HOST = "icn.ocir.io";
const REGION = "us-ashburn-1";
const AUDIENCE = "oci";
const MINUTE_MS = 60_000;
/** Longer than a token's life, a session's, and each alert's delay after it. */
const MINUTES = 80;
/** The metrics file is written at each. */
const STEP_MS = 15_000;
/** Of real time, for the requests of a pull that `isFetching` does not know; after that, it waits for the clock. */
const STILL_MS = 200;

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const publicPem = String(publicKey.export({ type: "spki", format: "pem" }));
const pem = String(privateKey.export({ type: "pkcs8", format: "pem" }));

/** Writes what each identity reads; called again as often as Oracle's command line or platform does. */
const IDENTITIES: Readonly<Record<string, (simulator: Simulator, file: string) => Promise<Record<string, string>>>> = {
  "instance-principal": async () => ({}),
  none: async () => ({}),
  async user(simulator) {
    const { user, fingerprint, tenancy } = simulator.addApiKey(publicPem);
    const ids = {
      OCI_CLI_USER: user,
      OCI_CLI_FINGERPRINT: fingerprint,
      OCI_CLI_TENANCY: tenancy,
      OCI_CLI_REGION: REGION,
    };
    return { ...ids, OCI_CLI_KEY_CONTENT: pem };
  },
  async "cli-session"(simulator, file) {
    writeFileSync(file, (await simulator.cliSession(publicPem)).token, { mode: 0o600 });
    return { OCI_CLI_SECURITY_TOKEN_FILE: file, OCI_CLI_KEY_CONTENT: pem, OCI_CLI_REGION: REGION };
  },
  async "resource-principal"(simulator, file) {
    writeFileSync(file, await simulator.resourceToken(publicPem), { mode: 0o600 });
    const region = { OCI_RESOURCE_PRINCIPAL_VERSION: "2.2", OCI_RESOURCE_PRINCIPAL_REGION: REGION };
    return { ...region, OCI_RESOURCE_PRINCIPAL_RPST: file, OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: pem };
  },
};

type Mode = "nodes" | "oke" | "identity-domain";

interface Stage {
  readonly simulator: Simulator;
  readonly textfile: string;
  stop(): Promise<void>;
  restart(): Promise<void>;
}

interface Setting {
  readonly identity?: string;
  readonly mode?: Mode;
  /** The registry hosts that pods use. */
  readonly hosts?: readonly string[];
  readonly config?: string;
  /** Of the daemon, made from the true one. */
  readonly clockOf?: (clock: Clock, isPulling: () => boolean) => Clock;
  /** At the start of each minute. */
  readonly each?: (stage: Stage, minute: number) => unknown;
  readonly minutes?: number;
  readonly others?: Scraped["others"];
}

/** Pulls once a minute, as pods do that cannot start, and reads the metrics file. */
async function run({
  identity = "instance-principal",
  mode = "nodes",
  hosts = [HOST],
  minutes = MINUTES,
  ...setting
}: Setting): Promise<Scraped> {
  const clock = createDrivenClock();
  // The certificates are of the real day.
  clock.jumpWall(Date.now() - clock.wallMs());
  const simulator = await startSimulator({ clock, tls: true });
  onTestFinished(() => simulator.close());
  const folder = temporaryFolder();
  const at = (name: string, text = "") => {
    const path = join(folder, name);
    if (text !== "") writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const isClient = identity !== "instance-principal";
  simulator.addTrust({
    audience: AUDIENCE,
    oauthClients: isClient ? { broker: "secret" } : {},
    serviceUsers: [{ rule: "sub eq system:serviceaccount:shop:puller", name: "puller", group: "pullers" }],
  });
  const textfile = at("ocir_broker.prom");
  const modes: Readonly<Record<Mode, object>> = {
    nodes: {},
    oke: { serviceAccounts: clusterSection(simulator, folder) },
    "identity-domain": {
      serviceAccounts: { tokenExchange: "identity-domain", audience: AUDIENCE },
      identityDomain: {
        url: simulator.domainUrl.origin,
        ...(isClient && { authorization: "client", clientId: "broker", clientSecretFile: at("client", "secret") }),
      },
    },
  };
  const configSource = { path: at("config.yaml", setting.config ?? "log: {level: info}\n"), environment: {} };
  const status = createConfigStatus(configSource.path, { inForce: "all", configError: undefined, warning: undefined });
  const setUp = IDENTITIES[identity] ?? IDENTITIES["user"];
  const start = async () =>
    startInProcess({
      clock: setting.clockOf?.(clock, () => isPulling) ?? clock,
      simulator,
      environment: (await setUp?.(simulator, join(folder, "token"))) ?? {},
      logLevel: "info",
      configDetails: status.details,
      config: {
        identity: { provider: identity },
        registries: { endpoints: { [HOST]: simulator.registryUrl.origin, [DEAD_HOST]: "https://127.0.0.1:1" } },
        upstream: { caFile: at("region.crt", simulator.caCertificate) },
        metrics: { textfile },
        ...modes[mode],
      },
    });
  let isPulling = false;
  let broker = await start();
  try {
    loadConfig(configSource);
  } catch (error) {
    status.refused(error as Parameters<typeof status.refused>[0]);
  }
  let isStopped = false;
  const stage: Stage = {
    simulator,
    textfile,
    async stop() {
      isStopped = true;
      await clock.drive(broker.close());
    },
    async restart() {
      await clock.drive(broker.close());
      broker = await start();
    },
  };
  async function pull(host: string): Promise<void> {
    const audience = mode === "identity-domain" ? { audience: AUDIENCE } : {};
    const wanted = { namespace: "shop", serviceAccount: "puller", ...audience };
    const token = mode === "nodes" ? {} : { serviceAccountToken: await simulator.serviceAccountToken(wanted) };
    isPulling = true;
    await broker.post(requestFor(`${host}/acme/shop/web`, token));
    isPulling = false;
  }
  const writtenMs = () => 1_000 * Number(/^ocir_broker_textfile_timestamp_seconds (\S+)$/m.exec(fileText())?.[1] ?? 0);
  const fileText = () => (existsSync(textfile) ? readFileSync(textfile, "utf8") : "");
  const startMs = clock.wallMs();
  const scrapes: string[] = [];
  for (let minute = 0; minute <= minutes; minute += 1) {
    if (minute % 5 === 0) await setUp?.(simulator, join(folder, "token"));
    await setting.each?.(stage, minute);
    let isAnswered = isStopped || (mode === "nodes" && identity === "none");
    const pulls = isAnswered ? undefined : Promise.all(hosts.map(pull)).finally(() => (isAnswered = true));
    while (!isAnswered) {
      await Promise.race([pulls, setTimeout(mode === "nodes" ? 10 : STILL_MS)]);
      await clock.driveUntil(() => isAnswered || !broker.isFetching());
      if (!isAnswered) await clock.advance(clock.armed()[0] ?? MINUTE_MS);
    }
    const endMs = startMs + (minute + 1) * MINUTE_MS;
    while (clock.wallMs() < endMs) {
      await clock.pass(Math.min(STEP_MS - (clock.monotonicMs() % STEP_MS), endMs - clock.wallMs()), broker);
      const dueMs = clock.wallMs() - (clock.monotonicMs() % STEP_MS);
      // One that takes longer is late by a step, which no alert notices.
      for (let tries = 0; tries < 50 && writtenMs() < dueMs; tries += 1) await setTimeout(1);
    }
    scrapes.push(fileText());
  }
  return { scrapes, startS: startMs / 1_000, others: setting.others ?? [] };
}

/** From this minute on. */
const fault = (minute: number, added: Fault, more: Setting = {}): Setting => ({
  ...more,
  each({ simulator }, now) {
    if (now === minute) simulator.faults(added);
  },
});
/** While a request is served, each reading is later than the one before it. */
const slowClock: Setting["clockOf"] = (clock, isPulling) => {
  let lateMs = 0;
  function monotonicMs(): number {
    if (isPulling()) lateMs += 60;
    return clock.monotonicMs() + lateMs;
  }
  return { ...clock, monotonicMs };
};

/** Of kube-state-metrics. */
const nodeInfo = (node: string) => ({
  series: `kube_node_info{job="kube-state-metrics", node="${node}"}`,
  values: "1x40",
});

describe.skipIf(!hasPromtool)(`the alerts${promtoolNote}`, () => {
  it.each<[identity: string, mode: Mode]>([
    ["instance-principal", "nodes"],
    ["user", "nodes"],
    ["cli-session", "nodes"],
    ["resource-principal", "nodes"],
    ["none", "nodes"],
    ["instance-principal", "oke"],
    ["instance-principal", "identity-domain"],
    ["user", "oke"],
    ["user", "identity-domain"],
    ["none", "oke"],
    ["none", "identity-domain"],
  ])("are silent on a healthy node with the identity %s, for %s", async (identity, mode) => {
    expectAlerts("ocir_broker", await run({ identity, mode }), []);
  });

  it.each<[fired: string, state: string, setting: Setting]>([
    ["Down", "the daemon is stopped", { minutes: 15, each: ({ stop }, minute) => minute === 5 && stop() }],
    ["NotReady Errors", "no first token", fault(0, { endpoint: "metadata.*", refuse: true }, { minutes: 15 })],
    ["TokenNotRenewed NotReady Errors", "the registry fails", fault(5, { endpoint: "registry.token", status: 503 })],
    ["TokenMissing Errors", "one of two registries fails", { hosts: [HOST, DEAD_HOST], minutes: 15 }],
    ["SessionNotRenewed", "the auth service fails", fault(5, { endpoint: "auth.x509", status: 503 }, { minutes: 30 })],
    [
      "ServiceAccountsFailing",
      "no token exchange",
      fault(0, { endpoint: "cluster.tokenExchange", status: 503 }, { mode: "oke", minutes: 20 }),
    ],
    ["AccessDenied", "no policy", { minutes: 50, each: ({ simulator }) => simulator.iam({ granted: false }) }],
    ["Throttled NotReady Errors", "429", fault(0, { endpoint: "registry.token", status: 429 }, { minutes: 20 })],
    [
      "IdentityRefused NotReady Errors",
      "the certificate is refused",
      fault(0, { endpoint: "auth.x509", status: 401 }, { minutes: 15 }),
    ],
    [
      "ClockSkew IdentityRefused NotReady Errors",
      "the node's clock is ahead",
      { minutes: 15, clockOf: (clock) => ({ ...clock, wallMs: () => clock.wallMs() + 10 * MINUTE_MS }) },
    ],
    ["Slow EventLoopLag", "the processor is short", { minutes: 40, hosts: [HOST, HOST], clockOf: slowClock }],
    [
      "EventLoopLag",
      "timers are late",
      {
        minutes: 30,
        clockOf: (clock) => ({ ...clock, setTimer: (callback, ms) => clock.setTimer(callback, ms + 200) }),
      },
    ],
    [
      "Restarts",
      "the daemon ends again and again",
      { minutes: 30, each: ({ restart }, minute) => minute % 5 === 1 && restart() },
    ],
    [
      "TextfileFailing",
      "the metrics file can often not be written",
      {
        minutes: 50,
        each: ({ textfile }, minute) =>
          minute % 2 === 1 ? mkdirSync(`${textfile}.new`) : rmSync(`${textfile}.new`, { recursive: true, force: true }),
      },
    ],
    ["ConfigInvalid", "a typing mistake", { minutes: 15, config: "registries: {prefech: []}\n" }],
    ["NotInstalled", "another node has no ocir-broker", { minutes: 40, others: ["here", "bare"].map(nodeInfo) }],
  ])("of which %s fire: %s", async (fired, _, setting) => {
    expectAlerts(
      "ocir_broker",
      await run(setting),
      fired.split(" ").map((name) => `OcirBroker${name}`),
    );
  });
});
