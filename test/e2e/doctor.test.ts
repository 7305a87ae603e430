/** doctor and status as people run them: the built executable, against the built daemon and the simulator. */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BROKER, type Daemon, SHIM, startDaemon } from "../daemon.ts";

const IMAGE = "iad.ocir.io/acme/shop/web:latest";

/** Prevents requests to a real metadata service if a configuration does not name one. */
const NO_CLOUD = { OCI_METADATA_BASE_URL: "http://127.0.0.1:1/opc/v2" };

interface HealthyNode {
  readonly simulator: Simulator;
  readonly daemon: Daemon;
  run(...args: string[]): Promise<Run>;
  takeDown(): Promise<void>;
}

interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A tree with a node's files, including the daemon's sockets. */
async function createHealthyNode(): Promise<HealthyNode> {
  const root = mkdtempSync(join(tmpdir(), "ocir-doctor-"));
  const simulator = await startSimulator();
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  const common = {
    registries: { prefetch: ["iad.ocir.io"], endpoints: { "iad.ocir.io": simulator.registryUrl.origin } },
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.origin },
  };
  const sockets = { credentials: "/run/ocir-broker/credentials.sock", health: "/run/ocir-broker/health.sock" };
  const [credentialsSocket, healthSocket] = [join(root, sockets.credentials), join(root, sockets.health)];
  write("/etc/ocir-broker/config.yaml", JSON.stringify({ ...common, sockets }));
  write(
    "/daemon.yaml",
    JSON.stringify({ ...common, sockets: { credentials: credentialsSocket, health: healthSocket } }),
  );
  mkdirSync(dirname(credentialsSocket), { recursive: true });
  write(
    "/proc/77/cmdline",
    [
      "/usr/bin/kubelet",
      "--image-credential-provider-config=/etc/kubernetes/credential-provider-config.yaml",
      "--image-credential-provider-bin-dir=/usr/local/bin",
      "",
    ].join("\0"),
  );
  write("/proc/77/cgroup", "0::/system.slice/kubelet.service\n");
  symlinkSync("../../usr/bin/kubelet", join(root, "/proc/77/exe"));
  write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.34.2\n", 0o755);
  write(
    "/etc/kubernetes/credential-provider-config.yaml",
    `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: "0s"
`,
  );
  mkdirSync(join(root, "/usr/local/bin"), { recursive: true });
  copyFileSync(SHIM, join(root, "/usr/local/bin/credential-provider-oke"));
  const daemon = await startDaemon({ path: join(root, "daemon.yaml"), credentialsSocket, healthSocket });
  while (!(await isReady(healthSocket))) await sleep(20);
  const config = ["--config", join(root, "/etc/ocir-broker/config.yaml")];
  return {
    simulator,
    daemon,
    run: (command, ...args) =>
      command === "doctor"
        ? runBroker("doctor", ...config, "--root", root, ...args)
        : runBroker(command as string, "--config", join(root, "daemon.yaml"), ...args),
    async takeDown() {
      await daemon.stop();
      await simulator.close();
      rmSync(root, { recursive: true });
    },
  };
}

async function isReady(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ socketPath, path: "/readyz" }, (response) => resolve(response.resume().statusCode === 200));
  return promise;
}

function runBroker(...args: string[]): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  const child = spawn(BROKER, args, { env: NO_CLOUD, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => {
    stdout += piece;
    // Ends `--watch` after enough output.
    if (args.includes("--watch") && stdout.split("\nsession ").length > 2) child.kill();
  });
  child.stderr.on("data", (piece: Buffer) => {
    stderr += piece;
  });
  child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  return promise;
}

interface Finding {
  readonly name: string;
  readonly verdict: string;
  readonly evidence: string;
  readonly fix?: string;
}

const findingsOf = ({ stdout }: Run): Finding[] => (JSON.parse(stdout) as { findings: Finding[] }).findings;

/** Shared by all tests, because creating it takes longer than most of them. */
let node: HealthyNode;

beforeAll(async () => {
  node = await createHealthyNode();
}, 30_000);

beforeEach(() => node.simulator.reset());

afterAll(() => node.takeDown());

describe("ocir-broker doctor", () => {
  test("finds a healthy node all green", async () => {
    const { run } = node;
    const examined = await run("doctor", IMAGE, "--output", "json");
    expect(findingsOf(examined).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(examined.exitCode).toBe(0);
    const text = await run("doctor");
    expect(text).toMatchObject({ exitCode: 0, stderr: "" });
    expect(text.stdout).toMatch(/\nAll is well\.\n$/);
  });

  test("ends in time when nothing answers, and says what it could not check", async () => {
    const { run, simulator } = node;
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    const examined = await run("doctor", IMAGE, "--output", "json");
    expect(examined.exitCode).toBe(1);
    const names = findingsOf(examined).map(({ name }) => name);
    expect(names).toContain("metadata-unreachable");
    // A slow machine reaches doctor's time limit before it knows that a check has nothing to check.
    expect(names.filter((name) => name === "not-checked" || name === "out-of-time")).not.toEqual([]);
  });

  test("prints no secret and no OCID, whatever it finds", async () => {
    const { run, simulator, daemon } = node;
    const seen: string[] = [];
    for (const change of [{ granted: true }, { granted: false }, { dynamicGroup: false }]) {
      simulator.iam(change);
      seen.push((await run("doctor", IMAGE, "--output", "json")).stdout);
    }
    for (const endpoint of ["metadata.key", "metadata.cert", "auth.x509", "registry.token"] as const) {
      simulator.faults({ endpoint, truncate: true });
      const { stdout, stderr } = await run("doctor", IMAGE);
      seen.push(stdout, stderr);
      simulator.clearFaults();
    }
    seen.push((await run("status", "--output", "json")).stdout, daemon.output());
    const text = seen.join("\n");
    const headers = { authorization: "Bearer Oracle" };
    const key = await (await fetch(`${simulator.metadataUrl}/identity/key.pem`, { headers })).text();
    const secrets = ["ocid1.", "eyJ", "ST$", "-----BEGIN", ...key.split("\n").filter((line) => line.length >= 40)];
    expect(text).toContain("policy-missing");
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });
});

describe("ocir-broker status", () => {
  test("shows session and registry host, as a table, JSON, YAML, and again and again with --watch", async () => {
    const { run } = node;
    const table = await run("status");
    expect(table).toMatchObject({ exitCode: 0, stderr: "" });
    expect(table.stdout).toMatch(
      /^ocir-broker \S+: ok, up \d+ s, identity instance-principal, region us-ashburn-1\nconfiguration \S+: the whole file is in force\n\n +STATE +AGE +ENDS IN /,
    );
    expect(table.stdout).toMatch(/^iad\.ocir\.io +fresh /m);
    expect(table.stdout).toMatch(/^session +fresh +\d+ s +\d+ min +\d+ (?:s|min) /m);
    expect(JSON.parse((await run("status", "--output", "json")).stdout)).toMatchObject({ status: "ok" });
    expect((await run("status", "--output", "yaml")).stdout).toMatch(/^status: ok\n/);
    const { stdout } = await run("status", "--watch");
    expect(stdout.match(/^ocir-broker /gm)?.length).toBeGreaterThanOrEqual(2);
  });
});
