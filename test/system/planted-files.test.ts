/**
 * A daemon that an attacker controls plants files where its user can write: each command of root ends within its limit and does its
 * work. packages/installer/src/planted.test.ts has the kinds that need no root, for the commands that change the node.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { givenNode } from "./install/given-node.ts";
import { PLUGIN, PROGRAM } from "./install/oke-node.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const BROKER = "/usr/local/bin/ocir-broker";
const METRICS = "/run/ocir-broker-metrics";
const NAMES = ["ocir_broker.prom", "ocir_broker_install.prom", "ocir_broker_disabled.prom"];
const CLEAR = `cd ${METRICS} 2>/dev/null || exit 0; umount * 2>/dev/null; chattr -Rf -i .; rm -rf ${METRICS}/*`;
/** Longer than any of these commands takes on a busy machine. */
const LIMIT_S = 120;

/** In a folder that the daemon's user can write to, for `$1`. */
const KINDS: readonly (readonly [what: string, by: "root" | "the daemon", script: string])[] = [
  ["folder with files", "the daemon", 'mkdir -p "$1/x" && touch "$1/x/y"'],
  ["pipe", "the daemon", 'mkfifo "$1"'],
  ["character device", "root", 'mknod "$1" c 1 5'],
  ["immutable file", "root", 'touch "$1" && { chattr +i "$1" || true; }'],
  ["mount point", "root", 'mkdir "$1" && mount -t tmpfs none "$1"'],
];

describeUnless(canBootSystemd(), "root on a node whose daemon plants files", () => {
  const node = givenNode();

  async function plant(script: string, by: "root" | "the daemon"): Promise<void> {
    await node.root.run("sh", ["-c", CLEAR]);
    const groups = "--groups=ocir-broker-daemon --regid=ocir-broker-daemon";
    const asDaemon = by === "root" ? "" : `setpriv --reuid=65534 ${groups} `;
    // The daemon writes its metric again at any time: the attacker, who is the daemon, would wait for that.
    const tries = `for try in 1 2 3 4 5; do rm -rf "$1"; ${script} && exit; done; exit 1`;
    const each = NAMES.map((name) => `${asDaemon}sh -c '${tries.replaceAll("'", "'\\''")}' sh ${METRICS}/${name}`);
    await node.root.run("sh", ["-c", `umask 0; cd ${METRICS} && ${each.join(" && ")}`]);
  }

  it.each(KINDS)("each command does its work: %s of %s", async (_, by, script) => {
    await node.installAndConnect();
    const asRoot = async (command: readonly string[]) => {
      await plant(script, by);
      return node.root.exec("timeout", ["-s", "KILL", String(LIMIT_S), ...command], { timeoutMs: 200_000 });
    };
    const link = async () => (await node.root.exec("readlink", [PLUGIN])).stdout.trim();
    const expectDone = async (command: readonly string[], leads: RegExp) => {
      const run = await asRoot(command);
      expect(run.exitCode, `${command.join(" ")}: ${run.stderr}`).toBe(0);
      expect(await link()).toMatch(leads);
    };
    await expectDone([PROGRAM, "node", "install", "--connect"], /libexec\/ocir-broker\/credential-provider-oke$/);
    await expectDone([BROKER, "disable"], /do-nothing-provider$/);
    await expectDone([BROKER, "enable"], /libexec\/ocir-broker\/credential-provider-oke$/);
    for (const command of [["status"], ["doctor"], ["node", "status"], ["node", "disconnect"], ["node", "connect"]]) {
      const { exitCode, stderr } = await asRoot([BROKER, ...command]);
      // 137: it did not end within its limit.
      expect([0, 1], `${command.join(" ")}: ${stderr}`).toContain(exitCode);
    }
    await plant(script, by);
    await node.installAndConnect();
    await expectDone([PROGRAM, "node", "remove"], /^$/);
    expect((await node.root.exec("ls", [PROGRAM])).exitCode).not.toBe(0);
    await node.root.run("sh", ["-c", CLEAR]);
  });
});
