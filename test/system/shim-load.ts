/**
 * Calls the shim 50 times a second, whether or not earlier calls have ended, until a file exists; runs inside the node. Prints one
 * JSON object, without judging it.
 *
 * usage: node shim-load.ts SHIM IMAGE STOP_FILE [TOKEN_FILE]   TOKEN_FILE: of a service account, for every second call
 */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import type { LoadReport } from "./simulated-node.ts";

const EVERY_MS = 20;

const [path, image, stopFile, tokenFile] = process.argv.slice(2) as [string, string, string, string?];
const serviceAccountToken = tokenFile === undefined ? undefined : readFileSync(tokenFile, "utf8");
const registryHost = image.split("/")[0] as string;
const tokens = new Set<string>();
const failures: string[] = [];
const underway: Promise<void>[] = [];

const startedAtMs = performance.now();
while (!existsSync(stopFile)) {
  const isOfAccount = serviceAccountToken !== undefined && underway.length % 2 === 1;
  const call = isOfAccount ? { path: `${path}-sa`, image, serviceAccountToken } : { path, image };
  underway.push(callCredentialProvider(call).then(note));
  // By a schedule, so that a slow call does not delay others.
  await sleep(Math.max(0, startedAtMs + underway.length * EVERY_MS - performance.now()));
}
await Promise.all(underway);

const report: LoadReport = { calls: underway.length, failures, tokens: [...tokens] };
process.stdout.write(JSON.stringify(report));

function note(result: CredentialProviderResult): void {
  const token = tokenOf(result.stdout);
  if (result.exitCode === 0 && result.stderr === "" && token) tokens.add(token);
  else failures.push(`${result.exitCode ?? result.signal} after ${result.elapsedMs.toFixed()} ms: ${result.stderr}`);
}

function tokenOf(response: string): string | undefined {
  try {
    return JSON.parse(response).auth[registryHost].password;
  } catch {
    return undefined;
  }
}
