/**
 * The broker in use under a real systemd: kills, a daemon that hangs, which the watchdog ends, and hostile clients. No call fails.
 * And its metrics file as node-exporter reads it. test/bench measures the times.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { beforeEach, expect, it } from "vitest";
import type { Attack } from "../hostile-clients.ts";
import { familiesOf } from "../monitoring/exposition.ts";
import { describeUnless } from "./describe-unless.ts";
import { given } from "./given.ts";
import { isLongRun } from "./long-run.ts";
import {
  bootSimulatedNode,
  CREDENTIALS_SOCKET,
  HEALTH_SOCKET,
  IMAGE,
  killDaemon,
  METRICS_FOLDER,
  NODE,
  SERVICE,
  SHIM,
  underLoad,
  upstreamRequests,
} from "./simulated-node.ts";
import { canBootSystemd, type ExecResult } from "./systemd-root/systemd-root.ts";

const SOCKET = "ocir-broker.socket";
const EXPORTER = "/usr/bin/prometheus-node-exporter";
const METRICS_FILE = `${METRICS_FOLDER}/ocir_broker.prom`;
const KILLS = isLongRun ? 60 : 20;
/** The watchdog's 15 s, and a start. */
const REPLACED_WITHIN_MS = 30_000;
const ATTACK_SECONDS = isLongRun ? 30 : 6;
const REQUEST = credentialProviderRequest({ image: IMAGE });

/** Permits a process no descriptor besides those that are open: the limit is on their numbers. */
const EXHAUST = "fd=0; while [ -L /proc/$0/fd/$fd ]; do fd=$((fd + 1)); done; prlimit --pid $0 --nofile=$fd:";

describeUnless(canBootSystemd(), "a node in use", () => {
  const root = given(bootSimulatedNode, ({ powerOff }) => powerOff());

  beforeEach(async () => {
    // Ends the count of starts, of which systemd permits the socket five in ten seconds.
    await root.run("systemctl", ["reset-failed"]);
    await root.run("systemctl", ["start", SOCKET, SERVICE]);
    await root.run(SHIM, [], { input: REQUEST });
  });

  const mainPid = () => root.property(SERVICE, "MainPID");

  it(`fails no call and fetches nothing again when killed ${KILLS} times, a second after each start, at 50 calls a second`, async () => {
    const asked = await upstreamRequests(root);
    const report = await underLoad(root, async () => {
      for (let kills = 0; kills < KILLS; kills += 1) {
        await sleep(1_000);
        await killDaemon(root);
      }
    });
    expect(report.failures).toEqual([]);
    expect(report.calls).toBeGreaterThan(KILLS * 25);
    // The state survived each of them.
    expect(report.tokens).toHaveLength(1);
    // Each process probes the repository once, in the background.
    const probes = { "registry.manifest": expect.any(Number) };
    expect({ ...(await upstreamRequests(root)), ...probes }).toEqual({ ...asked, ...probes });
  });

  it.each([
    ["stopped by SIGSTOP", "kill -STOP $0"],
    ["out of descriptors", EXHAUST],
  ])("replaces a daemon that is %s, and none of 50 calls a second fails", { timeout: 180_000 }, async (_what, hang) => {
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

  it.each<[attack: Attack, socket: string]>([
    ["all on the health socket", HEALTH_SOCKET],
    ["chunks on the credentials socket", CREDENTIALS_SOCKET],
    ["bodies byte by byte", CREDENTIALS_SOCKET],
  ])("fails no call and keeps its daemon during an attack: %s", async (attack, socket) => {
    const before = await mainPid();
    const { calls, failures } = await underLoad(root, async () => {
      const program = [NODE, "/opt/checkout/test/hostile-clients.ts", socket, attack];
      // A signal from here would end nsenter only.
      const attacker = root.spawn("timeout", ["--signal=KILL", String(ATTACK_SECONDS), ...program]);
      const ended = once(attacker, "close");
      expect(String(await Promise.race([once(attacker.stdout ?? attacker, "data"), ended]))).toBe("connected\n");
      await ended;
    });
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(0);
    expect(await mainPid()).toBe(before);
  });

  const lackOfExporter = existsSync(EXPORTER) ? "" : " (skipped: needs prometheus-node-exporter)";
  it.skipIf(lackOfExporter !== "")(
    `exposes its metrics through Debian's node exporter, also after a stop${lackOfExporter}`,
    async () => {
      await root.run("systemd-run", [
        ...["--quiet", "--unit", "exporter", "--property", "User=prometheus", EXPORTER],
        ...["--web.listen-address=127.0.0.1:9100", "--collector.disable-defaults", "--collector.textfile"],
        `--collector.textfile.directory=${METRICS_FOLDER}`,
      ]);
      const scrape = (): Promise<ExecResult> => root.exec("curl", ["-sSf", "-m", "5", "http://127.0.0.1:9100/metrics"]);
      await until("the exporter answers", async () => (await scrape()).exitCode === 0);
      await until("the file is there", async () => (await root.exec("test", ["-e", METRICS_FILE])).exitCode === 0);
      const families = [...familiesOf(await root.run("cat", [METRICS_FILE])).keys()];
      for (const state of ["start", "stop"]) {
        await root.run("systemctl", [state, SERVICE]);
        const { stdout } = await scrape();
        expect(stdout).toMatch(/^ocir_broker_ready /m);
        expect(stdout).toMatch(/^ocir_broker_token_expiry_timestamp_seconds\{/m);
        const passedOn = [...familiesOf(stdout).keys()].filter((name) => name.startsWith("ocir_broker_"));
        // A family without samples is not passed on.
        expect(passedOn.filter((name) => !families.includes(name))).toEqual([]);
        expect(passedOn.length).toBeGreaterThan(10);
        expect(stdout).toMatch(/^node_textfile_scrape_error 0$/m);
        expect(stdout).toMatch(/^node_textfile_mtime_seconds\{file="[^"]*ocir_broker\.prom"\} /m);
      }
    },
  );
});
