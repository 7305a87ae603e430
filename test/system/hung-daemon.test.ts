/**
 * A daemon that does not answer, under a real systemd: it is ended by the watchdog, and no call fails; if its unit cannot start, the
 * shim gives up with one line. No busy machine makes the watchdog end a daemon that works.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@ocir-broker/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isLongRun } from "./long-run.ts";
import { bootSimulatedNode, dropIn, IMAGE, NODE, REGISTRY_HOST, SERVICE, SHIM, underLoad } from "./simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "./systemd-root/index.ts";

const skipped = canBootSystemd();
const SOCKET = "ocir-broker.socket";
/** The watchdog's 15 s, and a start. */
const REPLACED_WITHIN_MS = 30_000;
const BUSY_LOOPS = 8;
const BUSY_MS = isLongRun ? 600_000 : 45_000;
const REQUEST = JSON.stringify({
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderRequest",
  image: IMAGE,
});

/** Uses up the descriptors of the process in its argument, apart from the one with which libuv refuses connections. */
const EXHAUST = `
  import { leaveDescriptors } from "/opt/checkout/test/system/descriptors.ts";
  process.exit(leaveDescriptors(Number(process.argv[1]), 0) ? 0 : 1);`;

describe.skipIf(skipped !== undefined)(`a daemon that hangs${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  let root: SystemdRoot;

  beforeAll(async () => {
    root = await bootSimulatedNode({ logLevel: "info" });
  });

  afterAll(async () => {
    await root?.powerOff();
  });

  beforeEach(async () => {
    // Ends the count of starts, of which systemd permits the socket five in ten seconds.
    await root.run("systemctl", ["reset-failed"]);
    await root.run("systemctl", ["start", SOCKET, SERVICE]);
    await root.run(SHIM, [], { input: REQUEST });
  });

  const mainPid = () => root.property(SERVICE, "MainPID");

  async function untilReplaced(before: string): Promise<void> {
    await until("another process runs", async () => !["0", before].includes(await mainPid()), REPLACED_WITHIN_MS);
  }

  it.each([
    ["stopped by SIGSTOP", async (pid: string) => void (await root.run("kill", ["-STOP", pid]))],
    [
      "out of descriptors",
      async (pid: string) => void (await root.run(NODE, ["--input-type=module", "--eval", EXHAUST, pid])),
    ],
  ])("is replaced if it is %s, and none of 50 calls a second fails", { timeout: 180_000 }, async (_what, hang) => {
    const before = await mainPid();
    const report = await underLoad(root, async () => {
      await sleep(1_000);
      await hang(before);
      await untilReplaced(before);
      await sleep(1_000);
    });
    expect(report.failures).toEqual([]);
    expect(report.tokens).toHaveLength(1);
    console.info(`${report.calls} calls, all up to ${report.maxMs.toFixed()} ms`);
    expect(await root.journal(SERVICE)).toMatch(/Watchdog timeout[\s\S]*status=9\/KILL/);
  });

  it("fails no call while its socket unit is restarted five times", { timeout: 120_000 }, async () => {
    const report = await underLoad(root, async () => {
      for (let time = 0; time < 5; time += 1) {
        await root.run("systemctl", ["restart", SOCKET]);
        await sleep(1_000);
      }
    });
    expect(report.failures).toEqual([]);
  });

  it("with its socket stopped, the call ends with what to start", async () => {
    await root.run("systemctl", ["stop", SOCKET, SERVICE]);
    const { exitCode, stdout, stderr } = await root.exec(SHIM, [], { input: REQUEST });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^ocir-broker: shim-socket-missing: [ -~]+: systemctl enable --now ocir-broker\.socket\n?$/);
  });

  it.each([
    ["217/USER", "[Service]\nDynamicUser=no\nUser=ocir-broker-nobody\n"],
    ["226/NAMESPACE", "[Service]\nReadWritePaths=/nowhere\n"],
    ["203/EXEC", "[Service]\nExecStart=\nExecStart=/bin/false\n"],
  ])("whose unit ends with %s leaves the call one line, and works once repaired", async (status, text) => {
    const broken = dropIn(SERVICE, "broken", text);
    root.write(broken.to, broken.from.text);
    try {
      await root.run("systemctl", ["daemon-reload"]);
      await root.run("systemctl", ["restart", "--no-block", SERVICE]);
      const { exitCode, signal, stdout, stderr } = await root.exec(SHIM, [], { input: REQUEST });
      expect({ exitCode, signal, stdout }).toEqual({ exitCode: 1, signal: null, stdout: "" });
      expect(stderr).toMatch(/^ocir-broker: shim-timeout: [ -~]+; [ -~]+ systemctl status [ -~]+\n?$/);
      expect(await root.journal(SERVICE)).toContain(`status=${status}`);
    } finally {
      // No stop: a call in the backlog starts the service again, which cancels the stop.
      await root.run("rm", [broken.to]);
      await root.run("systemctl", ["daemon-reload"]);
    }
    const answer = JSON.parse(await root.run(SHIM, [], { input: REQUEST }));
    expect(answer.auth[REGISTRY_HOST]?.password).toMatch(/\./);
  });

  it(`is not taken for one beside ${BUSY_LOOPS} busy loops`, { timeout: BUSY_MS + 60_000 }, async () => {
    const before = await mainPid();
    const loops = Array.from({ length: BUSY_LOOPS }, () =>
      root.exec("sh", ["-c", "while :; do :; done"], { timeoutMs: BUSY_MS }),
    );
    await Promise.all(loops);
    expect(await mainPid()).toBe(before);
    expect(JSON.parse(await root.run(SHIM, [], { input: REQUEST })).auth).toHaveProperty([REGISTRY_HOST]);
  });
});
