/**
 * Nodes of one cluster on a clock that is moved: the real rollout with doubles of the API server, of systemd's kubelet and of
 * `ocir-broker node`. A pod that is killed stops wherever it waits.
 */
import type { KubeletNeed } from "@ocir-broker/protocol/node-result";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import type { NodeFacts } from "../src/decide.ts";
import type { NodeProgram } from "../src/node-program.ts";
import { rollOut } from "../src/rollout.ts";
import { type ApiServer, createApiServer, TOKEN } from "./api-server.ts";

export const MINUTE_S = 60;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;
export const LEASE_SECONDS = 900;
const FILES = { config: "/c.yaml", binDir: "/bin" };
const FLAGS_FILE = "/etc/kubelet.conf";
const HEARTBEAT_S = 120;
const STEADY_S = 30;
const AUTO_RESTART_S = 10;

/** How a kubelet fails. */
export type Failure = "with-flags" | "always" | "silent" | "ignores-flags";

interface Chart {
  revision: number;
  /** A change that kubelets must read. */
  config: number;
  mode: "install" | "remove";
  mayRestart: boolean;
}

export interface Pod {
  readonly said: string[];
  isReady: boolean;
  /** As by the kernel, for want of memory. */
  kill(): void;
  /** As by the kubelet for a deleted pod. */
  terminate(): Promise<void>;
  readonly isOver: () => boolean;
  readonly ended: Promise<void>;
}

export type SimulatedNode = ReturnType<typeof newNode>;

/** A node without ocir-broker. */
const newNode = (name: string) => ({
  name,
  installed: undefined as string | undefined,
  hasFlags: false,
  /** Flags that are not ours. */
  hasPoolFlags: false,
  /** The change of the configuration that the files have. */
  config: 0,
  /** What the running kubelet has read; undefined: it runs without flags. */
  kubelet: { read: undefined } as { readonly read: number | undefined } | "stopped",
  startMs: 0,
  failure: undefined as Failure | undefined,
  isDiskFull: false,
  /** What the node's programs did: `install`, `connect`, `disconnect`, `remove`. */
  steps: [] as string[],
  /** The tries in which the kubelet was restarted. */
  restarts: [] as string[],
  /** Requests of a person. */
  requests: 0,
  changedS: -HOUR_S,
  metric: false,
  pod: undefined as Pod | undefined,
});

export type Simulation = ReturnType<typeof createSimulation>;

export function createSimulation(seed: number, names: readonly string[]) {
  const random = createSeededRandom(seed);
  const clock = createFakeClock();
  const api: ApiServer = createApiServer(() => clock.wallMs());
  const startMs = clock.wallMs();
  const nowS = () => (clock.wallMs() - startMs) / 1_000;
  /** Promises that were broken. */
  const broken: string[] = [];
  const chart: Chart = { revision: 1, config: 1, mode: "install", mayRestart: true };
  const nodes = names.map(newNode);
  const nodeOf = (name: string) => api.nodes.get(name);
  const at = (seconds: number, wake: () => void) => void clock.setTimer(wake, seconds * 1_000);
  const between = (least: number, most: number) => least + random() * (most - least);
  const breaks = (node: SimulatedNode, text: string): void => {
    broken.push(
      `${node.name} at ${(nowS() / DAY_S).toFixed(3)} d: ${text} ${JSON.stringify({ ...node, pod: undefined })}`,
    );
  };
  for (const node of nodes) {
    api.addNode(node.name);
    node.startMs = startMs;
    const beat = () => {
      if (api.isUp && node.kubelet !== "stopped" && node.failure !== "silent") api.beat(node.name);
      at(HEARTBEAT_S, beat);
    };
    at(between(1, HEARTBEAT_S), beat);
  }

  const isCurrent = ({ kubelet, config }: SimulatedNode) => kubelet !== "stopped" && kubelet.read === config;

  function needOf(node: SimulatedNode): KubeletNeed {
    const isInUnit = node.hasFlags || node.hasPoolFlags;
    if (isCurrent(node)) return { kind: "nothing" };
    if (node.kubelet !== "stopped" && node.kubelet.read !== undefined)
      return { kind: "restart", because: "configuration" };
    if (isInUnit) return { kind: "restart", because: "flags" };
    return { kind: "flags", why: "none", change: { file: FLAGS_FILE, line: "" } };
  }

  /** A start of the kubelet by systemd, which repeats one that fails. */
  function startKubelet(node: SimulatedNode): void {
    const { failure, hasFlags, hasPoolFlags } = node;
    const isInUnit = hasFlags || hasPoolFlags;
    const start = clock.wallMs();
    node.startMs = start;
    if (failure === "always" || (failure === "with-flags" && isInUnit)) {
      node.kubelet = "stopped";
      at(50, () => node.kubelet === "stopped" && api.beat(node.name, false));
      at(AUTO_RESTART_S, () => node.startMs === start && startKubelet(node));
      return;
    }
    node.kubelet = { read: isInUnit && failure !== "ignores-flags" ? node.config : undefined };
    const isSame = () => node.startMs === start && node.kubelet !== "stopped" && api.isUp;
    if (failure === "silent") at(50, () => isSame() && node.failure === "silent" && api.beat(node.name, false));
    else at(between(1, 15), () => isSame() && api.beat(node.name));
  }

  function programOn(node: SimulatedNode, revision: number, wait: (seconds: number) => Promise<void>): NodeProgram {
    const version = `1.0.${revision}`;
    const { config } = chart;
    const begins = (step: string) => {
      node.steps.push(step);
      const { holderIdentity } = api.lease.spec ?? {};
      if (holderIdentity !== node.name) breaks(node, `begins ${step}, and ${holderIdentity} holds the Lease`);
    };
    const restart = async () => {
      node.restarts.push(`${revision}/${node.requests}`);
      startKubelet(node);
      await wait(STEADY_S);
    };
    const look = (): NodeFacts => {
      const isThere = node.installed !== undefined;
      return {
        isDisabled: false,
        isThere,
        isAsWanted: node.installed === version && node.config === config,
        need: isThere ? needOf(node) : undefined,
        flags: isThere ? FILES : undefined,
        flagsIn: isThere && node.hasFlags ? FLAGS_FILE : undefined,
        kubeletStartMs: Math.floor(node.startMs / 1_000) * 1_000,
        version: node.installed,
        summary: isThere
          ? `version ${node.installed} is installed, and ${node.hasFlags ? `flags were added to ${FLAGS_FILE}` : "no flags were added"}`
          : "ocir-broker is not installed",
      };
    };
    const full = { ok: false, reason: "nothing can be written: ENOSPC" } as const;
    return {
      version,
      async look() {
        await wait(between(0.1, 1));
        return look();
      },
      async install() {
        begins("install");
        await wait(between(5, 40));
        if (node.isDiskFull) return full;
        Object.assign(node, { installed: version, config });
        return { ok: true };
      },
      async connect(_files, limitSeconds) {
        begins("connect");
        await wait(between(0.5, 3));
        const hadFlags = node.hasFlags || node.hasPoolFlags;
        if (!hadFlags && node.isDiskFull) return full;
        if (!hadFlags) node.hasFlags = true;
        if (isCurrent(node)) return { ok: true };
        await restart();
        if (isCurrent(node)) return { ok: true };
        await wait(limitSeconds - STEADY_S);
        if (isCurrent(node)) return { ok: true };
        const reason = "the kubelet was not seen to run with its flags";
        if (hadFlags || node.isDiskFull) return { ok: false, reason: `${reason}, and they stay` };
        node.hasFlags = false;
        await wait(1);
        await restart();
        return { ok: false, reason: `${reason}: they are taken back` };
      },
      async disconnect(limitSeconds) {
        begins("disconnect");
        await wait(between(0.5, 3));
        if (node.isDiskFull) return full;
        const keeps = node.kubelet !== "stopped" && node.kubelet.read !== undefined && !node.hasPoolFlags;
        const hadFlags = node.hasFlags;
        node.hasFlags = false;
        await wait(0.5);
        if (!hadFlags && !keeps) return { ok: true };
        await restart();
        if (node.kubelet === "stopped") await wait(limitSeconds - STEADY_S);
        return node.kubelet === "stopped" ? { ok: false, reason: "it was not seen to run" } : { ok: true };
      },
      async remove() {
        begins("remove");
        await wait(between(1, 10));
        if (node.isDiskFull) return full;
        node.installed = undefined;
        return { ok: true, left: [{ path: "/etc/kubernetes/c.yaml", why: "a kubelet still names it" }] };
      },
    };
  }

  function check(node: SimulatedNode, { method, path, body }: { method: string; path: string; body?: object }): void {
    const { labels = {} } = nodeOf(node.name).metadata;
    const text = JSON.stringify(body ?? {});
    if (method !== "PATCH" || !path.includes("/nodes/")) return;
    if (text.includes('"spec"')) breaks(node, `its spec is changed: ${text}`);
    // What others have changed since it looked is not its error.
    if (!text.includes("ocir-broker/state") || nowS() - node.changedS < 15 * MINUTE_S) return;
    const state = labels["ocir-broker/state"];
    if (state === "installed" && !(isCurrent(node) && labels["ocir-broker/version"] === node.installed))
      breaks(node, "it is not installed");
    if ((state === "needs-restart" || state === "needs-flags") && isCurrent(node)) breaks(node, `it is not ${state}`);
  }

  function startPod(
    node: SimulatedNode,
    { token = TOKEN, wrap = (program: NodeProgram): NodeProgram => program } = {},
  ): Pod {
    const { revision, mode, mayRestart } = chart;
    const ending = new AbortController();
    const never = new Promise<never>(() => {});
    let isKilled = false;
    let isOver = false;
    const alive = async <Value>(value: Promise<Value>): Promise<Value> => {
      const result = await value;
      return isKilled ? never : result;
    };
    const wait = (seconds: number) => alive(new Promise<void>((resolve) => at(seconds, resolve)));
    const client = api.client(token);
    const send: typeof client.send = async (request) => {
      if (isKilled) await never;
      const response = await client.send(request);
      check(node, request);
      // The response is lost.
      if (seed > 0 && random() < 0.000_5) throw new Error("socket hang up");
      return response;
    };
    const aborted = (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    const said: string[] = [];
    const ended = rollOut({
      settings: {
        node: node.name,
        pod: `pod-${node.name}`,
        namespace: "ocir-broker",
        leaseSeconds: LEASE_SECONDS,
        revision: String(revision),
        mayRestart,
        mode,
      },
      api: { send },
      program: wrap(programOn(node, revision, wait)),
      clock,
      deadline: () => ending.signal,
      pause: (seconds, signals) =>
        alive(
          Promise.race([
            wait(between(seconds / 2, seconds)),
            ...signals.filter((signal) => !signal.aborted).map(aborted),
          ]),
        ),
      ending: ending.signal,
      setReady(ready) {
        pod.isReady = ready;
      },
      showFailed(isFailed) {
        node.metric = isFailed;
      },
      say: (text) => void said.push(text),
    }).then(() => {
      isOver = true;
    });
    const pod: Pod = {
      said,
      isReady: false,
      isOver: () => isOver,
      kill() {
        isKilled = true;
      },
      terminate() {
        ending.abort();
        return ended;
      },
      ended,
    };
    node.pod = pod;
    void ended.catch((error) => breaks(node, `its program ended: ${error}`));
    return pod;
  }

  return {
    api,
    clock,
    nodes,
    chart,
    broken,
    random,
    between,
    at,
    isCurrent,
    startPod,
    startKubelet,
    nodeOf,
    nowS,
    stateOf: (name: string): string | undefined => nodeOf(name).metadata.labels?.["ocir-broker/state"],
    ask(node: SimulatedNode): void {
      node.requests += 1;
      const { metadata } = nodeOf(node.name);
      metadata.annotations = { ...metadata.annotations, "ocir-broker/retry": "now" };
    },
    /** The cause of its failures ends: systemd starts its kubelet. */
    heal(node: SimulatedNode): void {
      const { failure } = node;
      Object.assign(node, { failure: undefined, isDiskFull: false, changedS: nowS() });
      if (failure === "ignores-flags" || node.kubelet === "stopped") startKubelet(node);
      else if (failure === "silent") api.beat(node.name);
    },
    runUntil: (endS: number) => clock.advance((endS - nowS()) * 1_000),
    async until(isSo: () => boolean, limitS = DAY_S): Promise<void> {
      const endS = nowS() + limitS;
      while (!isSo()) {
        if (nowS() > endS) throw new Error(`it is not so after ${limitS} s: ${isSo}`);
        await clock.advance(1_000);
      }
    },
  };
}
