/** A daemon that starts at a bad moment: with a faulty configuration, or asked to reload before it is up. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { appendFile, open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { type DaemonConfig, daemonConfig, SHIM, spawnDaemon, startDaemon } from "../daemon.ts";
import { answerOf } from "./stage.ts";

const HOST = "icn.ocir.io";

async function setUp(): Promise<{ simulator: Simulator; config: DaemonConfig; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-e2e-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  return { simulator, config: daemonConfig(directory, simulator, { registryHosts: [HOST] }), directory };
}

function call({ credentialsSocket }: DaemonConfig) {
  const env = { OCIR_BROKER_SOCKET: credentialsSocket, OCIR_BROKER_FALLBACK: "" };
  return callCredentialProvider({ path: SHIM, env, image: `${HOST}/acme/app` });
}

it("pulls go on where the configuration has faults: the rest of it is in force, and the log names each", async () => {
  const { config } = await setUp();
  const text = readFileSync(config.path, "utf8");
  await writeFile(config.path, text.replace('"level":"info"', '"level":"loud","colour":"red"'));
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  expect(answerOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
  expect(daemon.output()).toMatch(/"level":"error".*log\.level: must be .*log\.colour: unknown key/);
});

it("a reload asked for while the daemon still reads its configuration is done once it is up", async () => {
  const { config, directory } = await setUp();
  const text = readFileSync(config.path, "utf8");
  // Whoever opens it to write is let in when the daemon has opened it to read.
  const fifo = join(directory, "config.fifo");
  execFileSync("mkfifo", [fifo]);
  const daemon = spawnDaemon({ ...config, path: fifo });
  onTestFinished(() => daemon.stop());
  const writing = await open(fifo, "w");
  process.kill(daemon.pid, "SIGHUP");
  await writing.appendFile(text);
  await writing.close();
  await appendFile(fifo, text.replace('"level":"info"', '"level":"debug"'));
  while (!daemon.output().includes("configuration reloaded")) {
    expect(daemon.process.signalCode).toBeNull();
    await sleep(10);
  }
  expect(daemon.output()).toContain('"changed":["log.level"]');
  expect(answerOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
});
