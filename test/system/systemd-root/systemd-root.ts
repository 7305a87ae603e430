/**
 * A real systemd as process 1 of temporary namespaces, for tests: an overlay of the host's root, own mounts, processes, network
 * (`lo` only) and control groups. Several can run at once. It is not a security boundary: root inside is root outside, so run
 * only the project's own units.
 *
 * `powerOff()` removes everything. If the test's process is killed, the kernel kills the whole tree (parent-death signal), and
 * the next boot on this machine removes the two empty folders that remain:
 * `<tmp>/ocir-systemd-<pid>-*` and the control group of the same name.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs, { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroup2Folder } from "./can-boot-systemd.ts";
import { endCgroup } from "./end-cgroup.ts";

export { canBootSystemd } from "./can-boot-systemd.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
const PREFIX = "ocir-systemd-";
const BOOT_LIMIT_MS = 120_000;
/** Time limit of a shutdown; longer than every TimeoutStopSec in the tests. */
const POWER_OFF_LIMIT_MS = 30_000;
const EXEC_LIMIT_MS = 60_000;
const POLL_MS = 20;
/** systemd(1)'s signal for "power off", SIGRTMIN+4, which has no name in Node. */
const SIGNAL_POWER_OFF = 38;
/** `nsenter` keeps its caller's capabilities, so this drops the same ones as for process 1. */
const BOUNDING_SET = "-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-wake_alarm,-mac_admin,-mac_override";

export interface InstalledFile {
  /** Path on the host, or the text itself. */
  from: string | { text: string };
  /** Absolute path inside; missing folders get mode 0755. */
  to: string;
  /** Octal, as for chmod. Default 0644. */
  mode?: number;
}

interface BootOptions {
  /** Put in place before systemd starts; sysusers.d is applied at once, tmpfiles.d by systemd itself. */
  files?: readonly InstalledFile[];
  /** Units to enable as their [Install] sections say, so that the boot starts them. */
  enable?: readonly string[];
}

export interface ExecOptions {
  /** Runs as this user and the group of the same number, with no other groups. Default root. */
  uid?: number;
  /** Killed after this long; `exitCode` is then null. Default 60 s. */
  timeoutMs?: number;
  /** Its stdin. Default: empty. */
  input?: string | Buffer;
  env?: Readonly<Record<string, string>>;
}

export type SystemdRoot = ReturnType<typeof systemAt>;
export type ExecResult = Awaited<ReturnType<SystemdRoot["exec"]>>;

/** Boots, and returns when the system is up (`running`, or `degraded` if a unit under test failed). */
export async function bootSystemd(options: BootOptions = {}): Promise<SystemdRoot> {
  const cgroups = cgroup2Folder();
  if (cgroups === undefined) throw new Error("no cgroup2 tree is mounted");
  sweep(cgroups);

  const state = fs.mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const cgroup = join(cgroups, basename(state));
  mkdirSync(join(state, "root"));
  mkdirSync(join(state, "memory"));
  mkdirSync(cgroup);
  writeFileSync(join(state, "install"), installList(state, options.files ?? []));

  // The process that Node starts is `unshare`, whose only child is process 1. That one joins the control group before it makes it the root
  // of a new tree; `unshare` does not, because systemd can give controllers to groups only if no foreign process is beside them.
  const log = fs.openSync(join(state, "log"), "a");
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "--", "unshare", "--fork", "--kill-child"],
      ...["--mount", "--pid", "--uts", "--ipc", "--net", "--propagation", "private", "--"],
      ...["sh", "-c", 'echo $$ >"$1/cgroup.procs"; shift; exec unshare --cgroup "$@"', "sh", cgroup],
      ...[join(import.meta.dirname, "enter.sh"), state, CHECKOUT, ...(options.enable ?? [])],
    ],
    { stdio: ["ignore", log, log] },
  );
  const dispose = (): void => {
    endCgroup(cgroup);
    fs.rmSync(state, { recursive: true, force: true });
  };
  try {
    return await waitForBoot(child, state, dispose);
  } catch (error) {
    if (isRunning(child) && child.kill("SIGKILL")) await once(child, "close");
    dispose();
    throw error;
  }
}

/**
 * A booted system.
 *
 * @param hostPid process 1 inside, seen from the host: `/proc/<hostPid>/root` is its root
 */
function systemAt(hostPid: number, child: ChildProcess, dispose: () => void) {
  const outside = (path: string) => join(`/proc/${hostPid}/root`, path);

  /**
   * Runs a program inside, outside of any unit, and waits for it. Never rejects because of how the program ends.
   * Use `systemd-run` for a program that must run concurrently.
   */
  async function exec(command: string, args: readonly string[] = [], options: ExecOptions = {}) {
    const program = spawn("nsenter", insideArguments(hostPid, command, args, options));
    // A program may close its input early; its exit status says more.
    program.stdin.on("error", () => undefined);
    program.stdin.end(options.input ?? "");
    // Kills the program instead of nsenter: an orphan would get a parent outside, and its PID namespace could not end until that
    // parent reaps it.
    const late = setTimeout(() => {
      const inside = onlyChildOf(program.pid);
      if (inside === undefined) program.kill("SIGKILL");
      else process.kill(inside, "SIGKILL");
    }, options.timeoutMs ?? EXEC_LIMIT_MS);
    const closed = once(program, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    const [stdout, stderr, [exitCode, signal]] = await Promise.all([
      text(program.stdout),
      text(program.stderr),
      closed,
    ]);
    clearTimeout(late);
    return { exitCode, signal, stdout, stderr };
  }

  /** As `exec`, but an exit code other than 0 is an error that shows the output. Returns stdout without its last newline. */
  async function run(command: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<string> {
    const result = await exec(command, args, options);
    if (result.exitCode !== 0) {
      const how = result.exitCode ?? result.signal;
      throw new Error(`${command} ${args.join(" ")}: ended with ${how}\n${result.stdout}${result.stderr}`);
    }
    return result.stdout.replace(/\n$/, "");
  }

  return {
    hostPid,
    exec,
    run,
    /** Starts a program inside as a child of the test, to stream its output. The caller must end it. */
    spawn: (command: string, args: readonly string[] = []): ChildProcess =>
      spawn("nsenter", insideArguments(hostPid, command, args, {}), { stdio: ["ignore", "pipe", "pipe"] }),
    /** Messages of the unit, and of systemd about it. */
    async journal(unit: string): Promise<string> {
      await run("journalctl", ["--sync"]);
      return run("journalctl", ["--unit", unit, "--output", "cat", "--no-pager"]);
    },
    /** A property of a unit as `systemctl show` prints it. */
    property: (unit: string, name: string) => run("systemctl", ["show", "--property", name, "--value", unit]),
    read: (path: string): Buffer => readFileSync(outside(path)),
    /** Writes a file inside, folders above it included. */
    write(path: string, content: string | Buffer, mode = 0o644): void {
      mkdirSync(join(outside(path), ".."), { recursive: true, mode: 0o755 });
      writeFileSync(outside(path), content, { mode });
    },
    /** Shuts down gracefully, then removes everything. May be called twice. */
    async powerOff(): Promise<void> {
      if (isRunning(child)) {
        process.kill(hostPid, SIGNAL_POWER_OFF);
        const late = setTimeout(() => child.kill("SIGKILL"), POWER_OFF_LIMIT_MS);
        await once(child, "close");
        clearTimeout(late);
      }
      dispose();
    },
  };
}

async function waitForBoot(child: ChildProcess, state: string, dispose: () => void): Promise<SystemdRoot> {
  const deadline = performance.now() + BOOT_LIMIT_MS;
  while (isRunning(child) && performance.now() < deadline) {
    const hostPid = onlyChildOf(child.pid);
    if (hostPid !== undefined && existsSync(`/proc/${hostPid}/root/run/systemd/private`)) {
      const root = systemAt(hostPid, child, dispose);
      const timeoutMs = Math.max(1, deadline - performance.now());
      const response = await root.exec("systemctl", ["is-system-running", "--wait"], { timeoutMs });
      const system = response.stdout.trim();
      if (system === "running" || system === "degraded") return root;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`systemd did not boot within ${BOOT_LIMIT_MS} ms:\n${readFileSync(join(state, "log"), "utf8")}`);
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function onlyChildOf(pid: number | undefined): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return first ? Number(first) : undefined;
  } catch {
    return undefined;
  }
}

function insideArguments(hostPid: number, command: string, args: readonly string[], options: ExecOptions): string[] {
  const user = options.uid === undefined ? [] : [`--reuid=${options.uid}`, `--regid=${options.uid}`, "--clear-groups"];
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return [
    ...["--target", String(hostPid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"],
    ...["--root", "--wdns=/", "--"],
    ...["setpriv", "--inh-caps=-all", `--bounding-set=${BOUNDING_SET}`, ...user, "--"],
    ...["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/", ...env, command, ...args],
  ];
}

function installList(state: string, files: readonly InstalledFile[]): string {
  const lines = files.map((file, index) => {
    let source = file.from;
    if (typeof source !== "string") {
      const written = join(state, `file-${index}`);
      writeFileSync(written, source.text);
      source = written;
    }
    return `${(file.mode ?? 0o644).toString(8)}\t${source}\t${file.to}\n`;
  });
  return lines.join("");
}

/** Removes folders that a killed test has left, by the process id in their name. */
function sweep(cgroups: string): void {
  for (const folder of [cgroups, tmpdir()]) {
    for (const name of fs.readdirSync(folder)) {
      const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
      if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
      if (folder === cgroups) endCgroup(join(folder, name));
      else fs.rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}
