/**
 * Does what a plan says, to the node and its cloud, and tells whether it really came about: a kill needs a process, a
 * limit must be felt. What lasts a while ends by itself, and at `calm` at the latest.
 */
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "@ocir-broker/oci-simulator";
import { leaveDescriptors, limitDescriptors } from "./descriptors.ts";
import type { Excuses } from "./excuses.ts";
import type { KnownTokens } from "./known-tokens.ts";
import { isTurnedAway, type NodeStage } from "./node-stage.ts";
import type { ChaosEvent } from "./plan.ts";
import { startSlowClients } from "./slow-clients.ts";

export interface Actor {
  /** Resolves when it is over, with whether it came about. */
  act(event: ChaosEvent): Promise<boolean>;
  /** What becomes of the daemon, as the supervisor tells it. */
  onDaemon(line: string): void;
  /** Ends whatever still lasts, and sees to it that the daemon can run. */
  calm(): void;
}

export interface ActorOptions {
  readonly stage: NodeStage;
  readonly known: KnownTokens;
  readonly excuses: Excuses;
  readonly burst: (calls: number) => void;
  readonly garbage: (calls: number) => void;
}

const OUTAGE: Fault = { endpoint: "*", refuse: true };
const DENIED_REPOSITORY = "acme/secret";

/** Of the unit. */
const DESCRIPTORS = 4_096;

export function createActor({ stage, known, excuses, burst, garbage }: ActorOptions): Actor {
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
  /** How many reloads have taken away the file that says where the registries are. */
  let lost = 0;
  /** Whether the daemon that runs has read its configuration. */
  let isReady = true;
  let full = 0;

  const forMs = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: calming.signal }).catch(() => undefined) as Promise<void>;

  /** The simulator forgets all of them at once. */
  function replaceFaults(): void {
    simulator.clearFaults();
    simulator.faults(...faults);
  }

  async function fail(fault: Fault, ms: number): Promise<boolean> {
    const over = excuses.fault(fault);
    faults.add(fault);
    simulator.faults(fault);
    await forMs(ms);
    faults.delete(fault);
    replaceFaults();
    over();
    return true;
  }

  /** False where there is nobody to get it. */
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

  async function exhaust(spare: number, ms: number): Promise<boolean> {
    const pid = supervisor.pid();
    if (pid === undefined) return false;
    const over = excuses.exhausted();
    const isLimited = leaveDescriptors(pid, spare);
    const isFelt = isLimited && (await isTurnedAway(stage.healthSocket, spare)) && supervisor.pid() === pid;
    await forMs(ms);
    limitDescriptors(pid, DESCRIPTORS);
    over();
    return isFelt;
  }

  async function close(ms: number): Promise<boolean> {
    known.forget("stopped");
    supervisor.order("close");
    await forMs(ms);
    supervisor.order("open");
    return true;
  }

  function writeConfig(text: string | undefined): boolean {
    if (text === undefined) rmSync(stage.configPath, { force: true });
    else writeFileSync(stage.configPath, text);
    return signal("SIGHUP");
  }

  async function reload({ config, forMs: ms }: Extract<ChaosEvent, { kind: "reload" }>): Promise<boolean> {
    const losesAll = config === "broken" || config === "missing";
    if (losesAll) lost += 1;
    if (losesAll && !isReady) known.forget("misconfigured");
    const isTold = writeConfig(configs[config]);
    await forMs(ms);
    if (losesAll) lost -= 1;
    writeConfig(configs.back);
    if (lost === 0) known.remember("misconfigured");
    return isTold;
  }

  async function fillDisk(ms: number): Promise<boolean> {
    const isFull = full++ > 0 || stage.fillDisk(true);
    await forMs(ms);
    if (--full === 0) stage.fillDisk(false);
    return isFull;
  }

  async function slowClients(count: number, ms: number): Promise<boolean> {
    const clients = startSlowClients(stage.credentialsSocket, count);
    await forMs(ms);
    clients.stop();
    return clients.most() >= count * 0.9;
  }

  async function deny(ms: number): Promise<boolean> {
    simulator.iam({ repository: DENIED_REPOSITORY, granted: false });
    await forMs(ms);
    simulator.iam({ repository: DENIED_REPOSITORY, granted: true });
    return true;
  }

  async function atOnce(action: () => void): Promise<boolean> {
    action();
    return true;
  }

  function stop(): void {
    known.forget("stopped");
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
        case "garbage":
          return atOnce(() => garbage(event.calls));
        case "reload":
          return reload(event);
        case "full-disk":
          return fillDisk(event.forMs);
        case "slow-clients":
          return slowClients(event.clients, event.forMs);
        case "descriptors":
          return exhaust(event.spare, event.forMs);
        case "rotate":
          return atOnce(() => simulator.rotate());
        case "denied":
          return deny(event.forMs);
      }
    },
    onDaemon(line) {
      isReady = line.startsWith("ready");
      if (!line.startsWith("started")) return;
      // With nothing to tell it where a registry is, what it had from there is not for what it thinks is there.
      if (lost > 0) known.forget("misconfigured");
      known.remember("stopped");
    },
    calm() {
      calming.abort();
      writeConfig(configs.back);
    },
  };
}
