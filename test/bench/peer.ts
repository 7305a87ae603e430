/**
 * `npm run bench -- --peer`: compares with oracle-devrel's credential provider, built from its Go module, in one run. Both run
 * unmodified on a machine of the simulated cloud, with Oracle's names, addresses and TLS. Prints the rows of docs/comparison.md.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { type DaemonConfig, LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { lackOfNamespaces, type OracleCloud, REGISTRY_HOST, startOracleCloud } from "../oracle-clients/cloud.ts";
import { lackOf } from "../real-registry.ts";
import { buildTimer, runsIn, timerArguments } from "./spawn-times.ts";

const PROGRAM = join(import.meta.dirname, "../../dist/bench/peer");
const PACKAGE = "github.com/devrocks/credential-provider-oke/cmd";
/** As in the example of that project, which checks each token with a request for the image's manifest. */
const SETTINGS = { REGISTRY_TOKEN_PATH: "/20180419/docker/token", TOKEN_VALIDATION: "enabled" };
const REPOSITORY = "acme/shop/web";
export const REQUEST = credentialProviderRequest({ image: `${REGISTRY_HOST}/${REPOSITORY}:1` });
export const LATENCY = { endpoint: "*", latencyMs: 40 };
const AT_ONCE = 100;
const HEAL_LIMIT_MS = 120_000;

type Call = ReturnType<typeof runsIn>[number];

interface Response {
  readonly cacheDuration: string;
  readonly auth: Readonly<Record<string, { readonly password: string }>>;
}

type Provider = ReturnType<typeof providerOn>;

export async function printPeer(): Promise<void> {
  const lack = lackOfPeer();
  if (lack !== "") return console.log(`comparison with the existing credential provider${lack}`);
  buildPeer();
  const cloud = await startOracleCloud();
  try {
    await printRows(cloud);
  } finally {
    await cloud.close();
    rmSync(cloud.directory, { recursive: true });
  }
}

/** Empty if the comparison can run here. */
export function lackOfPeer(): string {
  return lackOfNamespaces() || lackOf("go", "cc", "nsenter", "ip", "curl", "docker-registry");
}

/** From its Go module, unless the program is there: the module proxy may lack the version, but not its repository. */
export function buildPeer(): void {
  if (existsSync(PROGRAM)) return;
  mkdirSync(join(PROGRAM, ".."), { recursive: true });
  execFileSync("go", ["build", "-o", PROGRAM, PACKAGE], {
    cwd: join(import.meta.dirname, "peer"),
    stdio: ["ignore", "inherit", "inherit"],
  });
}

async function printRows(cloud: OracleCloud): Promise<void> {
  const config = writeConfig(cloud);
  const start = () => startDaemon(config, ...(cloud.enter as [string]), ...LAUNCHED);
  const [peer, ours] = [await peerOn(cloud), providerOn(cloud, config.credentialsSocket, SHIM)];
  // Before the daemon starts, because its requests count too.
  const requestsOfPeer = await requestsOf(cloud, peer);
  const row = (what: string, ...cells: string[]) => console.log(`| ${[what, ...cells].join(" | ")} |`);
  let daemon = await start();
  try {
    row("", "existing credential provider", "ocir-broker");
    row("---", "---", "---");
    await callAndProbe(cloud, ours);
    row("requests to Oracle per call", requestsOfPeer, await requestsOf(cloud, ours));

    await cloud.control("POST", "/faults", LATENCY);
    await daemon.stop();
    daemon = await start();
    row(`${AT_ONCE} images at once, cold`, await burstOf(cloud, peer), await burstOf(cloud, ours));
    await cloud.control("DELETE", "/faults");

    await cloud.iam({ dynamicGroup: false });
    await daemon.stop();
    daemon = await start();
    const useless = await peer.call();
    if (await isUseful(cloud, await ours.call())) throw new Error("the token is useful without a dynamic group");
    await cloud.iam({ dynamicGroup: true });
    row("dynamic group created late", `useless token, cached for ${useless.cacheDuration}`, await healOf(cloud, ours));
  } finally {
    await daemon.stop();
  }
}

export function writeConfig(cloud: OracleCloud): DaemonConfig {
  const [credentialsSocket, healthSocket] = [join(cloud.directory, "c.sock"), join(cloud.directory, "h.sock")];
  const path = join(cloud.directory, "config.yaml");
  writeFileSync(
    path,
    JSON.stringify({
      sockets: { credentials: credentialsSocket, health: healthSocket },
      registries: { prefetch: [] },
      upstream: { caFile: cloud.env["SSL_CERT_FILE"] },
      metrics: { textfile: join(cloud.directory, "ocir_broker.prom") },
    }),
  );
  return { path, credentialsSocket, healthSocket };
}

/** Its lock file is in the kubelet's folder. */
export async function peerOn(cloud: OracleCloud) {
  await cloud.run(["sh", "-c", "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/kubelet"]);
  const settings = Object.entries({ ...SETTINGS, SSL_CERT_FILE: cloud.env["SSL_CERT_FILE"] });
  const program = join(cloud.directory, "peer");
  const exports = settings.map(([name, value]) => `export ${name}='${value}'\n`).join("");
  writeFileSync(program, `#!/bin/sh\n${exports}exec ${PROGRAM}\n`, { mode: 0o755 });
  return providerOn(cloud, "", program);
}

/** A program as the kubelet starts it, on the machine. */
export function providerOn(cloud: OracleCloud, socket: string, program: string) {
  const env = { OCIR_BROKER_SOCKET: socket };
  return {
    call: async () => JSON.parse(await cloud.run([program], { env, input: REQUEST })) as Response,
    timed: { socket, program },
  };
}

/** The first call for a repository causes a probe in the background, which the next row must not count. */
async function callAndProbe(cloud: OracleCloud, ours: Provider): Promise<void> {
  await cloud.reset();
  await ours.call();
  await until("the probe has ended", async () => ((await countsOf(cloud))["registry.manifest"] ?? 0) > 0);
}

async function requestsOf(cloud: OracleCloud, provider: Provider): Promise<string> {
  await cloud.reset();
  await provider.call();
  return String(Object.values(await countsOf(cloud)).reduce((sum, count) => sum + count, 0));
}

async function countsOf(cloud: OracleCloud): Promise<Readonly<Record<string, number>>> {
  return (await cloud.control("GET", "/requests")) as Readonly<Record<string, number>>;
}

/** One list for each provider; they take turns. */
export async function timedCalls(cloud: OracleCloud, rounds: number, parallel: number, providers: readonly Provider[]) {
  const request = join(cloud.directory, "request.json");
  writeFileSync(request, REQUEST);
  const variants = providers.map(({ timed }) => timed);
  const command = [buildTimer(), ...timerArguments({ rounds, parallel }, request, variants)];
  const calls = runsIn(await cloud.run(command));
  return variants.map((_variant, index) => calls.filter(({ variant }) => variant === index));
}

async function burstOf(cloud: OracleCloud, provider: Provider): Promise<string> {
  const [calls = []] = await timedCalls(cloud, 1, AT_ONCE, [provider]);
  const answered = calls.filter(isAnswered).length;
  return `${answered} get credentials, ${AT_ONCE - answered} fail; ${Math.max(...calls.map(({ ms }) => ms)).toFixed(0)} ms`;
}

async function healOf(cloud: OracleCloud, provider: Provider): Promise<string> {
  const since = performance.now();
  const isHealed = async () => isUseful(cloud, await provider.call());
  await until("the useless token is replaced", isHealed, HEAL_LIMIT_MS, 200);
  return `a useful token after ${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

async function isUseful(cloud: OracleCloud, { auth }: Response): Promise<boolean> {
  const bearer = `Authorization: Bearer ${auth[REGISTRY_HOST]?.password}`;
  const url = `https://${REGISTRY_HOST}/v2/${REPOSITORY}/manifests/1`;
  const flags = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", bearer];
  return !["401", "403"].includes(await cloud.run(["curl", ...flags, url]));
}

const isAnswered = ({ exitCode, bytes }: Call): boolean => exitCode === 0 && bytes > 0;
