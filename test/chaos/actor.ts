/** Does what a plan says, to the node and its cloud. What lasts a while ends by itself, and at `calm` at the latest. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "@ocir-broker/oci-simulator";
import type { KnownTokens } from "./known-tokens.ts";
import type { NodeStage } from "./node-stage.ts";
import type { ChaosEvent } from "./plan.ts";
import { startSlowClients } from "./slow-clients.ts";

export interface Actor {
  /** Resolves when it is over. */
  act(event: ChaosEvent): Promise<void>;
  /** Ends whatever still lasts, and sees to it that the daemon can run. */
  calm(): void;
  /** Whether the daemon may open no descriptor while something is wrong with the cloud: then nobody can help. */
  isHelpless(): boolean;
}

export interface ActorOptions {
  readonly stage: NodeStage;
  readonly known: KnownTokens;
  readonly burst: (calls: number) => void;
  readonly garbage: (calls: number) => void;
}

const OUTAGE: Fault = { endpoint: "*", refuse: true };
const DENIED_REPOSITORY = "acme/secret";

/** Of the unit. */
const DESCRIPTORS = 4_096;

export function createActor({ stage, known, burst, garbage }: ActorOptions): Actor {
  const { simulator, supervisor } = stage;
  const faults = new Set<Fault>();
  const calming = new AbortController();
  const { registries } = stage.config as { registries: object };
  const configs = {
    back: JSON.stringify(stage.config),
    changed: JSON.stringify({
      ...stage.config,
      registries: { ...registries, prefetch: [], extraHosts: ["registry.example.com"] },
      log: { level: "debug" },
    }),
    "unknown-key": JSON.stringify({ ...stage.config, sockets: { credential: "/x" }, more: 1 }),
    broken: "registries: [",
    missing: undefined,
  };
  let exhausted = 0;
  let full = 0;

  const forMs = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: calming.signal }).catch(() => undefined) as Promise<void>;

  /** The simulator forgets all of them at once. */
  function replaceFaults(): void {
    simulator.clearFaults();
    simulator.faults(...faults);
  }

  async function fail(fault: Fault, ms: number): Promise<void> {
    faults.add(fault);
    simulator.faults(fault);
    await forMs(ms);
    faults.delete(fault);
    replaceFaults();
  }

  function signal(name: NodeJS.Signals, pid = supervisor.pid()): void {
    try {
      if (pid !== undefined) process.kill(pid, name);
    } catch {
      // It has just ended.
    }
  }

  async function freeze(ms: number): Promise<void> {
    const pid = supervisor.pid();
    signal("SIGSTOP", pid);
    await forMs(ms);
    signal("SIGCONT", pid);
  }

  async function exhaust(spare: number, ms: number): Promise<void> {
    const pid = supervisor.pid();
    if (pid === undefined) return;
    exhausted += 1;
    limitDescriptors(
      pid,
      Number(
        execFileSync("ls", [`/proc/${pid}/fd`])
          .toString()
          .trim()
          .split("\n").length,
      ) + spare,
    );
    await forMs(ms);
    limitDescriptors(pid, DESCRIPTORS);
    exhausted -= 1;
  }

  async function close(ms: number): Promise<void> {
    known.forget();
    supervisor.order("close");
    await forMs(ms);
    supervisor.order("open");
  }

  function writeConfig(text: string | undefined): void {
    if (text === undefined) rmSync(stage.configPath, { force: true });
    else writeFileSync(stage.configPath, text);
    signal("SIGHUP");
  }

  async function reload({ config, forMs: ms }: Extract<ChaosEvent, { kind: "reload" }>): Promise<void> {
    writeConfig(configs[config]);
    await forMs(ms);
    writeConfig(configs.back);
  }

  return {
    isHelpless: () => exhausted > 0 && faults.size > 0,
    async act(event) {
      switch (event.kind) {
        case "fault":
          return fail(event.fault, event.forMs);
        case "outage":
          return fail(OUTAGE, event.forMs);
        case "kill":
          for (let kill = 0; kill < event.times && !calming.signal.aborted; kill += 1) {
            signal("SIGKILL");
            await forMs(event.everyMs);
          }
          return;
        case "freeze":
          return freeze(event.forMs);
        case "restart":
          return supervisor.order("restart");
        case "stop":
          known.forget();
          return supervisor.order("stop");
        case "close":
          return close(event.forMs);
        case "burst":
          return burst(event.calls);
        case "garbage":
          return garbage(event.calls);
        case "reload":
          return reload(event);
        case "full-disk":
          if (full++ === 0) stage.fillDisk(true);
          await forMs(event.forMs);
          if (--full === 0) stage.fillDisk(false);
          return;
        case "slow-clients": {
          const clients = startSlowClients(stage.credentialsSocket, event.clients);
          await forMs(event.forMs);
          return clients.stop();
        }
        case "descriptors":
          return exhaust(event.spare, event.forMs);
        case "rotate":
          return simulator.rotate();
        case "denied":
          simulator.iam({ repository: DENIED_REPOSITORY, granted: false });
          await forMs(event.forMs);
          return simulator.iam({ repository: DENIED_REPOSITORY, granted: true });
      }
    },
    calm() {
      calming.abort();
      writeConfig(configs.back);
    },
  };
}

/** The soft limit only, so that it can be raised again without privileges. */
function limitDescriptors(pid: number, count: number): void {
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${count}:`], { stdio: "ignore" });
  } catch {
    // It has just ended, and its successor has a limit of its own.
  }
}
