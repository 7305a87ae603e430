/**
 * Compares the service with the least that a Node process can do in its place: in the same unit, sandbox and form of executable, with the
 * same flags. Our added time and our start are stated as multiples of that process's, because they then hold on every machine.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { CREDENTIALS_SOCKET, dropIn, SERVICE, SHIM, withDropIn } from "../system/simulated-node.ts";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { medianOf } from "./median.ts";
import { buildTimer, readTimes, timerArguments } from "./spawn-times.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const NATIVE = join(CHECKOUT, "packages/native");
const BUILD = join(CHECKOUT, "dist/bench");
const CLI_BUILD = join(CHECKOUT, "packages/cli/build");

const RUNS = 5;
const CALLS = 3_000;
/** For the compiler: a day's work. */
const WARM_UP_CALLS = 2_000;
const STARTS = 10;

export interface Multiples {
  /** What the daemon adds to a call with a C server, and what the bare server adds to it. */
  readonly ours: number;
  readonly bares: number;
  readonly added: number;
  readonly start: number;
}

/** @param request path of a request inside the root */
export async function bareMultiples(
  root: SystemdRoot,
  request: string,
  readyMs: (root: SystemdRoot) => Promise<number>,
): Promise<Multiples> {
  const program = inRoot(buildBareService());
  const timer = inRoot(buildTimer());
  execFileSync("make", ["-s", "-C", NATIVE, "bench"], { stdio: "inherit" });
  const bodyBytes = (await root.run(SHIM, [], { input: root.read(request) })).length;

  async function callsMs(socket: string): Promise<number> {
    const calls = async (rounds: number) =>
      readTimes(["shim"], await root.run(timer, timerArguments({ rounds }, request, [{ socket, program: SHIM }])));
    await calls(WARM_UP_CALLS);
    return (await calls(CALLS)).shim.p50Ms;
  }

  const bare = (...args: readonly string[]) =>
    dropIn(
      SERVICE,
      "bare",
      `[Service]\nExecPaths=${program}\nExecStart=\n` +
        `ExecStart=/usr/local/libexec/ocir-broker-launch ${[program, ...args].join(" ")}\n`,
    );
  const floorSocket = "/run/floor.sock";
  const floor = root.spawn(inRoot(join(NATIVE, "build/floor-server")), [floorSocket, String(bodyBytes)]);
  await once(floor.stdout as NodeJS.ReadableStream, "data");

  const runs: { floorMs: number; bareMs: number; oursMs: number }[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const floorMs = await callsMs(floorSocket);
    const bareMs = await withDropIn(root, bare(String(bodyBytes)), () => callsMs(CREDENTIALS_SOCKET));
    runs.push({ floorMs, bareMs, oursMs: await callsMs(CREDENTIALS_SOCKET) });
  }
  floor.kill();
  const starts: { bareMs: number; oursMs: number }[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    const bareMs = await withDropIn(root, bare(), () => readyMs(root));
    starts.push({ bareMs, oursMs: await readyMs(root) });
  }
  return {
    ours: medianOf(runs.map(({ oursMs, floorMs }) => oursMs - floorMs)),
    bares: medianOf(runs.map(({ bareMs, floorMs }) => bareMs - floorMs)),
    added: medianOf(runs.map(({ floorMs, bareMs, oursMs }) => (oursMs - floorMs) / (bareMs - floorMs))),
    start: medianOf(starts.map(({ bareMs, oursMs }) => oursMs / bareMs)),
  };
}

/** The folder of the checkout is mounted there. */
function inRoot(path: string): string {
  return `/opt/checkout/${relative(CHECKOUT, path)}`;
}

/** Built like dist/ocir-broker, with the settings of that build. */
function buildBareService(): string {
  mkdirSync(BUILD, { recursive: true });
  copyFileSync(join(import.meta.dirname, "bare-service.cjs"), join(BUILD, "bare-service.cjs"));
  const settings = JSON.parse(readFileSync(join(CLI_BUILD, "sea-config.json"), "utf8"));
  const { executable, execArgv } = settings as { executable: string; execArgv: readonly string[] };
  writeFileSync(
    join(BUILD, "sea-config.json"),
    JSON.stringify({ ...settings, main: "bare-service.cjs", output: "bare-service" }),
  );
  execFileSync(executable, [...execArgv, "--random-seed=1", "--build-sea", "sea-config.json"], {
    cwd: BUILD,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return join(BUILD, "bare-service");
}
