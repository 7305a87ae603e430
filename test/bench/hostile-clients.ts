/**
 * Measures how hostile clients of the daemon's sockets affect pulls: whole shim processes during each attack, compared with those
 * during three busy loops, which cost the machine about as much. All take turns in one run. Starts its own simulator and daemon.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { daemonConfig, LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import type { Attack } from "../hostile-clients.ts";
import { medianOf } from "./median.ts";
import { spawnTimes } from "./spawn-times.ts";

const PROGRAM = join(import.meta.dirname, "../hostile-clients.ts");
const HOST = "icn.ocir.io";
const IMAGE = `${HOST}/acme/shop/web`;
const HEALTH: readonly Attack[] = ["pipelining", "pipelining and chunks", "connect, send, close"];
const CREDENTIALS: readonly Attack[] = ["chunks on the credentials socket", "bodies byte by byte"];
const BUSY_LOOPS = 3;
/** Each attack lasts 30 s in all. */
const TURNS = 6;
const TURN_MS = 5_000;
const CALLS_AT_ONCE = 20;
const BAR = 1.5;

export interface HostileFigure {
  readonly attack: Attack | "busy loops";
  readonly p50Ms: number;
  /** Ratio to the pulls during the busy loops. */
  readonly ratio: number;
}

/** @throws Error if a pull fails, which is worse than a slow one. */
export async function hostileFigures(): Promise<readonly HostileFigure[]> {
  const directory = mkdtempSync(join(tmpdir(), "ocir-hostile-"));
  const simulator = await startSimulator();
  const config = daemonConfig(directory, simulator, { registryHosts: [HOST] });
  const daemon = await startDaemon(config, ...LAUNCHED);
  const requestPath = join(directory, "request.json");
  const request = { kind: "CredentialProviderRequest", apiVersion: "credentialprovider.kubelet.k8s.io/v1" };
  writeFileSync(requestPath, JSON.stringify({ ...request, image: IMAGE }));
  const pullMs = (calls: number): number =>
    spawnTimes(calls, 1, requestPath, { shim: { socket: config.credentialsSocket, program: SHIM } }).shim.p50Ms;
  const busy = Array.from({ length: BUSY_LOOPS }, () => ["sh", "-c", "while :; do :; done"]);
  const attackOn = (socket: string) => (attack: Attack) => ({
    attack,
    commands: [[process.execPath, PROGRAM, socket, attack]],
  });
  const rivals = [
    { attack: "busy loops" as const, commands: busy },
    ...HEALTH.map(attackOn(config.healthSocket)),
    ...CREDENTIALS.map(attackOn(config.credentialsSocket)),
  ];
  try {
    // The simulator runs in this process, which waits for the later calls: this one fetches the token.
    await callCredentialProvider({ path: SHIM, env: { OCIR_BROKER_SOCKET: config.credentialsSocket }, image: IMAGE });
    pullMs(1_000);
    const times = new Map<string, number[]>(rivals.map(({ attack }) => [attack, []]));
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const { attack, commands } of rivals) {
        const children = commands.map(([program = "", ...args]) => spawn(program, args, { stdio: "pipe" }));
        if (attack !== "busy loops") await Promise.all(children.map(({ stdout }) => once(stdout, "data")));
        const endAtMs = performance.now() + TURN_MS;
        while (performance.now() < endAtMs) times.get(attack)?.push(pullMs(CALLS_AT_ONCE));
        for (const child of children) child.kill("SIGKILL");
        await Promise.all(children.map((child) => once(child, "close")));
      }
    }
    const busyMs = medianOf(times.get("busy loops") ?? []);
    return rivals.map(({ attack }) => {
      const p50Ms = medianOf(times.get(attack) ?? []);
      return { attack, p50Ms, ratio: p50Ms / busyMs };
    });
  } finally {
    await daemon.stop();
    await simulator.close();
    rmSync(directory, { recursive: true });
  }
}

export function printHostile(figures: readonly HostileFigure[]): void {
  console.log("during hostile clients               p50 ms   to busy loops");
  for (const { attack, p50Ms, ratio } of figures) {
    const missed = ratio > BAR ? "   MISSED" : "";
    console.log(
      `  ${attack.padEnd(34)} ${p50Ms.toFixed(2).padStart(7)}   ${ratio.toFixed(2)} ×   bar: ≤ ${BAR}${missed}`,
    );
  }
}
