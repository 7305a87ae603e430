/**
 * The demo of `npm start`: a simulator of Oracle's cloud, the daemon and the shim on this machine. It calls the shim exactly as
 * the kubelet does, and prints the responses with their times.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider, credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { BROKER, daemonConfig, SHIM, startDaemon } from "../daemon.ts";

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

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

const stays = process.argv.includes("--stay");
const directory = temporaryFolder();
const simulator = await startSimulator({ latencyMs: UPSTREAM_LATENCY_MS, tokenLifeMs: TOKEN_LIFE_MS });
const config = daemonConfig(directory, simulator, { registryHosts: IMAGES.slice(0, 3).map(registryHostOf) });
const daemon = await startDaemon(config);
let exitCode = 0;

try {
  say(`A pull, end to end: kubelet's request → shim → Unix socket → daemon → (simulated) Oracle cloud → response
Every request to the simulated cloud takes ${UPSTREAM_LATENCY_MS} ms. The daemon has just started, and its cache is empty.
Each time includes some milliseconds for starting a process from this demo; npm run bench measures without them.
`);
  for (const image of IMAGES) await show(image);
  await showPull();
  showHealth();
  showWhatNext();
  if (stays) await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal)));
} finally {
  await daemon.stop();
  await simulator.close();
  rmSync(directory, { recursive: true });
}
process.exit(exitCode);

async function show(image: string): Promise<void> {
  say(image);
  const { exitCode: status, stdout, stderr } = await callAndCount(image, "first call");
  await callAndCount(image, "again");
  if (status !== 0) {
    exitCode = 1;
    return say(`  refused     ${stderr}`);
  }
  const entries = Object.entries(authIn(stdout));
  if (entries.length === 0)
    say("  response    no credentials: this is not Oracle's registry, so the kubelet pulls without them");
  for (const [key, { username, password }] of entries) {
    const shown = username === "" ? "anonymous, for public images" : `${username} / ${shortened(password)}`;
    say(`  response    ${key} → ${shown}`);
  }
  say("");
}

function authIn(response: string): Record<string, { username: string; password: string }> {
  return JSON.parse(response).auth;
}

/** The pull itself, then one that no policy allows, with doctor's reason. */
async function showPull(): Promise<void> {
  const image = IMAGES[0] as string;
  const repository = image.slice(image.indexOf("/") + 1);
  const { stdout } = await call(image);
  const { password = "" } = authIn(stdout)[registryHostOf(image)] ?? {};
  const refusal = await pull(repository, password);
  say(`The pull of ${image} with this response`);
  say(`  ${refusal === undefined ? "pulled" : `failed: ${refusal}`}`);
  simulator.iam({ repository, granted: false });
  const denial = await pull(repository, password);
  say("The same without a policy for the repository");
  say(`  ${denial === undefined ? "pulled, which is wrong" : `failed: ${denial}`}`);
  const problem = await problemOf(image);
  say(problem);
  simulator.iam({ repository, granted: true });
  if (refusal !== undefined || denial === undefined || !problem.includes("policy-missing")) exitCode = 1;
}

/** As a container runtime does: the manifest, then the layer. @returns what the registry said if it refused the pull. */
async function pull(repository: string, password: string): Promise<string | undefined> {
  const get = (path: string) =>
    fetch(new URL(`/v2/${repository}/${path}`, simulator.registryUrl), {
      headers: { authorization: `Bearer ${password}`, accept: MANIFEST_TYPE },
    });
  let response = await get("manifests/latest");
  if (response.status === 200) {
    const { layers } = (await response.json()) as { layers: readonly [{ digest: string }] };
    response = await get(`blobs/${layers[0].digest}`);
  }
  if (response.status === 200) return undefined;
  const { errors } = (await response.json()) as { errors: readonly [{ message: string }] };
  return `status ${response.status}: ${errors[0].message}`;
}

/** Doctor's command line and the last part of its report. There is no kubelet here, so only identity and registry are examined. */
async function problemOf(image: string): Promise<string> {
  const args = ["doctor", "--identity", "instance-principal", "--config", config.path, image];
  const { stdout: report } = await callCredentialProvider({ path: BROKER, args, stdin: "" });
  const problem = report.slice(Math.max(0, report.indexOf("PROBLEM"))).replace(/^(?=.)/gm, "  ");
  return `  $ ${BROKER} ${args.join(" ")}${stays ? "" : "   (its files are removed at the end)"}\n${problem}`;
}

function call(image: string) {
  return callCredentialProvider({ path: SHIM, env: { OCIR_BROKER_SOCKET: config.credentialsSocket }, image });
}

async function callAndCount(image: string, title: string) {
  const before = upstreamRequests();
  const result = await call(image);
  const count = upstreamRequests() - before;
  const time = `${result.elapsedMs.toFixed(1)} ms`.padStart(9);
  say(`  ${title.padEnd(10)}  ${time}  exit ${result.exitCode}  ${count} upstream request${count === 1 ? "" : "s"}`);
  return result;
}

/** Requests that pulls cause, without the background probe that checks whether a repository is readable. */
function upstreamRequests(): number {
  return Object.entries(simulator.requests())
    .filter(([endpoint]) => endpoint !== "registry.manifest")
    .reduce((sum, [, count]) => sum + count, 0);
}

function showHealth(): void {
  const curl = spawnSync("curl", ["-sS", "--unix-socket", config.healthSocket, "http://localhost/healthz"]);
  say(
    `$ curl --unix-socket ${config.healthSocket} http://localhost/healthz   (tokens live ${TOKEN_LIFE_MS / 1_000} s here)`,
  );
  say(curl.error ? "(curl is not installed here)" : curl.stdout.toString().trim());
  if (curl.error === undefined && curl.status !== 0) exitCode = 1;
}

function showWhatNext(): void {
  if (!stays) {
    say(`
What to try next:
  npm start -- --stay     keeps everything running and prints commands to try
  npm test                runs the tests; npm run bench measures the speed`);
    return;
  }
  const { controlUrl } = simulator;
  const { path, credentialsSocket: socket, healthSocket } = config;
  const request = join(directory, "request.json");
  writeFileSync(request, credentialProviderRequest({ image: "icn.ocir.io/acme/shop/web" }));
  say(`
What to try next:
  a pull as the kubelet asks:   OCIR_BROKER_SOCKET=${socket} ${SHIM} < ${request}
  the same with curl:           curl --unix-socket ${socket} -d @${request} http://localhost/v1/credentials
  the broker's state:           curl --unix-socket ${healthSocket} http://localhost/status
  its metrics:                  curl --unix-socket ${healthSocket} http://localhost/metrics
  requests to the cloud:        curl ${controlUrl}requests
  its tokens, as a table:       ${BROKER} status --config ${path}
  deny a repository and see why its pull fails:
                                curl -d '{"granted":false,"repository":"acme/new"}' ${controlUrl}iam
                                ${BROKER} doctor --identity instance-principal --config ${path} icn.ocir.io/acme/new
  break the token endpoint: pulls still get the token from memory until it expires, and status shows the failure within
  a minute:
                                curl -d '{"endpoint":"registry.token","status":503}' ${controlUrl}faults
  repair all, within a minute:  curl -X POST ${controlUrl}reset

Stop it with Ctrl-C.`);
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
