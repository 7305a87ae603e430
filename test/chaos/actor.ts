/**
 * Carries out a plan's events on the node and its cloud, and returns whether each happened: a kill needs a process. A lasting
 * event ends by itself, or at `calm`.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "@ocir-broker/oci-simulator";
import type { KnownTokens } from "./known-tokens.ts";
import type { ChaosEvent } from "./plan.ts";
import { startSlowClients } from "./slow-clients.ts";
import type { SupervisedNode } from "./supervised-node.ts";

export interface Actor {
  /** Resolves after the event, with whether it happened. */
  act(event: ChaosEvent): Promise<boolean>;
  /** The supervisor's lines about the daemon. */
  onDaemon(line: string): void;
  /** Ends every lasting event, and restores the configuration. */
  calm(): void;
}

export interface ActorOptions {
  readonly stage: SupervisedNode;
  readonly known: KnownTokens;
  readonly burst: (calls: number) => void;
}

const OUTAGE: Fault = { endpoint: "*", refuse: true };

export function createActor({ stage, known, burst }: ActorOptions): Actor {
  const { simulator, supervisor } = stage;
  const faults = new Set<Fault>();
  const calming = new AbortController();
  const { registries } = stage.config as { registries: object };
  const original = JSON.stringify(stage.config);
  const changed = JSON.stringify({
    ...stage.config,
    registries: { ...registries, prefetch: [], extraHosts: ["registry.example.com"] },
    log: { level: "debug" },
    unknown: 1,
  });

  const forMs = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: calming.signal }).catch(() => undefined) as Promise<void>;

  async function fail(fault: Fault, ms: number): Promise<boolean> {
    faults.add(fault);
    simulator.faults(fault);
    await forMs(ms);
    faults.delete(fault);
    // The simulator clears all faults at once.
    simulator.clearFaults();
    simulator.faults(...faults);
    return true;
  }

  /** False if there is no process. */
  function signal(name: NodeJS.Signals, pid = supervisor.pid()): boolean {
    try {
      return pid !== undefined && process.kill(pid, name);
    } catch {
      return false;
    }
  }

  async function kill(times: number, everyMs: number): Promise<boolean> {
    let killed = 0;
    for (let kill = 0; kill < times && !calming.signal.aborted; kill += 1) {
      if (signal("SIGKILL")) killed += 1;
      await forMs(everyMs);
    }
    return killed > 0;
  }

  async function freeze(ms: number): Promise<boolean> {
    const pid = supervisor.pid();
    const isFrozen = signal("SIGSTOP", pid);
    await forMs(ms);
    signal("SIGCONT", pid);
    return isFrozen;
  }

  async function close(ms: number): Promise<boolean> {
    known.forget();
    supervisor.order("close");
    await forMs(ms);
    supervisor.order("open");
    return true;
  }

  function configure(text: string): boolean {
    writeFileSync(stage.configPath, text);
    return signal("SIGHUP");
  }

  async function reload(ms: number): Promise<boolean> {
    const isReloaded = configure(changed);
    await forMs(ms);
    configure(original);
    return isReloaded;
  }

  async function slowClients(count: number, ms: number): Promise<boolean> {
    const clients = startSlowClients(stage.credentialsSocket, count);
    await forMs(ms);
    clients.stop();
    return clients.most() >= count * 0.9;
  }

  async function atOnce(action: () => void): Promise<boolean> {
    action();
    return true;
  }

  function stop(): void {
    known.forget();
    supervisor.order("stop");
  }

  return {
    act(event) {
      switch (event.kind) {
        case "fault":
          return fail(event.fault, event.forMs);
        case "outage":
          return fail(OUTAGE, event.forMs);
        case "kill":
          return kill(event.times, event.everyMs);
        case "freeze":
          return freeze(event.forMs);
        case "restart":
          return atOnce(() => supervisor.order("restart"));
        case "stop":
          return atOnce(stop);
        case "close":
          return close(event.forMs);
        case "burst":
          return atOnce(() => burst(event.calls));
        case "reload":
          return reload(event.forMs);
        case "slow-clients":
          return slowClients(event.clients, event.forMs);
      }
    },
    onDaemon(line) {
      if (line.startsWith("started")) known.remember();
    },
    calm() {
      calming.abort();
      configure(original);
    },
  };
}
