/** Difficult starts of the daemon: a faulty configuration, a reload before it is ready, hostile clients. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { BROKER, type DaemonConfig, daemonConfig, SHIM, spawnDaemon, startDaemon } from "../daemon.ts";
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
  const env = { OCIR_BROKER_SOCKET: credentialsSocket };
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

it("a reload asked for while the daemon starts is done once it is up", async () => {
  const { config, directory } = await setUp();
  const next = join(directory, "next.yaml");
  await writeFile(next, readFileSync(config.path, "utf8").replace('"level":"info"', '"level":"debug"'));
  const daemon = spawnDaemon(config);
  onTestFinished(() => daemon.stop());
  // The socket appears after the configuration has been read, and before the daemon can reload it.
  while (!existsSync(config.credentialsSocket)) {
    expect(daemon.process.exitCode).toBeNull();
    await setImmediate();
  }
  renameSync(next, config.path);
  process.kill(daemon.pid, "SIGHUP");
  while (!daemon.output().includes("configuration reloaded")) {
    expect(daemon.process.signalCode).toBeNull();
    await setTimeout(10);
  }
  expect(daemon.output()).toContain('"changed":["log.level"]');
  expect(answerOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
});

it("loads no code that NODE_OPTIONS names", async () => {
  const { directory } = await setUp();
  const [code, mark] = [join(directory, "code.cjs"), join(directory, "loaded")];
  await writeFile(code, `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "")`);
  const env = { NODE_OPTIONS: `--require=${code} --no-such-option` };
  expect(execFileSync(BROKER, ["version"], { env, encoding: "utf8" })).toMatch(/^ocir-broker /);
  expect(existsSync(mark)).toBe(false);
});

it("has no debugger that SIGUSR1 would open", async () => {
  const { config } = await setUp();
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
  expect(BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGUSR1 - 1))).toBe(0n);
  process.kill(daemon.pid, "SIGUSR1");
  expect(answerOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
});
