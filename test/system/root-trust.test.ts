/**
 * Another user of the node, or a pod, imitates the node's processes and folders: our programs that run as root must not execute,
 * ask, write or wait for any of them. Each exploit runs as user 65534. And a daemon that an attacker controls plants files where its
 * user can write: each command of root ends within its limit and does its work. packages/installer/src/planted.test.ts has the kinds
 * that need no root, for the commands that change the node.
 */
import { afterEach, expect, it, onTestFinished } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { EARLIER_FLAGS, putEarlierProvider } from "./install/earlier-provider.ts";
import { givenNode } from "./install/given-node.ts";
import { HOSTILE_PROXY, type HostileUser, startHostileUser, startRewrittenDaemon } from "./install/hostile-user.ts";
import { CONFIG, PLUGIN, PROGRAM } from "./install/oke-node.ts";
import { kubeletReport, startKubelet } from "./install/running-kubelet.ts";
import { canBootSystemd, type ExecResult } from "./systemd-root/systemd-root.ts";

const BUILT = "/opt/checkout/dist/ocir-broker";
const BROKER = "/usr/local/bin/ocir-broker";

const IMAGE = "us-ashburn-1.ocir.io/tenancy/app";
const METRICS = "/run/ocir-broker-metrics";
const NAMES = ["ocir_broker.prom", "ocir_broker_install.prom", "ocir_broker_disabled.prom"];
const CLEAR = `rm -rf ${METRICS}/*`;
/** Longer than any of these commands takes on a busy machine. */
const LIMIT_S = 120;

/** In a folder that the daemon's user can write to, for `$1`: what that user can make. */
const KINDS: readonly (readonly [what: string, script: string])[] = [
  ["folder with files", 'mkdir -p "$1/x" && touch "$1/x/y"'],
  ["pipe", 'mkfifo "$1"'],
];

describeUnless(canBootSystemd(), "root on a node with a hostile user or daemon", () => {
  const node = givenNode();
  let user: HostileUser | undefined;

  afterEach(async () => {
    await user?.leave();
    user = undefined;
  });

  /** Always ends; a command that hangs has no exit status. */
  const asRoot = (command: string, ...args: string[]): Promise<ExecResult> =>
    node.root.exec(command, args, { timeoutMs: 90_000 });

  /** With Oracle's real auth service, for which a proxy would be used. */
  const useOraclesAuthService = () => node.root.write("/etc/ocir-broker/config.yaml", "");

  it("does not run the kubelet or the plugin, or use the proxy, of processes with the expected names", async () => {
    user = await startHostileUser(node);
    useOraclesAuthService();
    const doctor = await asRoot(BUILT, "doctor", IMAGE, "--output", "json");
    expect(doctor.stdout).toContain('"kubelet-not-running"');
    expect(doctor.stdout).not.toContain(user.folder);
    expect(await user.gained()).toBe("");
  });

  it("ignores the environment that the daemon has rewritten", async () => {
    user = await startHostileUser(node);
    useOraclesAuthService();
    const variables = `HTTPS_PROXY=${HOSTILE_PROXY} SSL_CERT_FILE=/tmp/theirs/pipe`;
    onTestFinished(await startRewrittenDaemon(node, variables));
    const doctor = await asRoot(BUILT, "doctor", IMAGE, "--output", "json");
    expect(doctor.exitCode, doctor.stderr).toBe(1);
    // It looks for the service itself, and there is no DNS here.
    expect(doctor.stdout).toContain('"federation-name-not-resolved"');
    expect(await user.gained()).toBe("");
  });

  it.each([
    ["variable", `Environment="NO_PROXY=a.test, b.test" HTTPS_PROXY=${HOSTILE_PROXY}`],
    ["environment file", "EnvironmentFile=-/etc/none\nEnvironmentFile=/etc/kubernetes/proxy"],
  ])("uses the proxy that systemd gives the daemon: a unit's %s", async (_what, lines) => {
    user = await startHostileUser(node);
    node.root.write("/etc/kubernetes/proxy", `HTTPS_PROXY=${HOSTILE_PROXY}\n`);
    useOraclesAuthService();
    onTestFinished(await startRewrittenDaemon(node, "HTTPS_PROXY=http://127.0.0.1:1", lines));
    const doctor = await asRoot(BUILT, "doctor", IMAGE, "--output", "json");
    // The proxy closes each connection.
    expect(doctor.stdout).toContain('"federation-proxy-unreachable"');
    expect(await user.gained()).toMatch(/^(?:the proxy was asked\n)+$/);
  });

  it("installs on a node for its own kubelet, or for none", async () => {
    user = await startHostileUser(node);
    await node.installAndConnect();
    expect(await user.gained()).toBe("");
    expect((await asRoot(PROGRAM, "node", "remove")).exitCode).toBe(0);

    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await node.snapshot();
    await node.installAndConnect();
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ failures: [] });
    const status = await asRoot(PROGRAM, "node", "status", "--output", "json");
    expect(JSON.parse(status.stdout)).toMatchObject({ flags: { config: CONFIG, binDir: "/usr/local/bin" } });
    for (const [command, ...args] of [
      [BROKER, "doctor", IMAGE],
      [BROKER, "get", IMAGE],
      [PROGRAM, "node", "status"],
      [PROGRAM, "node", "connect"],
      [PROGRAM, "node", "remove"],
    ] as const) {
      expect((await asRoot(command, ...args)).exitCode, command).not.toBeNull();
    }
    expect(await user.gained()).toBe("");
    expect(await node.snapshot()).toBe(before);
  });

  it("is not blocked by a user who takes the installers' lock", async () => {
    await node.installAndConnect();
    user = await startHostileUser(node);
    const lock = "/run/ocir-broker-install.lock";
    const taken = await node.root.exec("flock", ["-n", lock, "true"], { uid: 65_534 });
    expect(taken.exitCode, taken.stderr).not.toBe(0);
    expect((await asRoot("timeout", "60", PROGRAM, "node", "disconnect")).exitCode).toBe(0);
  });

  async function plant(script: string): Promise<void> {
    await node.root.run("sh", ["-c", CLEAR]);
    const asDaemon = "setpriv --reuid=65534 --groups=ocir-broker-daemon --regid=ocir-broker-daemon";
    // The daemon writes its metric again at any time: the attacker, who is the daemon, would wait for that.
    const tries = `for try in 1 2 3 4 5; do rm -rf "$1"; ${script} && exit; done; exit 1`;
    const each = NAMES.map((name) => `${asDaemon} sh -c '${tries.replaceAll("'", "'\\''")}' sh ${METRICS}/${name}`);
    await node.root.run("sh", ["-c", `umask 0; cd ${METRICS} && ${each.join(" && ")}`]);
  }

  it.each(KINDS)(
    "does its work with each command, whatever the daemon plants where it can write: a %s",
    async (_, script) => {
      await node.installAndConnect();
      const amongPlanted = async (command: readonly string[]) => {
        await plant(script);
        return node.root.exec("timeout", ["-s", "KILL", String(LIMIT_S), ...command], { timeoutMs: 200_000 });
      };
      const link = async () => (await node.root.exec("readlink", [PLUGIN])).stdout.trim();
      const expectDone = async (command: readonly string[], leads: RegExp) => {
        const run = await amongPlanted(command);
        expect(run.exitCode, `${command.join(" ")}: ${run.stderr}`).toBe(0);
        expect(await link()).toMatch(leads);
      };
      await expectDone(
        [PROGRAM, "node", "install", "--connect"],
        /libexec\/ocir-broker\/current\/credential-provider-oke$/,
      );
      await expectDone([BROKER, "disable"], /current\/credential-provider-oke$/);
      await expectDone([BROKER, "enable"], /current\/credential-provider-oke$/);
      for (const command of [["status"], ["doctor"], ["node", "status"], ["node", "disconnect"], ["node", "connect"]]) {
        const { exitCode, stderr } = await amongPlanted([BROKER, ...command]);
        // 137: it did not end within its limit.
        expect([0, 1], `${command.join(" ")}: ${stderr}`).toContain(exitCode);
      }
      await plant(script);
      await node.installAndConnect();
      await expectDone([PROGRAM, "node", "remove"], /^$/);
      expect((await node.root.exec("ls", [PROGRAM])).exitCode).not.toBe(0);
      await node.root.run("sh", ["-c", CLEAR]);
    },
  );
});
