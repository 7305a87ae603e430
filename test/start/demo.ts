/**
 * The demo of `npm start`: a simulator of Oracle's cloud, the daemon and the shim on this machine. It calls the shim exactly as
 * the kubelet does, and prints the responses with their times.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { BROKER, daemonConfig, SHIM, startDaemon } from "../daemon.ts";
import { pull } from "./pull.ts";

/** About the time of one request to Oracle's services from inside a region. */
const UPSTREAM_LATENCY_MS = 40;

/** Shorter than the hour of Oracle's tokens, so that a renewal is due, and an outage visible, within a minute. */
const TOKEN_LIFE_MS = 90_000;

const IMAGES = [
  "icn.ocir.io/acme/shop/web",
  "us-ashburn-1.ocir.io/acme/shop/api",
  "ocir.eu-frankfurt-1.oci.oraclecloud.com/acme/shop/db",
  "registry.k8s.io/pause",
];

const stays = process.argv.includes("--stay");
const directory = temporaryFolder();
const simulator = await startSimulator({ latencyMs: UPSTREAM_LATENCY_MS, tokenLifeMs: TOKEN_LIFE_MS });
const config = daemonConfig(directory, simulator, { registryHosts: IMAGES.slice(0, 3).map(registryHostOf) });
const daemon = await startDaemon(config);
let exitCode = 0;

try {
  say("A pull, end to end: kubelet's request → shim → Unix socket → daemon → (simulated) Oracle cloud → response");
  say(
    `Every request to the simulated cloud takes ${UPSTREAM_LATENCY_MS} ms. The daemon has just started, and its cache is empty.`,
  );
  say(
    "Each time includes some milliseconds for starting a process from this demo; npm run bench measures without them.\n",
  );
  for (const image of IMAGES) await show(image);
  await showPull();
  showHealth();
  showWhatNext();
  if (stays) await untilInterrupted();
} finally {
  await daemon.stop();
  await simulator.close();
  rmSync(directory, { recursive: true });
}
process.exit(exitCode);

async function show(image: string): Promise<void> {
  const cold = await callAndCount(image);
  const warm = await callAndCount(image);
  say(`${image}`);
  say(`  first call  ${describe(cold)}`);
  say(`  again       ${describe(warm)}`);
  if (cold.result.exitCode !== 0) {
    exitCode = 1;
    return say(`  refused     ${cold.result.stderr}`);
  }
  const response = JSON.parse(cold.result.stdout.toString()) as {
    auth: Record<string, { username: string; password: string }>;
  };
  const entries = Object.entries(response.auth);
  if (entries.length === 0)
    say("  response    no credentials: this is not Oracle's registry, so the kubelet pulls without them");
  for (const [key, { username, password }] of entries) {
    say(
      `  response    ${key} → ${username === "" ? "anonymous, for public images" : `${username} / ${shortened(password)}`}`,
    );
  }
  say("");
}

/** The pull itself, then one that no policy allows, with doctor's reason. */
async function showPull(): Promise<void> {
  const image = IMAGES[0] as string;
  const repository = image.slice(image.indexOf("/") + 1);
  const { result } = await callAndCount(image);
  const { auth } = JSON.parse(result.stdout.toString()) as { auth: Record<string, { password: string }> };
  const { password = "" } = auth[registryHostOf(image)] ?? {};
  const source = { registryUrl: simulator.registryUrl, repository, password };
  const refusal = await pull(source);
  say(`The pull of ${image} with this response`);
  say(`  ${refusal === undefined ? "pulled" : `failed: ${refusal}`}`);
  simulator.iam({ repository, granted: false });
  const denial = await pull(source);
  say("The same without a policy for the repository");
  say(`  ${denial === undefined ? "pulled, which is wrong" : `failed: ${denial}`}`);
  const problem = await problemOf(image);
  say(problem);
  simulator.iam({ repository, granted: true });
  if (refusal !== undefined || denial === undefined || !problem.includes("policy-missing")) exitCode = 1;
}

/** Doctor's command line and the last part of its report. There is no kubelet here, so only identity and registry are examined. */
async function problemOf(image: string): Promise<string> {
  const args = ["doctor", "--identity", "instance-principal", "--config", config.path, image];
  const { stdout } = await callCredentialProvider({ path: BROKER, args, stdin: "" });
  const report = stdout.toString();
  const problem = report.slice(Math.max(0, report.indexOf("PROBLEM"))).replace(/^(?=.)/gm, "  ");
  return `  $ ${BROKER} ${args.join(" ")}${stays ? "" : "   (its files are removed at the end)"}\n${problem}`;
}

interface CountedCall {
  readonly result: CredentialProviderResult;
  readonly upstreamRequests: number;
}

async function callAndCount(image: string): Promise<CountedCall> {
  const before = upstreamRequests(simulator);
  const result = await callCredentialProvider({
    path: SHIM,
    env: { OCIR_BROKER_SOCKET: config.credentialsSocket },
    image,
  });
  return { result, upstreamRequests: upstreamRequests(simulator) - before };
}

/** Requests that pulls cause, without the background probe that checks whether a repository is readable. */
function upstreamRequests(from: Simulator): number {
  return Object.entries(from.requests())
    .filter(([endpoint]) => endpoint !== "registry.manifest")
    .reduce((sum, [, count]) => sum + count, 0);
}

function describe({ result, upstreamRequests }: CountedCall): string {
  const time = `${result.elapsedMs.toFixed(1)} ms`.padStart(9);
  return `${time}  exit ${result.exitCode}  ${upstreamRequests} upstream request${upstreamRequests === 1 ? "" : "s"}`;
}

function showHealth(): void {
  const curl = spawnSync("curl", ["-sS", "--unix-socket", config.healthSocket, "http://localhost/healthz"]);
  say(`$ curl --unix-socket ${config.healthSocket} http://localhost/healthz`);
  say(curl.error ? "(curl is not installed here)" : curl.stdout.toString().trim());
  if (curl.error === undefined && curl.status !== 0) exitCode = 1;
}

function showWhatNext(): void {
  const request = join(directory, "request.json");
  writeFileSync(
    request,
    '{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"icn.ocir.io/acme/shop/web"}\n',
  );
  say("\nWhat to try next:");
  if (!stays) {
    say("  npm start -- --stay     keeps everything running and prints commands to try");
    say("  npm test                runs the tests; npm run bench measures the speed");
    return;
  }
  const { controlUrl } = simulator;
  say(`  a pull as the kubelet asks:   OCIR_BROKER_SOCKET=${config.credentialsSocket} ${SHIM} < ${request}`);
  say(
    `  the same with curl:           curl --unix-socket ${config.credentialsSocket} -d @${request} http://localhost/v1/credentials`,
  );
  say(`  the broker's state:           curl --unix-socket ${config.healthSocket} http://localhost/status`);
  say(`  its metrics:                  curl --unix-socket ${config.healthSocket} http://localhost/metrics`);
  say(`  requests to the cloud:        curl ${controlUrl}requests`);
  say(`  its tokens, as a table:       ${BROKER} status --config ${config.path}`);
  say("  deny a repository and see why its pull fails:");
  say(`                                curl -d '{"granted":false,"repository":"acme/new"}' ${controlUrl}iam`);
  say(
    `                                ${BROKER} doctor --identity instance-principal --config ${config.path} icn.ocir.io/acme/new`,
  );
  say(
    "  break the token endpoint: pulls still get the token from memory until it expires, and status shows the failure within a minute (tokens live 90 s here):",
  );
  say(`                                curl -d '{"endpoint":"registry.token","status":503}' ${controlUrl}faults`);
  say(`  repair all, within a minute:  curl -X POST ${controlUrl}reset`);
  say("\nStop it with Ctrl-C.");
}

function untilInterrupted(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const heartbeat = setInterval(() => {}, 60_000);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      clearInterval(heartbeat);
      resolve();
    });
  }
  return promise;
}

function registryHostOf(image: string): string {
  return image.slice(0, image.indexOf("/"));
}

function shortened(token: string): string {
  return `${token.slice(0, 12)}…${token.slice(-4)} (${token.length} characters)`;
}

function say(line: string): void {
  console.log(line);
}
