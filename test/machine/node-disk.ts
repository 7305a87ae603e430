/**
 * The disk of a node, with the kernel that boots it: built once, and kept in the user's cache folder until something in it changes. A
 * machine never writes to it, but to a file of its own in front of it.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CACHE, runUntil } from "../go-build.ts";
import { digestOf, ENABLED_UNITS, NODE_FILES, type NodeFile } from "./node-files.ts";

const BUILD_ROOT = join(import.meta.dirname, "build-root.sh");
const FOLDER = join(CACHE, "machine");
const SIZE = "4G";

export interface NodeDisk {
  /** Raw, with one ext4 file system and no partitions. */
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
  /** Its certificate authorities, in a file of this machine. */
  readonly authorities: string;
}

const debian = join(FOLDER, `debian-${digestOf(readFileSync(BUILD_ROOT, "utf8"))}`);
const downloads = join(FOLDER, "downloads");
const folder = join(FOLDER, `disk-${digestOf(debian, SIZE, ENABLED_UNITS, NODE_FILES)}`);

export const NODE_DISK: NodeDisk = {
  image: join(folder, "disk.img"),
  kernel: join(folder, "vmlinuz"),
  initrd: join(folder, "initrd"),
  authorities: join(folder, "ca-certificates.crt"),
};

/** Builds what is missing, and removes what an earlier recipe has built. @throws BuildError if it cannot be built, or not in time */
export function buildNodeDisk(endsAtMs?: number): void {
  if (existsSync(folder)) return;
  // Packages of a build that was ended are not downloaded again.
  mkdirSync(downloads, { recursive: true });
  for (const name of readdirSync(FOLDER)) {
    if (![debian, downloads].includes(join(FOLDER, name))) rmSync(join(FOLDER, name), { recursive: true });
  }
  const unfinished = join(FOLDER, "unfinished");
  if (!existsSync(debian)) {
    console.log(`building ${debian} ...`);
    // All of its processes and mounts end with the first one.
    const own = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    runUntil(endsAtMs, "unshare", [...own, "sh", BUILD_ROOT, unfinished, downloads], FOLDER, process.env, "SIGKILL");
    renameSync(unfinished, debian);
  }
  console.log(`building ${folder} ...`);
  mkdirSync(unfinished);
  const root = join(unfinished, "root");
  execFileSync("cp", ["-a", debian, root]);
  putFiles(root, NODE_FILES);
  for (const unit of ENABLED_UNITS) enable(root, unit);
  makeFileSystem(root, join(unfinished, "disk.img"), SIZE);
  const [kernel = ""] = readdirSync(join(root, "boot")).filter((name) => name.startsWith("vmlinuz-"));
  copyFileSync(join(root, "boot", kernel), join(unfinished, "vmlinuz"));
  copyFileSync(join(root, "boot", kernel.replace("vmlinuz", "initrd.img")), join(unfinished, "initrd"));
  copyFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), join(unfinished, "ca-certificates.crt"));
  rmSync(root, { recursive: true });
  renameSync(unfinished, folder);
  rmSync(downloads, { recursive: true });
}

/** Into a folder of this machine. */
export function putFiles(root: string, files: readonly NodeFile[]): void {
  for (const { from, to, mode = 0o644 } of files) {
    const path = join(root, to);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof from === "string" ? readFileSync(from) : from.text, { mode });
  }
}

/** An ext4 file system with the folder's content, which needs no mount. */
export function makeFileSystem(from: string, image: string, size: string): void {
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", from, "-F", image, size]);
}

function enable(root: string, unit: string): void {
  const target = /WantedBy=(\S+)/.exec(readFileSync(join(root, "etc/systemd/system", unit), "utf8"))?.[1];
  const wants = join(root, `etc/systemd/system/${target}.wants`);
  mkdirSync(wants, { recursive: true });
  symlinkSync(`../${unit}`, join(wants, unit));
}
