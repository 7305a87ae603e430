/** The two architectures of packages: their names in each system, and the programs that build for them. */
import { spawnSync } from "node:child_process";

export interface Target {
  /** Node's name; also the end of the npm package's name. */
  readonly nodeArchitecture: "x64" | "arm64";
  readonly debArchitecture: "amd64" | "arm64";
  /** The kernel's (`uname -m`) and RPM's name. */
  readonly machine: "x86_64" | "aarch64";
  readonly compiler: string;
  readonly strip: string;
  /** The command that runs a program of this architecture here; empty if none is needed. */
  readonly emulator: string;
  /** The C library of the static programs. */
  readonly staticLibrary: "musl" | "glibc";
  /** Debian packages with the programs above. */
  readonly debianPackages: string;
}

export const TARGETS: readonly Target[] = [
  {
    nodeArchitecture: "x64",
    debArchitecture: "amd64",
    machine: "x86_64",
    compiler: "musl-gcc",
    strip: "strip",
    emulator: "",
    staticLibrary: "musl",
    debianPackages: "gcc libatomic1 musl-tools binutils",
  },
  {
    nodeArchitecture: "arm64",
    debArchitecture: "arm64",
    machine: "aarch64",
    // Debian has no cross compiler for musl. glibc costs 0.3 ms for each call, and 2 MB on disk.
    compiler: "aarch64-linux-gnu-gcc",
    strip: "aarch64-linux-gnu-strip",
    // Only an arm64 Node can create its code cache, without which the daemon's start takes 60 ms longer.
    emulator: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    staticLibrary: "glibc",
    debianPackages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libstdc++6-arm64-cross",
  },
];

interface ProgramSource {
  readonly program: string;
  /** Names, separated by spaces. */
  readonly debianPackages: string;
}

/** Programs that build packages for any target, and whose versions change the bytes. */
export const PACKERS: readonly ProgramSource[] = [
  { program: "make", debianPackages: "make" },
  { program: "tar", debianPackages: "tar" },
  { program: "gzip", debianPackages: "gzip" },
  { program: "patchelf", debianPackages: "patchelf" },
];

/** 1.21 or newer. It downloads the version that compiles nfpm, so its own changes nothing. */
const GO: ProgramSource = { program: "go", debianPackages: "golang-go" };

/** The tools that this machine lacks for the target's packages, one line each. */
export function missingPrograms(target: Target): string[] {
  return [
    ...missingFor(target).map(({ program, debianPackages }) => `${program} (Debian packages ${debianPackages})`),
    ...(process.arch === "x64" && process.platform === "linux" ? [] : ["Linux on x86-64: packages are made there"]),
  ];
}

/** The command that installs these tools on Debian or Ubuntu; undefined if none is missing. */
export function installCommand(missing: readonly ProgramSource[]): string | undefined {
  const packages = missing.flatMap(({ debianPackages }) => debianPackages.split(" "));
  if (packages.length === 0) return undefined;
  return `sudo apt-get install -y --no-install-recommends ${[...new Set(packages)].sort().join(" ")}`;
}

export function missingFor(target: Target): ProgramSource[] {
  const [emulator = ""] = target.emulator.split(" ");
  const builders = [target.compiler, target.strip, emulator].filter(Boolean);
  return [...PACKERS, GO, ...builders.map((program) => ({ program, debianPackages: target.debianPackages }))].filter(
    ({ program }) => !isInstalled(program),
  );
}

function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}
