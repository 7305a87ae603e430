/**
 * The part of a kubelet that handles credential providers, for a test node: it starts only with both flags or none, and with a
 * configuration that its rules accept, which it reads once. Then it calls the provider for one image 25 times a second, as for a pull.
 * REPORT has the results.
 *
 * usage: kubelet [--image-credential-provider-config FILE --image-credential-provider-bin-dir DIRECTORY], in either form
 */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { parse } from "yaml";
import { BROKER, checkArguments, flagIn, type KubeletReport, REPORT } from "./running-kubelet.ts";

const IMAGE = "us-ashburn-1.ocir.io/tenancy/app";
const EVERY_MS = 40;

const config = flagIn(process.argv, "--image-credential-provider-config");
const binDir = flagIn(process.argv, "--image-credential-provider-bin-dir");
const report: KubeletReport = { earlier: 0, ours: 0, none: 0, failures: [] };

const entry = config === undefined && binDir === undefined ? undefined : readEntry(config, binDir);
createServer((_, response) => response.end("ok")).listen(10_248, "127.0.0.1");
if (entry !== undefined) await pull(join(binDir ?? "", entry.name), entry);
await sleep(2 ** 31 - 1);

interface Provider {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}

async function pull(path: string, { args = [], env = [] }: Provider): Promise<never> {
  const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  const startedAtMs = performance.now();
  for (let calls = 1; ; calls += 1) {
    callCredentialProvider({ path, args, image: IMAGE, env: variables }).then(
      ({ exitCode, stdout, stderr }) => note(exitCode === 0 ? stdout : "", stderr),
      (error: Error) => note("", error.message),
    );
    // By a schedule, so that a slow call does not delay others.
    await sleep(Math.max(0, startedAtMs + calls * EVERY_MS - performance.now()));
  }
}

function note(response: string, problem: string): void {
  if (response.includes("the earlier provider's")) report.earlier += 1;
  else if (/"password":"ey[^"]*\./.test(response)) report.ours += 1;
  else if (/"auth":\s*\{\}/.test(response)) report.none += 1;
  else report.failures.push(`${response}${problem}`);
  writeFileSync(`${REPORT}.new`, JSON.stringify(report));
  renameSync(`${REPORT}.new`, REPORT);
}

/** Ours, if there is one. */
function readEntry(config: string | undefined, binDir: string | undefined): Provider | undefined {
  if (config === undefined || binDir === undefined) return end("only one of the two flags is given");
  const version = readFileSync("/etc/kubelet-version", "utf8");
  const { status, stdout, stderr } = spawnSync(BROKER, checkArguments(config, binDir, version), { encoding: "utf8" });
  if (status !== 0) return end(`${stdout}${stderr}`);
  const providers: Provider[] = textsIn(config).flatMap((text) => parse(text).providers);
  return providers.find(({ name }) => name === PLUGIN_NAME);
}

function end(reason: string): never {
  process.stderr.write(`Failed to register CRI auth plugins: ${reason}\n`);
  process.exit(1);
}

function textsIn(path: string): string[] {
  const names = statSync(path).isDirectory() ? readdirSync(path).filter((name) => /\.(json|ya?ml)$/.test(name)) : [""];
  return names.map((name) => readFileSync(join(path, name), "utf8"));
}
