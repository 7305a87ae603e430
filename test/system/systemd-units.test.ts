/**
 * The units under a real systemd: start order, access rights, restarts and stops, and the sandbox. The daemon is real, but has no
 * upstream.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HEALTH_GROUP } from "@ocir-broker/protocol/contract";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { given } from "./given.ts";
import {
  BROKER_FILES,
  CREDENTIALS_SOCKET,
  DAEMON,
  dropIn,
  HEALTH_SOCKET,
  METRICS_FOLDER,
  SERVICE,
  UNITS,
  withDropIn,
} from "./simulated-node.ts";
import { bootSystemd, canBootSystemd, type ExecOptions, type SystemdRoot } from "./systemd-root/systemd-root.ts";

/** Zero without systemd; the tests are then skipped. */
const systemdVersion = Number(
  /^systemd (\d+)/.exec(spawnSync("systemctl", ["--version"]).stdout?.toString())?.[1] ?? 0,
);
/** Directives that a supported systemd lacks. */
const NEWER_DIRECTIVES = [{ name: "PollLimitIntervalSec", since: 255 }];
/** systemd 252 rates the same unit 1.3, 257 rates it 1.2: the weights have changed in between. */
const MOST_EXPOSURE = systemdVersion < 257 ? 1.3 : 1.2;
const PROBE = "/usr/local/bin/sandbox-probe";
const NOBODY = 65_534;
/** curl's exit code if nothing listens: no file, or connection refused. */
const COULD_NOT_CONNECT = 7;
const START_LIMIT_MS = 10_000;
const KUBELET_UNIT =
  "[Unit]\nAfter=network-online.target\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";

/** Not a registry of Oracle's: the daemon answers without credentials and without a request, since there is no upstream. */
const REQUEST = credentialProviderRequest({ image: "registry.example/app:1" });

async function isActive(root: SystemdRoot, unit: string): Promise<boolean> {
  return (await root.exec("systemctl", ["is-active", "--quiet", unit])).exitCode === 0;
}

const mainPid = (root: SystemdRoot): Promise<string> => root.property(SERVICE, "MainPID");

describeUnless(canBootSystemd(), "ocir-broker's units under systemd", () => {
  async function boot(): Promise<SystemdRoot> {
    const probe = join(temporaryFolder(), "sandbox-probe");
    execFileSync("cc", ["-static", "-o", probe, join(import.meta.dirname, "sandbox-probe.c")]);
    const files = [
      ...BROKER_FILES,
      { from: probe, to: PROBE, mode: 0o755 },
      { from: { text: "log: {level: info}\n" }, to: "/etc/ocir-broker/config.yaml" },
    ];
    return bootSystemd({ files, enable: [SERVICE] });
  }
  const root = given(boot, ({ powerOff }) => powerOff());

  beforeEach(async () => {
    await root.run("systemctl", ["stop", SERVICE]);
    await root.run("systemctl", ["reset-failed"]);
  });

  const curl = (socket: string, args: readonly string[], options: ExecOptions = {}, seconds = 10) =>
    root.exec("curl", ["-sSf", "-m", String(seconds), "--unix-socket", socket, ...args], options);
  const call = (options?: ExecOptions, seconds?: number) =>
    curl(CREDENTIALS_SOCKET, ["-d", REQUEST, "http://localhost/v1/credentials"], options, seconds);
  const health = (options?: ExecOptions) => curl(HEALTH_SOCKET, ["http://localhost/livez"], options);

  describe("as files", () => {
    it("systemd-analyze verify reports nothing except directives newer than this systemd", async () => {
      const unknown = NEWER_DIRECTIVES.filter(({ since }) => since > systemdVersion).map(({ name }) => name);
      const { stdout, stderr } = await root.exec("systemd-analyze", ["verify", "--recursive-errors=yes", ...UNITS]);
      const isExpected = (line: string) => unknown.some((name) => line.includes(`: Unknown key '${name}' in section `));
      expect([stdout, stderr.split("\n").filter((line) => line !== "" && !isExpected(line))]).toEqual(["", []]);
    });

    it(`systemd-analyze security reports an exposure of at most ${MOST_EXPOSURE}`, async () => {
      const unit = `/usr/lib/systemd/system/${SERVICE}`;
      const report = await root.run("systemd-analyze", ["security", "--offline=yes", "--no-pager", unit]);
      const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(report)?.[1]);
      expect(exposure).toBeLessThanOrEqual(MOST_EXPOSURE);
    });

    it("limits are configured, enforced here or not", async () => {
      const names = "MemoryHigh MemoryMax MemorySwapMax TasksMax LimitCORE OOMScoreAdjust WatchdogSignal".split(" ");
      const values = await Promise.all(names.map((name) => root.property(SERVICE, name)));
      expect(values).toEqual([String(200 << 20), String(256 << 20), "0", "64", "1", "-500", "9"]);
    });
  });

  describe("sockets", () => {
    it("folder and credentials socket outlive a stop, and a request starts the service and the health socket", async () => {
      expect(await isActive(root, SERVICE)).toBe(false);
      expect(await root.run("stat", ["-c", "%a %U:%G", "/run/ocir-broker"])).toBe("755 root:root");
      expect(await root.run("ls", ["/run/ocir-broker"])).toBe("credentials.sock");
      expect(await call()).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("CredentialProviderResponse"),
      });
      expect(await isActive(root, SERVICE)).toBe(true);
      expect(await health()).toMatchObject({ exitCode: 0 });
    });

    it("health checks during a stop do not start the service again", async () => {
      const checks = `while :; do curl -s -m 2 --unix-socket ${HEALTH_SOCKET} http://localhost/livez; done`;
      const together = `(${checks}) & (${checks}) & ${checks}`;
      await root.run("systemd-run", ["--quiet", "--unit", "checks", "sh", "-c", together]);
      onTestFinished(async () => void (await root.run("systemctl", ["stop", "checks.service"])));
      for (let round = 0; round < 5; round += 1) {
        await call();
        await root.run("systemctl", ["stop", SERVICE]);
        await sleep(50);
        expect(await isActive(root, SERVICE)).toBe(false);
        expect(await health()).toMatchObject({ exitCode: COULD_NOT_CONNECT });
      }
    });

    it("group members may use the health socket, other users may not, and neither the credentials socket", async () => {
      await call();
      const modes = await root.run("stat", ["-c", "%a %U:%G", CREDENTIALS_SOCKET, HEALTH_SOCKET]);
      expect(modes).toBe(`600 root:root\n660 root:${HEALTH_GROUP}`);
      expect(await health({ uid: NOBODY })).toMatchObject({ exitCode: COULD_NOT_CONNECT });
      expect(await call({ uid: NOBODY })).toMatchObject({ exitCode: COULD_NOT_CONNECT });
      const asMember = (socket: string) =>
        root.exec("setpriv", [
          ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, `--groups=${HEALTH_GROUP}`, "--"],
          ...["curl", "-sSf", "-m", "10", "--unix-socket", socket, "http://localhost/livez"],
        ]);
      expect(await asMember(HEALTH_SOCKET)).toMatchObject({ exitCode: 0, stdout: "ok\n" });
      expect(await asMember(CREDENTIALS_SOCKET)).toMatchObject({ exitCode: COULD_NOT_CONNECT });
      expect(await root.exec(DAEMON.to, ["status"], { uid: NOBODY })).toMatchObject({
        exitCode: 1,
        stderr: `ocir-broker: socket-denied: ${HEALTH_SOCKET}: permission denied: run as root, or join the group ${HEALTH_GROUP}\n`,
      });
      const process = `/proc/${await mainPid(root)}`;
      for (const look of [`cat ${process}/environ`, `cat ${process}/maps`, `ls ${process}/fd`]) {
        expect((await root.exec("sh", ["-c", look], { uid: NOBODY })).stderr).toContain("Permission denied");
      }
    });

    it("a drop-in opens the health socket to every user", async () => {
      const open = dropIn("ocir-broker-health.socket", "open", "[Socket]\nSocketMode=0666\n");
      await withDropIn(root, open, async () => {
        await call();
        expect(await health({ uid: NOBODY })).toMatchObject({ exitCode: 0 });
      });
    });

    it("the service runs without its health socket when the group is missing, until a later restart", async () => {
      await root.run("groupdel", [HEALTH_GROUP]);
      expect(await call()).toMatchObject({ exitCode: 0 });
      expect(await health()).toMatchObject({ exitCode: COULD_NOT_CONNECT });
      await until("the journal has the next step", async () =>
        (await root.journal(SERVICE)).includes("systemd passed no health socket; run systemd-sysusers"),
      );
      await root.run("systemd-sysusers");
      await root.run("systemctl", ["restart", SERVICE]);
      expect(await health()).toMatchObject({ exitCode: 0 });
      expect(await call()).toMatchObject({ exitCode: 0 });
    });

    it("a restart of either socket leaves a service that responds on both", async () => {
      await call();
      await root.run("systemctl", ["restart", "ocir-broker.socket"]);
      expect(await call()).toMatchObject({ exitCode: 0 });
      expect(await health()).toMatchObject({ exitCode: 0 });
      const refused = await root.exec("systemctl", ["restart", "ocir-broker-health.socket"]);
      expect(refused.stderr).toContain("Operation refused");
      expect(await health()).toMatchObject({ exitCode: 0 });
    });
  });

  describe("service", () => {
    it("a program that is missing for a while stops neither socket nor service for good", async () => {
      const repair = `test ! -e ${DAEMON.to}.away || mv ${DAEMON.to}.away ${DAEMON.to}`;
      onTestFinished(async () => void (await root.run("sh", ["-c", repair])));
      await root.run("mv", [DAEMON.to, `${DAEMON.to}.away`]);
      const waiting = call({}, 30);
      const restarts = Number(await root.property(SERVICE, "NRestarts"));
      // Twice the default limit of five starts.
      await until("10 restarts", async () => Number(await root.property(SERVICE, "NRestarts")) >= restarts + 10);
      expect(await isActive(root, "ocir-broker.socket")).toBe(true);
      await root.run("sh", ["-c", repair]);
      expect(await waiting).toMatchObject({ exitCode: 0 });
    });

    it("leaves a metrics file that every user can read at a stop, in a folder that others cannot write to", async () => {
      const file = `${METRICS_FOLDER}/ocir_broker.prom`;
      await root.run("rm", ["-f", file]);
      await call();
      await until("the file is there", async () => (await root.exec("test", ["-e", file])).exitCode === 0);
      await root.run("systemctl", ["stop", SERVICE]);
      expect(await root.run("cat", [file], { uid: NOBODY })).toMatch(/^ocir_broker_textfile_timestamp_seconds [1-9]/m);
      expect(await root.run("stat", ["-c", "%a %U:%G", METRICS_FOLDER])).toBe("775 root:ocir-broker-daemon");
      expect(await root.exec("touch", [`${METRICS_FOLDER}/foreign`], { uid: NOBODY })).toMatchObject({ exitCode: 1 });
    });

    it("starts without its metrics folder", async () => {
      await root.run("mv", [METRICS_FOLDER, `${METRICS_FOLDER}.away`]);
      onTestFinished(async () => void (await root.run("mv", [`${METRICS_FOLDER}.away`, METRICS_FOLDER])));
      expect(await call()).toMatchObject({ exitCode: 0 });
    });

    it("the daemon and its log can be found by the program's name", async () => {
      await call();
      const pid = await mainPid(root);
      expect(await root.run("pgrep", ["-x", "ocir-broker"])).toBe(pid);
      expect((await root.run("ps", ["-C", "ocir-broker", "-o", "pid="])).trim()).toBe(pid);
      await until("its first line is in the journal", async () =>
        /"level":"info"/.test(await root.run("journalctl", ["-t", "ocir-broker", "-o", "cat"])),
      );
    });
  });

  describe("sandbox", () => {
    it("refuses what a compromised daemon would try", async () => {
      const results = await probe(root);
      expect(results).toEqual({
        "write:/": "EROFS",
        "write:/etc": "EROFS",
        "write:/usr": "EROFS",
        "write:/usr/local/bin": "EROFS",
        "write:/opt": "EROFS",
        "write:/var": "EROFS",
        "write:/var/lib": "EROFS",
        "write:/root": "EACCES",
        "write:/home": "EACCES",
        "write:/run": "EROFS",
        "write:/run/ocir-broker": "EROFS",
        "write:/dev/shm": "EACCES",
        "write:/proc/sys/kernel": "ENOENT",
        "write:/sys/fs/cgroup": "EROFS",
        "write:/tmp": "EACCES",
        "write:/var/tmp": "EACCES",
        "write:/run/ocir-broker-metrics": "ok",
        "execute:/run/ocir-broker-metrics": "EACCES",
        "setuid:/run/ocir-broker-metrics": "EPERM",
        "write:/run/ocir-broker-state": "ok",
        "execute:/run/ocir-broker-state": "EACCES",
        "setuid:/run/ocir-broker-state": "EPERM",
        "write:/var/lib/ocir-broker-config": "ok",
        "execute:/var/lib/ocir-broker-config": "EACCES",
        "setuid:/var/lib/ocir-broker-config": "EPERM",
        "read:/etc/ocir-broker/config.yaml": "ok",
        "read:/etc/shadow": "EACCES",
        "read:/proc/1/environ": "ENOENT",
        "read:/proc/1/status": "ENOENT",
        "read:/proc/uptime": "ENOENT",
        ptrace: "EPERM",
        "socket:inet": "ok",
        "socket:inet-raw": "EPERM",
        "socket:packet": "EAFNOSUPPORT",
        "socket:netlink": "EAFNOSUPPORT",
        mount: "EPERM",
        "unshare:user": "EPERM",
        bpf: "EPERM",
        "setuid:root": "EPERM",
        "unlink:credentials.sock": "EROFS",
        "execute:/bin/true": "EACCES",
      });
    });

    it("is the reason: outside it the same attempts succeed", async () => {
      const lines = (await root.run(PROBE)).split("\n");
      for (const attempt of ["write:/etc", "write:/run/ocir-broker", "read:/etc/shadow", "ptrace", "socket:inet-raw"]) {
        expect(lines).toContain(`${attempt} ok`);
      }
      // It removed the socket's file.
      await root.run("systemctl", ["restart", "ocir-broker.socket"]);
    });
  });
});

describeUnless(canBootSystemd(), "a booting node", () => {
  it.each([
    ["is up before it", "active", 0, ""],
    ["is missing", "inactive", 0, "[Service]\nExecStart=\nExecStart=/usr/local/bin/nothing\n"],
    ["exits at once", "inactive", 0, "[Service]\nExecStart=\nExecStart=/bin/false\nExecPaths=/bin/false\n"],
    [
      "hangs in its start",
      "inactive",
      START_LIMIT_MS,
      "[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nExecPaths=/bin/sleep\nTimeoutStartSec=10s\n",
    ],
  ])("starts the kubelet if the broker %s", async (_how, state, heldUpMs, text) => {
    const kubelet = { from: { text: KUBELET_UNIT }, to: "/usr/lib/systemd/system/kubelet.service" };
    const files = [...BROKER_FILES, kubelet, dropIn(SERVICE, "changed", text)];
    const root = await bootSystemd({ files, enable: [SERVICE, "kubelet.service"] });
    try {
      const startedAtMs = async (unit: string) =>
        Number(await root.property(unit, "ActiveEnterTimestampMonotonic")) / 1_000;
      const kubeletMs = await startedAtMs("kubelet.service");
      expect(await isActive(root, "kubelet.service")).toBe(true);
      expect(await isActive(root, SERVICE)).toBe(state === "active");
      expect(await isActive(root, "ocir-broker.socket")).toBe(true);
      // Both units start after basic.target. How long the boot takes until then depends on the machine.
      expect(kubeletMs - (await startedAtMs("basic.target"))).toBeLessThan(heldUpMs + 5_000);
      if (state === "active") expect(kubeletMs).toBeGreaterThan(await startedAtMs(SERVICE));
    } finally {
      await root.powerOff();
    }
  });
});

/** Runs the probe once instead of the daemon, in the unchanged unit. */
async function probe(root: SystemdRoot): Promise<Record<string, string>> {
  const text = `[Service]\nType=exec\nRestart=no\nExecStart=\nExecStart=${PROBE}\nExecPaths=${PROBE}\n`;
  return withDropIn(root, dropIn(SERVICE, "probe", text), async () => {
    await root.run("systemctl", ["start", "--wait", SERVICE]);
    const lines = (await root.journal(SERVICE)).split("\n");
    const first = lines.findLastIndex((line) => line.startsWith("write:/ "));
    const pairs = lines.slice(first).flatMap((line) => {
      const [, attempt, result = ""] = /^([a-z]+(?::\S+)?) (ok|E[A-Z0-9]+|\(null\))$/.exec(line) ?? [];
      return attempt === undefined ? [] : [[attempt, result] as const];
    });
    return Object.fromEntries(pairs);
  });
}
