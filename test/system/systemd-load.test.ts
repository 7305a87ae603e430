/**
 * The installed broker under a real systemd and load: kills, upgrades, stops, access rights, and its metrics file as node-exporter
 * reads it. test/bench measures the times.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@ocir-broker/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hasPromtool, promtool, promtoolNote } from "../monitoring/promtool.ts";
import { expositionFault, familiesIn } from "./exposition-fault.ts";
import { isLongRun } from "./long-run.ts";
import {
  bootSimulatedNode,
  CREDENTIALS_SOCKET,
  DAEMON,
  HEALTH_SOCKET,
  IMAGE,
  METADATA_URL,
  METRICS_FOLDER,
  NODE,
  REGISTRY_HOST,
  SERVICE,
  SHIM,
  underLoad,
  upstreamRequests,
} from "./simulated-node.ts";
import { canBootSystemd, type ExecOptions, type ExecResult, type SystemdRoot } from "./systemd-root/index.ts";
import type { TextfileReport } from "./textfile-reader.ts";

const skipped = canBootSystemd();
const EXPORTER = "/usr/bin/prometheus-node-exporter";
const METRICS_FILE = `${METRICS_FOLDER}/ocir_broker.prom`;
const NOBODY = 65_534;
/** curl's exit code if it may not connect. */
const COULD_NOT_CONNECT = 7;
const KILLS = isLongRun ? 60 : 20;
const UPGRADES = 5;
const READS = 10_000;
const REQUEST = `${JSON.stringify({
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  kind: "CredentialProviderRequest",
  image: IMAGE,
})}\n`;

describe.skipIf(skipped !== undefined)(`a node in use${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  let root: SystemdRoot;
  const tokens = new Set<string>();

  beforeAll(async () => {
    root = await bootSimulatedNode({ logLevel: "trace" });
  });

  afterAll(async () => {
    await root?.powerOff();
  });

  beforeEach(async () => {
    await root.run("systemctl", ["reset-failed"]);
    await pull();
  });

  /** One call of the shim; records its token for the journal's test. */
  async function pull(): Promise<string> {
    const text = await root.run(SHIM, [], { input: REQUEST });
    const token = JSON.parse(text).auth[REGISTRY_HOST].password as string;
    tokens.add(token);
    return token;
  }

  function curl(socket: string, path: string, options: ExecOptions = {}, args: readonly string[] = []) {
    return root.exec(
      "curl",
      ["-sSf", "-m", "20", "--unix-socket", socket, ...args, `http://localhost${path}`],
      options,
    );
  }

  it(`killed a second after each start, ${KILLS} times, at 50 calls a second, it fails none and fetches nothing again`, async () => {
    const asked = await upstreamRequests(root);
    const report = await underLoad(root, async () => {
      let killed = "0";
      for (let kills = 0; kills < KILLS; kills += 1) {
        await until("another process is ready", async () => {
          // One call for both values: with two calls, the first may still describe the killed process.
          const shown = await root.run("systemctl", ["show", "--property=MainPID,ActiveState", SERVICE]);
          return /^ActiveState=active$/m.test(shown) && !new RegExp(`^MainPID=(0|${killed})$`, "m").test(shown);
        });
        await sleep(1_000);
        killed = await root.property(SERVICE, "MainPID");
        await root.run("kill", ["-KILL", killed]);
      }
    });
    for (const token of report.tokens) tokens.add(token);
    expect(report.failures).toEqual([]);
    expect(report.calls).toBeGreaterThan(KILLS * 25);
    // The state survived each of them.
    expect(report.tokens).toHaveLength(1);
    // Each process probes the repository once, in the background.
    const probes = { "registry.manifest": expect.any(Number) };
    expect({ ...(await upstreamRequests(root)), ...probes }).toEqual({ ...asked, ...probes });
  });

  it(`upgraded ${UPGRADES} times by rename and restart under load, it fails no call and fetches nothing anew`, async () => {
    const asked = await upstreamRequests(root);
    const report = await underLoad(root, async () => {
      for (let upgrade = 0; upgrade < UPGRADES; upgrade += 1) {
        await root.run("cp", [DAEMON.to, `${DAEMON.to}.new`]);
        await root.run("mv", ["-f", `${DAEMON.to}.new`, DAEMON.to]);
        await root.run("systemctl", ["restart", SERVICE]);
        const pid = await root.property(SERVICE, "MainPID");
        const inodes = await root.run("stat", ["-L", "-c", "%i", DAEMON.to, `/proc/${pid}/exe`]);
        expect(new Set(inodes.split("\n")).size).toBe(1);
        await sleep(1_000);
      }
    });
    for (const token of report.tokens) tokens.add(token);
    expect(report.failures).toEqual([]);
    expect(report.calls).toBeGreaterThan(UPGRADES * 25);
    // Each process probes the repository once, in the background.
    const looks = expect.any(Number);
    expect({ ...(await upstreamRequests(root)), "registry.manifest": looks }).toEqual({
      ...asked,
      "registry.manifest": looks,
    });
  });

  it("root sees its health on every route, and another user can use neither socket nor be root's shim", async () => {
    const refused = { exitCode: COULD_NOT_CONNECT, stdout: "" };
    for (const path of ["/livez", "/readyz", "/healthz", "/status", "/metrics"]) {
      expect(await curl(HEALTH_SOCKET, path)).toMatchObject({ exitCode: 0 });
      expect(await curl(HEALTH_SOCKET, path, { uid: NOBODY })).toMatchObject(refused);
    }
    for (const path of ["/v1/credentials", "/v1/docker-credential"]) {
      expect(await curl(CREDENTIALS_SOCKET, path, { uid: NOBODY }, ["-d", REQUEST])).toMatchObject(refused);
      const misled = await curl(HEALTH_SOCKET, path, {}, ["-d", REQUEST]);
      expect(misled.exitCode).not.toBe(0);
      expect(misled.stdout).toBe("");
    }
    const shim = await root.exec(SHIM, [], { uid: NOBODY, input: REQUEST });
    expect(shim).toMatchObject({ exitCode: 1, stdout: "" });
    expect(shim.stderr).toMatch(/^ocir-broker: shim-[a-z-]+: /);
    const pid = await root.property(SERVICE, "MainPID");
    for (const file of ["environ", "maps", "mem", "fd"]) {
      expect((await root.exec("ls", [`/proc/${pid}/${file}/`], { uid: NOBODY })).exitCode).not.toBe(0);
    }
  });

  describe("its metrics file", () => {
    async function read(action: () => Promise<void>): Promise<TextfileReport> {
      await until("there is one", async () => (await root.exec("test", ["-e", METRICS_FILE])).exitCode === 0);
      const program = "/opt/checkout/test/system/textfile-reader.ts";
      let isRead = false;
      const reads = root
        .run(NODE, [program, METRICS_FILE, String(READS), "2"], { timeoutMs: 300_000, uid: NOBODY })
        .finally(() => {
          isRead = true;
        });
      while (!isRead) await action();
      return JSON.parse(await reads) as TextfileReport;
    }

    it(`is whole in ${READS} reads over restarts and kills`, async () => {
      const metrics = familiesIn((await curl(HEALTH_SOCKET, "/metrics")).stdout).join(" ");
      const report = await read(async () => {
        await root.run("systemctl", ["restart", SERVICE]);
        await root.run("systemctl", ["kill", "--signal=KILL", SERVICE]);
        await pull();
      });
      expect(report).toMatchObject({ reads: READS, faults: [], families: [metrics] });
      expect(report.texts).toBeGreaterThan(10);
    });

    it.skipIf(!hasPromtool)(`is what promtool wants of metrics${promtoolNote}`, async () => {
      const text = await root.run("cat", [METRICS_FILE], { uid: NOBODY });
      expect(promtool(["check", "metrics"], `${text}\n`)).toEqual({ status: 0, output: "" });
    });

    it.skipIf(!existsSync(EXPORTER))(
      `is read by Debian's node exporter, also after a stop${existsSync(EXPORTER) ? "" : " (skipped: it is not installed)"}`,
      async () => {
        await root.run("systemd-run", [
          ...["--quiet", "--unit", "exporter", "--property", "User=prometheus", EXPORTER],
          ...["--web.listen-address=127.0.0.1:9100", "--collector.disable-defaults", "--collector.textfile"],
          `--collector.textfile.directory=${METRICS_FOLDER}`,
        ]);
        const scrape = (): Promise<ExecResult> =>
          root.exec("curl", ["-sSf", "-m", "5", "http://127.0.0.1:9100/metrics"]);
        await until("the exporter answers", async () => (await scrape()).exitCode === 0);
        const families = familiesIn(await root.run("cat", [METRICS_FILE]));
        for (const state of ["start", "stop"]) {
          await root.run("systemctl", [state, SERVICE]);
          const { stdout } = await scrape();
          // A family without samples is not passed on.
          const samples = new Set([...stdout.matchAll(/^(ocir_broker_\w+)[ {]/gm)].map(([, name]) => name));
          expect(samples).toContain("ocir_broker_ready");
          expect(samples).toContain("ocir_broker_token_expiry_timestamp_seconds");
          const passedOn = familiesIn(stdout).filter((name) => name.startsWith("ocir_broker_"));
          expect(families.filter((name) => passedOn.includes(name)).toSorted()).toEqual(passedOn.toSorted());
          expect(passedOn.length).toBeGreaterThan(10);
          expect(stdout).toMatch(/^node_textfile_scrape_error 0$/m);
          expect(stdout).toMatch(/^node_textfile_mtime_seconds\{file="[^"]*ocir_broker\.prom"\} /m);
        }
        await root.run("systemctl", ["stop", "exporter.service"]);
      },
    );
  });

  // Last, because it examines everything that the other tests made the daemon log.
  it("at level trace no token, key or certificate of all this is in the journal", async () => {
    const identity = await Promise.all(
      ["key.pem", "cert.pem", "intermediate.pem"].map((name) =>
        root.run("curl", ["-sSf", "-H", "Authorization: Bearer Oracle", `${METADATA_URL}/identity/${name}`]),
      ),
    );
    const lines = identity.flatMap((text) => text.split("\n").filter((line) => line.length >= 40 && !/^-/.test(line)));
    // All JWTs share their header, so only claims and signature identify one.
    const secrets = [
      ...lines,
      ...[...tokens].flatMap((token) => token.split(".").slice(1)),
      "ST$",
      "Signature version=",
    ];
    await root.run("journalctl", ["--sync"]);
    const journal = await root.run("sh", [
      "-c",
      "journalctl --no-pager --output export >/run/journal; cat /run/journal",
    ]);
    expect(tokens.size).toBeGreaterThan(1);
    expect(secrets.length).toBeGreaterThan(20);
    expect(journal).toMatch(/"level":"(?:debug|trace)"/);
    expect(secrets.filter((secret) => journal.includes(secret))).toEqual([]);
  });
});

it(`the metrics file is whole in ${READS} reads while it is replaced as fast as can be`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "ocir-textfile-"));
  const path = join(folder, "ocir_broker.prom");
  const writer = spawn(process.execPath, [join(import.meta.dirname, "textfile-writer.ts"), path], { stdio: "ignore" });
  try {
    await until("there is one", async () => existsSync(path));
    const texts = new Set<string>();
    const faults: string[] = [];
    for (let read = 0; read < READS; read += 1) {
      const text = readFileSync(path, "utf8");
      const fault = expositionFault(text);
      if (fault !== undefined) faults.push(fault);
      texts.add(text);
      if (read % 100 === 0) await sleep(1);
    }
    expect(faults).toEqual([]);
    expect(texts.size).toBeGreaterThan(100);
  } finally {
    writer.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
