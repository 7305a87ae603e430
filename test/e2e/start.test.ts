/** Difficult starts of the daemon: an invalid configuration, and an environment of others. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";
import { BROKER, type DaemonConfig, daemonConfig, SHIM, startDaemon } from "../daemon.ts";
import { responseOf } from "./stage.ts";

const HOST = "icn.ocir.io";

const simulator = await sharedSimulator();

const configured = () => daemonConfig(temporaryFolder(), simulator, { registryHosts: [HOST] });

function call({ credentialsSocket }: DaemonConfig) {
  const env = { OCIR_BROKER_SOCKET: credentialsSocket };
  return callCredentialProvider({ path: SHIM, env, image: `${HOST}/acme/app` });
}

it("pulls continue when the configuration has errors: valid settings apply, and the log names each error", async () => {
  const config = configured();
  const text = readFileSync(config.path, "utf8");
  writeFileSync(config.path, text.replace('"level":"info"', '"level":"loud","colour":"red"'));
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  expect(responseOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
  expect(daemon.output()).toMatch(/"level":"error".*log\.level: must be .*log\.colour: unknown key/);
});

it("ocir-broker loads no code that NODE_OPTIONS names", async () => {
  const directory = temporaryFolder();
  const [code, mark] = [join(directory, "code.cjs"), join(directory, "loaded")];
  writeFileSync(code, `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "")`);
  const env = { NODE_OPTIONS: `--require=${code} --no-such-option` };
  expect(execFileSync(BROKER, ["version"], { env, encoding: "utf8" })).toMatch(/^ocir-broker /);
  expect(existsSync(mark)).toBe(false);
});

it("the daemon opens no debugger on SIGUSR1", async () => {
  const config = configured();
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
  expect(BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGUSR1 - 1))).toBe(0n);
  process.kill(daemon.pid, "SIGUSR1");
  expect(responseOf(await call(config)).auth[HOST]?.password).toMatch(/\./);
});
