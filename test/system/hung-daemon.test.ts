/**
 * A daemon that does not answer, under a real systemd: it is ended by the watchdog, and no call fails; if its unit cannot start, the
 * shim gives up with one line. A busy machine does not make the watchdog end a daemon that works.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { isLongRun } from "./long-run.ts";
import { bootSimulatedNode, dropIn, IMAGE, REGISTRY_HOST, SERVICE, SHIM, underLoad } from "./simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "./systemd-root/index.ts";

const SOCKET = "ocir-broker.socket";
/** The watchdog's 15 s, and a start. */
const REPLACED_WITHIN_MS = 30_000;
const BUSY_LOOPS = 8;
const BUSY_MS = isLongRun ? 600_000 : 45_000;
/** How a unit cannot start: systemd's status, and what in the unit causes it. Each takes 20 s. */
const BROKEN_UNITS: [status: string, lines: string][] = [
  ["217/USER", "DynamicUser=no\nUser=ocir-broker-nobody"],
  ["226/NAMESPACE", "ReadWritePaths=/nowhere"],
  ["203/EXEC", "ExecStart=\nExecStart=/bin/false"],
];
const TRIED_UNITS = isLongRun ? BROKEN_UNITS : BROKEN_UNITS.slice(0, 1);
const REQUEST = credentialProviderRequest({ image: IMAGE });

/** Permits a process no descriptor besides those that are open: the limit is on their numbers. */
const EXHAUST = "fd=0; while [ -L /proc/$0/fd/$fd ]; do fd=$((fd + 1)); done; prlimit --pid $0 --nofile=$fd:";

describeUnless(canBootSystemd(), "a daemon that hangs", () => {
  let root: SystemdRoot;

  beforeAll(async () => {
    root = await bootSimulatedNode();
    return () => root.powerOff();
  });

  beforeEach(async () => {
    // Ends the count of starts, of which systemd permits the socket five in ten seconds.
    await root.run("systemctl", ["reset-failed"]);
    await root.run("systemctl", ["start", SOCKET, SERVICE]);
    await root.run(SHIM, [], { input: REQUEST });
  });

  const mainPid = () => root.property(SERVICE, "MainPID");

  it.each([
    ["stopped by SIGSTOP", "kill -STOP $0"],
    ["out of descriptors", EXHAUST],
  ])("is replaced when it is %s, and none of 50 calls a second fails", { timeout: 180_000 }, async (_what, hang) => {
    const before = await mainPid();
    const report = await underLoad(root, async () => {
      await sleep(1_000);
      await root.run("sh", ["-c", hang, before]);
      await until("another process runs", async () => !["0", before].includes(await mainPid()), REPLACED_WITHIN_MS);
      await sleep(1_000);
    });
    expect(report.failures).toEqual([]);
    expect(report.tokens).toHaveLength(1);
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

  it.each(TRIED_UNITS)("fails a call with one line if its unit ends with %s", async (status, lines) => {
    const broken = dropIn(SERVICE, "broken", `[Service]\n${lines}\n`);
    root.write(broken.to, broken.from.text);
    try {
      await root.run("systemctl", ["daemon-reload"]);
      await root.run("systemctl", ["stop", SERVICE]);
      await root.run("systemctl", ["start", "--no-block", SERVICE]);
      const { exitCode, signal, stdout, stderr } = await root.exec(SHIM, [], { input: REQUEST });
      expect({ exitCode, signal, stdout }).toEqual({ exitCode: 1, signal: null, stdout: "" });
      expect(stderr).toMatch(/^ocir-broker: shim-timeout: [ -~]+; [ -~]+ systemctl status [ -~]+\n?$/);
      expect(await root.journal(SERVICE)).toContain(`status=${status}`);
    } finally {
      // No stop: a call in the backlog starts the service again, which cancels the stop.
      await root.run("rm", [broken.to]);
      await root.run("systemctl", ["daemon-reload"]);
    }
    const response = JSON.parse(await root.run(SHIM, [], { input: REQUEST }));
    expect(response.auth[REGISTRY_HOST]?.password).toMatch(/\./);
  });

  it(`is not falsely detected during ${BUSY_LOOPS} busy loops`, { timeout: BUSY_MS + 60_000 }, async () => {
    const before = await mainPid();
    const loops = Array.from({ length: BUSY_LOOPS }, () =>
      root.exec("sh", ["-c", "while :; do :; done"], { timeoutMs: BUSY_MS }),
    );
    await Promise.all(loops);
    expect(await mainPid()).toBe(before);
    expect(JSON.parse(await root.run(SHIM, [], { input: REQUEST })).auth).toHaveProperty([REGISTRY_HOST]);
  });
});
