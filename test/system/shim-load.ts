/**
 * Calls the shim 50 times a second, whether or not earlier calls have ended, until a file exists; runs inside the node. Prints one
 * JSON object, without judging it.
 *
 * usage: node shim-load.ts SHIM IMAGE STOP_FILE
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import type { LoadReport } from "./simulated-node.ts";

const EVERY_MS = 20;

const [path, image, stopFile] = process.argv.slice(2) as [string, string, string];
const registryHost = image.split("/")[0] as string;
const tokens = new Set<string>();
const failures: string[] = [];
const underway: Promise<void>[] = [];

const startedAtMs = performance.now();
while (!existsSync(stopFile)) {
  underway.push(callCredentialProvider({ path, image }).then(note));
  // By a schedule, so that a slow call does not delay others.
  await sleep(Math.max(0, startedAtMs + underway.length * EVERY_MS - performance.now()));
}
await Promise.all(underway);

const report: LoadReport = { calls: underway.length, failures, tokens: [...tokens] };
process.stdout.write(JSON.stringify(report));

function note(result: CredentialProviderResult): void {
  const token = tokenOf(result.stdout);
  if (result.exitCode === 0 && token !== undefined) tokens.add(token);
  else failures.push(`${result.exitCode ?? result.signal} after ${result.elapsedMs.toFixed()} ms: ${result.stderr}`);
}

function tokenOf(response: Buffer): string | undefined {
  try {
    return JSON.parse(response.toString()).auth[registryHost].password;
  } catch {
    return undefined;
  }
}
