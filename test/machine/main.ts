/**
 * `npm run test:machine`: builds what a node's disk and its cloud need, makes the files of a release, and runs the tests in test/machine
 * in a network namespace of their own. With `--long`, only the tests of power cuts and images, which take hours and can be resumed. With
 * `--build`, it runs no test. If the tests cannot run, it says why and ends with status 1.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import { lackOfProgram } from "../cluster/can-run-cluster.ts";
import { buildPrograms, NEWEST_MINOR } from "../cluster/programs.ts";
import { endOfBuilds, lackAfter } from "../go-build.ts";
import { type Lack, recordLacks } from "../summary/lacks.ts";
import { ADDRESSES } from "./names.ts";
import { buildNodeDisk, NODE_DISK } from "./node-disk.ts";
import { makeReleases } from "./release.ts";

/** Debian packages of what is not built here. */
const NEEDED = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-img": "qemu-utils",
  debootstrap: "debootstrap",
  mke2fs: "e2fsprogs",
  ip: "iproute2",
  etcd: "etcd-server",
  go: "golang",
  patchelf: "patchelf",
  "musl-gcc": "musl-tools",
} as const;

/** With KVM, a kernel prints its first line within a second. */
const FIRST_LINE_LIMIT_MS = 20_000;

const mode = process.argv.includes("--long") ? "machine-long" : "machine";
const onlyBuilds = process.argv.includes("--build");
const filter = process.argv.slice(2).filter((word) => word !== "--long");
const lack = lackOfMachines();
const lacks: Lack[] = lack === undefined ? build() : [{ cause: "machine", reason: lack }];
recordLacks("machine", lacks);
if (lacks.length > 0) process.exitCode = 1;
else if (!onlyBuilds) await runTests();

function lackOfMachines(): string | undefined {
  if (process.arch !== "x64" || process.platform !== "linux") return "they need Linux on x86-64";
  if (process.getuid?.() !== 0) return "they need root";
  const lacks = Object.entries(NEEDED).flatMap(([program, name]) => lackOfProgram(program, name) ?? []);
  return lacks[0];
}

/** @returns what could not be built */
function build(): Lack[] {
  const endsAtMs = endOfBuilds();
  const programs = lackAfter(`Kubernetes 1.${NEWEST_MINOR}`, () => buildPrograms(NEWEST_MINOR, endsAtMs));
  return programs.length > 0 ? programs : lackAfter("the disk of a node", () => buildNodeDisk(endsAtMs));
}

async function runTests(): Promise<void> {
  await makeReleases();
  const accelerator = (await kvmStarts()) ? "kvm" : "tcg,thread=multi";
  console.log(`virtual machines run with ${accelerator}`);
  const network = ["ip link set lo up", ...Object.values(ADDRESSES).map((one) => `ip address add ${one}/32 dev lo`)];
  const { status } = spawnSync(
    "setpriv",
    [
      // If this process is killed, all others of the tests end too.
      ...["--pdeathsig", "KILL", "--", "unshare"],
      ...["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"],
      `${network.join(" && ")} && exec "$@"`,
      ...["sh", "vitest", "run", "--config", "vitest.system.config.ts", "--mode", mode, ...filter],
    ],
    { stdio: "inherit", env: { ...process.env, OCIR_BROKER_ACCELERATOR: accelerator } },
  );
  process.exitCode = status ?? 1;
}

/** In a virtual machine, KVM may exist and start no guest, so the first line of a kernel decides. */
async function kvmStarts(): Promise<boolean> {
  if (!existsSync("/dev/kvm")) return false;
  const child = spawn(
    "qemu-system-x86_64",
    [
      ...["-accel", "kvm", "-cpu", "max", "-m", "512", "-display", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-no-reboot", "-kernel", NODE_DISK.kernel, "-append", "console=ttyS0 panic=-1"],
    ],
    { stdio: ["ignore", "pipe", "ignore"], timeout: FIRST_LINE_LIMIT_MS, killSignal: "SIGKILL" },
  );
  // Without a disk, the kernel panics, and QEMU ends.
  return (await text(child.stdout)).includes("Linux version");
}
