/** The two architectures of packages: their names in each system, and the programs that build for them. */

export interface Target {
  /** Node's name; also the end of the npm package's name. */
  readonly nodeArchitecture: "x64" | "arm64";
  readonly debArchitecture: "amd64" | "arm64";
  /** The kernel's (`uname -m`) and RPM's name; also the begin of the compiler's programs. */
  readonly machine: "x86_64" | "aarch64";
  /** Of the C programs. */
  readonly compiler: string;
  /** The command that runs a program of this architecture here; empty if none is needed. */
  readonly emulator: string;
  /** The C library of the static programs. */
  readonly staticLibrary: "musl" | "glibc";
}

export const TARGETS: readonly [Target, Target] = [
  {
    nodeArchitecture: "x64",
    debArchitecture: "amd64",
    machine: "x86_64",
    compiler: "musl-gcc",
    emulator: "",
    staticLibrary: "musl",
  },
  {
    nodeArchitecture: "arm64",
    debArchitecture: "arm64",
    machine: "aarch64",
    // Debian has no cross compiler for musl. glibc costs 0.3 ms for each call, and 2 MB on disk.
    compiler: "aarch64-linux-gnu-gcc",
    // Only an arm64 Node can create its code cache, without which the daemon's start takes 60 ms longer.
    emulator: process.arch === "arm64" ? "" : "qemu-aarch64 -L /usr/aarch64-linux-gnu",
    staticLibrary: "glibc",
  },
];

/** This machine's. */
export const TARGET_HERE: Target = TARGETS[process.arch === "arm64" ? 1 : 0];
