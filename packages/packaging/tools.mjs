/** The programs that `npm run package` needs. Plain JavaScript, because start.mjs reads it before anything is installed. */
import { spawnSync } from "node:child_process";

/** Each with the Debian packages that have it. */
const FOR_ANY = {
  make: "make",
  tar: "tar",
  gzip: "gzip",
  patchelf: "patchelf",
  "dpkg-query": "dpkg",
};
/** Debian's compiler of an architecture has the same name on that architecture and, from another package, on others. */
const FOR_X64 = {
  "musl-gcc": "musl-tools",
  "x86_64-linux-gnu-gcc": "gcc libatomic1",
  "x86_64-linux-gnu-strip": "binutils",
};
const FOR_ARM64_ON_ARM64 = {
  "aarch64-linux-gnu-gcc": "gcc libatomic1 libc6-dev",
  "aarch64-linux-gnu-strip": "binutils",
};
const FOR_ARM64_ON_X64 = {
  "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross",
  "aarch64-linux-gnu-strip": "gcc-aarch64-linux-gnu",
  "qemu-aarch64": "qemu-user",
};
/** Builds nfpm. An older Go does not download the version that linux-packages.ts names. */
const OLDEST_GO = 21;
const GO = `Go 1.${OLDEST_GO} or newer (https://go.dev/dl)`;

/**
 * What this machine lacks, and how to get it; undefined if nothing.
 *
 * @param {boolean} isForHere true for the archive of this machine's architecture alone, false for a release
 * @returns {string | undefined}
 */
export function missingTools(isForHere) {
  if (process.platform !== "linux") return "a Linux machine";
  if (!isForHere && process.arch !== "x64")
    return "a machine with an x86-64 processor: only --for here works on others";
  const forHere = process.arch === "x64" ? FOR_X64 : FOR_ARM64_ON_ARM64;
  const needed = { ...FOR_ANY, ...forHere, ...(isForHere ? {} : FOR_ARM64_ON_X64) };
  const missing = Object.entries(needed).filter(([program]) => !isInstalled(program));
  const lacksGo = !isForHere && !hasGo();
  if (missing.length === 0) return lacksGo ? GO : undefined;
  const packages = [...new Set(missing.flatMap(([, names]) => names.split(" ")))].sort().join(" ");
  const programs = missing.map(([program]) => program).join(", ");
  return `${lacksGo ? `${GO}, and ` : ""}${programs}: sudo apt-get install -y --no-install-recommends ${packages}`;
}

function hasGo() {
  const { stdout } = spawnSync("go", ["version"], { encoding: "utf8" });
  return Number(/ go1\.(\d+)/.exec(stdout ?? "")?.[1]) >= OLDEST_GO;
}

/** @param {string} program */
function isInstalled(program) {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}
