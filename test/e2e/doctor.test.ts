/** doctor and status as people run them: the built executable, against the built daemon and the simulator. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { identityLines } from "@ocir-broker/oci-simulator/for-tests";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createBrokenNode, IMAGE, PLUGIN, simulateCloud } from "../../packages/doctor/test/broken-node.ts";
import { BROKER, type Daemon, daemonConfig, SHIM, startDaemon } from "../daemon.ts";

const simulator = await simulateCloud();

let daemon: Daemon;
let doctor: (...args: string[]) => ReturnType<typeof callCredentialProvider>;
let status: (...args: string[]) => ReturnType<typeof callCredentialProvider>;

/** A node with the built plugin and the built daemon, which has a token. */
beforeEach(async () => {
  const node = await createBrokenNode(simulator);
  const { metadata, auth, registries } = node.config;
  const [file, folder] = [join(node.root, "etc/ocir-broker/config.yaml"), join(node.root, "run/ocir-broker")];
  node.write("/etc/ocir-broker/config.yaml", JSON.stringify({ metadata, auth, registries }));
  copyFileSync(SHIM, join(node.root, PLUGIN));
  node.remove("/run/ocir-broker");
  mkdirSync(folder);
  const registryHosts = ["iad.ocir.io"];
  const config = daemonConfig(folder, simulator, { registryHosts, prefetch: registryHosts });
  daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  await callCredentialProvider({ path: SHIM, env: { OCIR_BROKER_SOCKET: config.credentialsSocket }, image: IMAGE });
  const runBroker = (...args: string[]) => callCredentialProvider({ path: BROKER, args, stdin: "" });
  doctor = (...args) => runBroker("doctor", "--config", file, "--root", node.root, ...args);
  status = (...args) => runBroker("status", "--config", config.path, ...args);
});

describe("ocir-broker doctor", () => {
  test("finds no problem on a healthy node", async () => {
    const { exitCode, stdout, stderr } = await doctor(IMAGE);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/\nNo problems found\.\n$/);
  });

  test("finishes in time when nothing responds, and lists what it could not check", async () => {
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    const examined = await doctor(IMAGE, "--output", "json");
    expect(examined.exitCode).toBe(1);
    const { findings } = JSON.parse(examined.stdout) as { findings: { name: string }[] };
    const names = findings.map(({ name }) => name);
    expect(names).toContain("metadata-unreachable");
    // A slow machine reaches doctor's time limit before it knows that a check has nothing to check.
    expect(names.filter((name) => name === "not-checked" || name === "out-of-time")).not.toEqual([]);
  });

  test("prints no secret and no OCID, whatever it finds", async () => {
    const seen: string[] = [];
    for (const change of [{ granted: true }, { granted: false }, { dynamicGroup: false }]) {
      simulator.iam(change);
      seen.push((await doctor(IMAGE, "--output", "json")).stdout);
    }
    for (const endpoint of ["metadata.key", "metadata.cert", "auth.x509", "registry.token"] as const) {
      simulator.faults({ endpoint, truncate: true });
      const { stdout, stderr } = await doctor(IMAGE);
      seen.push(stdout, stderr);
      simulator.clearFaults();
    }
    seen.push((await status("--output", "json")).stdout, daemon.output());
    // The rule to paste names the compartment.
    const text = seen.join("\n").replaceAll(/instance\.compartment\.id = 'ocid1\.compartment\.[\w.]+'/g, "");
    const secrets = ["ocid1.", "eyJ", "ST$", "-----BEGIN", ...(await identityLines(simulator))];
    expect(text).toContain("policy-missing");
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });
});

test("ocir-broker status shows session and registry host", async () => {
  const table = await status();
  expect(table).toMatchObject({ exitCode: 0, stderr: "" });
  expect(table.stdout).toMatch(
    /^ocir-broker \S+: ok, up \d+ s, identity instance-principal, region us-ashburn-1\nconfiguration \S+: the whole file is in force\n\n +STATE +AGE +ENDS IN /,
  );
  expect(table.stdout).toMatch(/^iad\.ocir\.io +fresh /m);
  expect(table.stdout).toMatch(/^session +fresh +\d+ s +\d+ min +\d+ (?:s|min) /m);
});
