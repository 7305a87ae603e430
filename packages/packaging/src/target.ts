/** The two kinds of machine that packages are made for: what each world calls them, and the programs that build for them. */
import { spawnSync } from "node:child_process";

export interface Target {
  /** As Node says it; also the end of the npm package's name. */
  readonly nodeArchitecture: "x64" | "arm64";
  readonly debArchitecture: "amd64" | "arm64";
  /** As the kernel (`uname -m`) and RPM say it. */
  readonly machine: "x86_64" | "aarch64";
  readonly compiler: string;
  readonly strip: string;
  /** The command that runs a program of this architecture here; empty if the machine itself does. */
  readonly emulator: string;
  /** The C library inside of the static programs. */
  readonly staticLibrary: "musl" | "glibc";
  /** Debian packages that bring the programs above. */
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
    debianPackages: "gcc musl-tools binutils",
  },
  {
    nodeArchitecture: "arm64",
    debArchitecture: "arm64",
    machine: "aarch64",
    // Debian has no cross compiler for musl: glibc costs 0.3 ms a call and 2 MB on disk.
    compiler: "aarch64-linux-gnu-gcc",
    strip: "aarch64-linux-gnu-strip",
    // Only an arm64 Node can make the code cache for one; without it the daemon takes 60 ms more to start.
    emulator: "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    staticLibrary: "glibc",
    debianPackages:
      "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libstdc++6-arm64-cross libatomic1-arm64-cross",
  },
];

/** Programs that make packages, whatever the target. */
export const PACKERS = [
  { program: "make", debianPackage: "make" },
  { program: "tar", debianPackage: "tar" },
  { program: "gzip", debianPackage: "gzip" },
  // Not run: its library compresses the .deb and the .rpm, and it tells that library's version.
  { program: "xz", debianPackage: "xz-utils" },
  { program: "dpkg-deb", debianPackage: "dpkg" },
  { program: "rpmbuild", debianPackage: "rpm" },
] as const;

/** The tools that this machine lacks to make the target's packages, one line each. */
export function missingPrograms(target: Target): string[] {
  const packers = PACKERS.filter(({ program }) => !isInstalled(program));
  const [emulator = ""] = target.emulator.split(" ");
  const builders = [target.compiler, target.strip, emulator].filter((program) => program && !isInstalled(program));
  return [
    ...packers.map(({ program, debianPackage }) => `${program} (Debian package ${debianPackage})`),
    ...builders.map((program) => `${program} (Debian packages ${target.debianPackages})`),
    ...(process.arch === "x64" && process.platform === "linux" ? [] : ["Linux on x86-64: packages are made there"]),
  ];
}

function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0;
}
