/**
 * A node in QEMU, from its power on to its power off: what it prints on its console, and programs that run inside. It writes to a file of
 * its own in front of the node's disk, so that the same file is the same node at its next boot.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { onTestFailed } from "vitest";
import { connectGuestAgent } from "./guest-agent.ts";
import { makeFileSystem, NODE_DISK, putFiles } from "./node-disk.ts";
import type { NodeFile } from "./node-files.ts";
import { MACHINE_FOLDER } from "./release.ts";

/** Of anything that a machine does, on two busy processors and without KVM. */
export const LIMIT_MS = 1_800_000;
const POLL_MS = 200;
/** For `nice`. Time passes inside while other programs of this machine keep QEMU waiting, and a node's programs have limits. */
const PRIORITY = "-15";

/** cloud-init's last line of a boot. */
export const CLOUD_INIT_ENDED = /Cloud-init v.* finished at/;

const HARDWARE = [
  ...["-cpu", "max", "-smp", "2", "-m", "2048", "-display", "none", "-monitor", "none", "-no-reboot"],
  // By this, cloud-init knows Oracle's cloud.
  ...["-smbios", "type=3,asset=OracleCloud.com", "-uuid", "6f2a2f6c-6d0e-4c8e-9d0c-000000000001"],
  ...["-kernel", NODE_DISK.kernel, "-initrd", NODE_DISK.initrd],
  ...["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 systemd.show_status=1"],
  // QEMU itself makes the node's connections, so everything that this network namespace reaches is there for the node.
  ...["-netdev", "user,id=network,ipv6=off,net=10.0.0.0/24,host=10.0.0.1,dhcpstart=10.0.0.15"],
  ...["-device", "virtio-net-pci,netdev=network,mac=02:00:17:00:00:01"],
];

export interface MachineOptions {
  /** Of the files with what its console prints and, if a test fails, with its journal. */
  readonly name: string;
  /** From `newDisk`. */
  readonly disk: string;
  /** The node copies them to its disk early in this boot. */
  readonly files: readonly NodeFile[];
}

export type VirtualMachine = Awaited<ReturnType<typeof startMachine>>;

/** @returns the path of a new file in front of the image's disk, or in front of another such file. */
export function newDisk(path = join(temporaryFolder(), "disk"), behind: string = NODE_DISK.image): string {
  const format = behind === NODE_DISK.image ? "raw" : "qcow2";
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", behind, "-F", format, path]);
  return path;
}

/** Call it in a test. */
export async function startMachine({ name, disk, files }: MachineOptions) {
  const work = temporaryFolder();
  const given = join(work, "given");
  mkdirSync(given);
  putFiles(given, files);
  makeFileSystem(given, join(work, "given.img"), "16M");
  mkdirSync(MACHINE_FOLDER, { recursive: true });
  const consolePath = join(MACHINE_FOLDER, `${name}.console`);
  const child = spawn(
    "nice",
    [
      ...["-n", PRIORITY, "qemu-system-x86_64", "-accel", process.env["OCIR_BROKER_ACCELERATOR"] ?? "tcg,thread=multi"],
      ...HARDWARE,
      ...["-serial", `file:${consolePath}`],
      ...["-drive", `file=${disk},if=virtio,format=qcow2`],
      ...["-drive", `file=${join(work, "given.img")},if=virtio,format=raw,readonly=on`],
      ...["-chardev", `socket,id=agent,path=${join(work, "agent")},server=on,wait=off`],
      ...["-device", "virtio-serial", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const power = new AbortController();
  const ended = once(child, "close").then(() => power.abort());
  await until("QEMU has started", () => power.signal.aborted || existsSync(join(work, "agent")));
  const agent = connectGuestAgent(join(work, "agent"), power.signal);
  const printed = (): string => readFileSync(consolePath, "utf8");

  onTestFailed(async () => {
    if (power.signal.aborted) return;
    const { stdout } = await agent.exec("journalctl", ["--no-pager", "--output", "short-monotonic"]);
    writeFileSync(join(MACHINE_FOLDER, `${name}.journal`), stdout);
    child.kill("SIGKILL");
  }, LIMIT_MS);

  return {
    ...agent,
    printed,
    /** Waits until the console has such a line. */
    async untilPrinted(pattern: RegExp): Promise<void> {
      const isSo = () => {
        if (power.signal.aborted) throw new Error(`the machine is off without ${pattern}: ${consolePath}`);
        return pattern.test(printed());
      };
      await until(`${pattern} in ${consolePath}`, isSo, LIMIT_MS, POLL_MS);
    },
    /** As if the power went: what the node has not written to its disk is lost. */
    async cutPower(): Promise<void> {
      child.kill("SIGKILL");
      await ended;
    },
    /** Shuts it down as a reboot does. The next boot is another machine. */
    async shutDown(): Promise<void> {
      // The machine may be off before the response.
      agent.exec("systemctl", ["--no-block", "reboot"]).catch(() => undefined);
      await ended;
    },
  };
}
