/** The broker under a real systemd: kills under load, and its metrics file as node-exporter reads it. test/bench measures the times. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { familiesOf } from "../monitoring/exposition.ts";
import { describeUnless } from "./describe-unless.ts";
import { isLongRun } from "./long-run.ts";
import {
  bootSimulatedNode,
  IMAGE,
  killDaemon,
  METRICS_FOLDER,
  NODE,
  SERVICE,
  SHIM,
  underLoad,
  upstreamRequests,
} from "./simulated-node.ts";
import { canBootSystemd, type ExecResult, type SystemdRoot } from "./systemd-root/index.ts";

const EXPORTER = "/usr/bin/prometheus-node-exporter";
const METRICS_FILE = `${METRICS_FOLDER}/ocir_broker.prom`;
const KILLS = isLongRun ? 60 : 20;
const READS = isLongRun ? 10_000 : 2_000;
const NOBODY = 65_534;
/** Prints each text of the file in its argument that it has read, once. Fails if the file is missing at any time. */
const READER = `const texts = new Set();
for (let reads = 0; reads < ${READS}; reads += 1) {
  texts.add(require("node:fs").readFileSync("${METRICS_FILE}", "utf8"));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}
console.log(JSON.stringify([...texts]));`;

describeUnless(canBootSystemd(), "a node in use", () => {
  let root: SystemdRoot;

  beforeAll(async () => {
    root = await bootSimulatedNode();
    return () => root.powerOff();
  });

  beforeEach(async () => {
    await root.run("systemctl", ["reset-failed"]);
    await root.run(SHIM, [], { input: credentialProviderRequest({ image: IMAGE }) });
  });

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

  it(`has a complete metrics file in ${READS} reads over kills and restarts`, { timeout: 180_000 }, async () => {
    await until("the file is there", async () => (await root.exec("test", ["-e", METRICS_FILE])).exitCode === 0);
    let isRead = false;
    const reading = root.run(NODE, ["-e", READER], { timeoutMs: 150_000, uid: NOBODY }).finally(() => {
      isRead = true;
    });
    while (!isRead) {
      await killDaemon(root);
      await root.run("systemctl", ["restart", SERVICE]);
      await root.run(SHIM, [], { input: credentialProviderRequest({ image: IMAGE }) });
    }
    const texts = JSON.parse(await reading) as string[];
    expect(texts.length).toBeGreaterThan(READS / 1_000);
    const families = texts.map((text) => [...familiesOf(text).keys()].join(" "));
    expect(new Set(families).size).toBe(1);
    expect(texts.filter((text) => !text.endsWith("\n"))).toEqual([]);
  });

  const lackOfExporter = existsSync(EXPORTER) ? "" : " (skipped: it is not installed)";
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
