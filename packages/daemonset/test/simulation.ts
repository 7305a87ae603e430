/**
 * A month of a rollout on many nodes, on a clock that is moved: the real rollout with doubles of the API server and of `ocir-broker node`.
 * Everything that a pod writes is compared with its node at that moment.
 */
import type { KubeletNeed, NodeResult } from "@ocir-broker/protocol/node-result";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { leftIn, type NodeProgram } from "../src/node-program.ts";
import { rollOut } from "../src/rollout.ts";
import { type ApiServer, createApiServer, TOKEN } from "./api-server.ts";

export const MINUTE_S = 60;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;
const LEASE_SECONDS = 900;
const FILES = { config: "/c.yaml", binDir: "/bin" };
const FLAGS_FILE = "/etc/kubelet.conf";

/** How a kubelet fails. */
type Failure = "with-flags" | "always" | "silent" | "ignores-flags";

export type SimulatedNode = ReturnType<typeof newNode>;

/** A node without ocir-broker, and its pod's life. */
const newNode = (name: string) => ({
  name,
  installed: undefined as string | undefined,
  isRecorded: false,
  hasFlags: false,
  /** The change of the configuration that the files have, and that the running kubelet has read; undefined: it runs without flags. */
  config: 0,
  kubelet: { read: undefined } as { readonly read: number | undefined } | "stopped",
  failure: undefined as Failure | undefined,
  canInstall: true,
  stuck: undefined as { readonly since: number; readonly kind: "volume" | "pull" | "churn" } | undefined,
  restarts: [] as number[],
  /** The last time that a person acted. */
  personS: 0,
  /** The last time that something else than its pod changed it. */
  changedS: 0,
  life: undefined as { isOver: boolean; readonly revision: number; readonly ending: AbortController } | undefined,
});

export type Simulation = ReturnType<typeof createSimulation>;

export function createSimulation(seed: number, count: number) {
  const random = createSeededRandom(seed);
  const api: ApiServer = createApiServer();
  api.mayListPods = true;
  const clock = createFakeClock();
  const startMs = clock.wallMs();
  const nowS = () => (clock.wallMs() - startMs) / 1_000;
  const broken: string[] = [];
  const chart = { revision: 1, config: 1 };
  const nodes = Array.from({ length: count }, (_, index) => newNode(`node-${index}`));
  for (const { name } of nodes) api.addNode(name);
  const nodeOf = (name: string) => api.nodes.get(name);
  const version = () => `1.0.${chart.revision}`;
  const at = (seconds: number, wake: () => void) => void clock.setTimer(wake, seconds * 1_000);
  const sleep = (seconds: number) => new Promise<void>((resolve) => at(seconds, resolve));
  const between = (least: number, most: number) => least + random() * (most - least);
  const isCurrent = ({ kubelet, config }: SimulatedNode) => kubelet !== "stopped" && kubelet.read === config;
  const breaks = (node: SimulatedNode, text: string): void => {
    broken.push(`${node.name} at ${(nowS() / DAY_S).toFixed(3)} d: ${text}`);
  };

  api.podsFor = (url) => {
    const node = nodes.find(({ name }) => url.includes(`spec.nodeName%3D${name}%2C`));
    if (node?.stuck === undefined) return [];
    const { since, kind } = node.stuck;
    // A new pod every ten minutes, as of a job that fails.
    const bornS = kind === "churn" ? nowS() - (nowS() % 600) : since;
    const reason = kind === "pull" ? "ImagePullBackOff" : "ContainerCreating";
    return [
      {
        metadata: { namespace: "shop", name: `pod-${bornS}` },
        status: {
          startTime: new Date(startMs + bornS * 1_000).toISOString(),
          conditions: [{ type: "PodReadyToStartContainers", status: kind === "volume" ? "False" : "True" }],
          containerStatuses: [{ state: { waiting: { reason } } }],
        },
      },
    ];
  };

  const needOfUnit = ({ hasFlags }: SimulatedNode): KubeletNeed =>
    hasFlags
      ? { kind: "restart", because: "flags" }
      : { kind: "flags", why: "none", change: { file: FLAGS_FILE, line: "" } };

  function statusOf(node: SimulatedNode): NodeResult & { reason: string } {
    const found = { version: node.installed ?? "", steps: [], reason: "" };
    if (!node.isRecorded) return { ...found, ok: false, reason: "ocir-broker is not installed on this node" };
    const need = (): KubeletNeed => {
      if (node.kubelet === "stopped") return { ...needOfUnit(node), isStopped: true };
      if (node.kubelet.read === undefined) return needOfUnit(node);
      return isCurrent(node) ? { kind: "nothing" } : { kind: "restart", because: "configuration" };
    };
    return {
      ...found,
      ok: true,
      flags: FILES,
      ...(node.hasFlags && { flagsIn: FLAGS_FILE }),
      kubelet: need(),
    };
  }

  /** A start of the kubelet by its unit. */
  function startKubelet(node: SimulatedNode): boolean {
    const { failure } = node;
    node.kubelet = "stopped";
    const reads = node.hasFlags && failure !== "ignores-flags" ? node.config : undefined;
    const fails = failure === "always" || (failure === "with-flags" && node.hasFlags);
    if (fails) {
      at(50, () => node.kubelet === "stopped" && api.beat(node.name, false));
      return false;
    }
    node.kubelet = { read: reads };
    if (failure === "silent") at(50, () => node.failure === "silent" && api.beat(node.name, false));
    else at(between(1, 15), () => node.kubelet !== "stopped" && api.beat(node.name));
    return true;
  }

  function programOn(node: SimulatedNode, image: string, config: number, wait: typeof sleep): NodeProgram {
    const status = async () => {
      await wait(between(0.1, 1));
      return statusOf(node);
    };
    const change = async (seconds: number, work: () => Awaited<ReturnType<NodeProgram["install"]>>) => {
      await wait(between(seconds / 5, seconds));
      return work();
    };
    const setFlags = (hasFlags: boolean) =>
      change(2, () => {
        if (!node.isRecorded) return { ok: false, reason: "it is not installed" };
        node.hasFlags = hasFlags;
        return { ok: true };
      });
    const isThere = () => node.installed !== undefined;
    return {
      version: image,
      isDisabled: () => false,
      isThere,
      async installed() {
        const result = await status();
        const isWhole = isThere() && result.ok && result.version === image && node.config === config;
        return isWhole && result.kubelet ? { files: FILES, need: result.kubelet } : undefined;
      },
      install: () =>
        change(40, () => {
          if (!node.canInstall) return { ok: false, reason: "no space left on device" };
          Object.assign(node, { installed: image, isRecorded: true, config });
          return { ...statusOf(node), ok: true, flags: FILES };
        }),
      remove: () => Promise.reject(new Error("not here")),
      need: async () => (await status()).kubelet,
      addFlags: () => setFlags(true),
      removeFlags: () => setFlags(false),
      hasAddedFlags: async () => node.hasFlags,
      left: async () => leftIn(isThere() ? await status() : undefined),
      async restartKubelet() {
        node.restarts.push(nowS());
        const isStarted = startKubelet(node);
        await wait(between(1, 5));
        if (!isStarted) throw new Error("exit status 1");
      },
    };
  }

  /** Compares what a pod has written with its node. */
  function check(node: SimulatedNode, { method, body }: { method: string; body?: object }): void {
    const { labels = {}, annotations = {} } = nodeOf(node.name).metadata;
    const state = labels["ocir-broker/state"];
    const text = JSON.stringify(body ?? {});
    const isTrue = (what: string, so: boolean) =>
      so || breaks(node, `${what} is wrong: ${text} ${JSON.stringify(node)}`);
    // What others have changed since it looked is not its error.
    if (nowS() - node.changedS < 15 * MINUTE_S) return;
    if (method === "PATCH" && text.includes("ocir-broker/state")) {
      if (state === "installed")
        isTrue("installed", isCurrent(node) && labels["ocir-broker/version"] === node.installed);
      if (state === "needs-restart" || state === "needs-flags")
        isTrue(state, !isCurrent(node) && labels["ocir-broker/version"] === node.installed);
      if (state === "needs-flags") isTrue(state, !node.hasFlags);
      if (state === "failed") {
        const isReady = nodeOf(node.name).status.conditions[0].status === "True";
        isTrue("failed", !isCurrent(node) || !node.canInstall || !isReady);
        isTrue("version", labels["ocir-broker/version"] === (node.isRecorded ? node.installed : undefined));
      }
    }
    if (method !== "POST") return;
    const message = String((body as { message?: string }).message);
    const says = (part: string, so: boolean) => !message.includes(part) || isTrue(part, so);
    says("ocir-broker is not installed. ", node.installed === undefined);
    says(`version ${node.installed} is installed`, node.isRecorded);
    says("no flags were added. ", !node.hasFlags);
    says(`flags were added to ${FLAGS_FILE}. `, node.hasFlags);
    says("the flags that were added are removed", !node.hasFlags);
    says("has started without them", node.kubelet !== "stopped" && node.kubelet.read === undefined);
    says("systemctl could not restart the kubelet: ", node.kubelet === "stopped");
    says("no longer cordoned", nodeOf(node.name).spec.unschedulable !== true);
    says("pods kept starting", node.stuck?.kind === "churn");
    if (message.includes("The rollout has stopped")) {
      isTrue("the label", state === "failed" && annotations["ocir-broker/reason"] !== undefined);
      const failures = JSON.parse(annotations["ocir-broker/tries"] ?? "{}").failures ?? [];
      isTrue("the next try", message.includes("The next try is at") === failures.length < 2);
    }
  }

  function startPod(node: SimulatedNode): void {
    const life = { isOver: false, revision: chart.revision, ending: new AbortController() };
    node.life = life;
    const never = new Promise<never>(() => {});
    const wait = async (seconds: number) => {
      await sleep(seconds);
      if (life.isOver) await never;
    };
    const client = api.client(TOKEN);
    const sent: typeof client.send = async (request) => {
      if (life.isOver) await never;
      const response = await client.send(request);
      check(node, request);
      // The response is lost.
      if (random() < 0.000_5) throw new Error("socket hang up");
      return response;
    };
    const aborted = (signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    const ended = rollOut({
      settings: {
        ...{ node: node.name, pod: "p", namespace: "ocir-broker", leaseSeconds: LEASE_SECONDS },
        revision: String(chart.revision),
        kubeletRestart: "whenIdle",
        mode: "install",
      },
      api: { send: sent },
      program: programOn(node, version(), chart.config, wait),
      clock,
      deadline: () => life.ending.signal,
      pause: (seconds, signals) =>
        Promise.race([
          wait(between(seconds / 2, seconds)),
          ...signals.filter((signal) => !signal.aborted).map(aborted),
        ]),
      ending: life.ending.signal,
      showFailed() {},
      setReady() {},
      say() {},
    });
    void ended.catch((error) => breaks(node, `its program ended: ${error}`));
  }

  /** A new pod, once a kubelet is there to start it. */
  function replacePod(node: SimulatedNode): void {
    const over = node.life;
    const start = () => {
      if (node.life !== over) return;
      if (node.kubelet === "stopped") at(MINUTE_S, start);
      else startPod(node);
    };
    at(between(5, 100), start);
  }

  return {
    api,
    nodes,
    chart,
    broken,
    random,
    between,
    at,
    isCurrent,
    breaks,
    startPod,
    nodeOf,
    nowS,
    /** As the kernel for want of memory. */
    killPod(node: SimulatedNode): void {
      if (node.life) node.life.isOver = true;
      replacePod(node);
    },
    /** As the kubelet for a deleted pod. */
    deletePod(node: SimulatedNode): void {
      const { life } = node;
      life?.ending.abort();
      at(30, () => {
        if (life) life.isOver = true;
      });
      replacePod(node);
    },
    /** The cause of its failures ends: systemd starts its kubelet. */
    heal(node: SimulatedNode): void {
      const wasSilent = node.failure === "silent";
      Object.assign(node, { failure: undefined, canInstall: true, stuck: undefined, changedS: nowS() });
      if (node.kubelet === "stopped") startKubelet(node);
      else if (wasSilent) api.beat(node.name);
    },
    runUntil: (endS: number) => clock.advance((endS - nowS()) * 1_000),
  };
}
