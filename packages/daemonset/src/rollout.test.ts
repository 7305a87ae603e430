/** The DaemonSet's program on nodes of one API server: the Lease, failures and restarts of kubelets, with the manifest's rights only. */
import { setImmediate } from "node:timers/promises";
import type { KubeletNeed } from "@ocir-broker/protocol/node-result";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ApiServer, createApiServer, TOKEN } from "../test/api-server.ts";
import type { NodeProgram } from "./node-program.ts";
import type { NodeState } from "./node-state.ts";
import { rollOut } from "./rollout.ts";

// The clock is a fake one, so a test that takes longer waits for what never happens, also on a busy machine.
vi.setConfig({ testTimeout: 50_000 });
const LEASE_SECONDS = 60;
/** Below the limit of a test, so that the message names what did not happen. */
const LIMIT_MS = 40_000;
const START_MS = Date.parse("2026-01-01T00:00:00Z");
const FILES = { config: "/config.yaml", binDir: "/bin" };
const FLAGS: KubeletNeed = {
  kind: "flags",
  why: "none",
  change: { file: "/etc/kubelet.conf", at: 1, line: "--flag" },
};
const RESTART: KubeletNeed = { kind: "restart", because: "configuration" };
const RESTART_FOR_FLAGS: KubeletNeed = { kind: "restart", because: "flags" };
const NOTHING: KubeletNeed = { kind: "nothing" };
const RESTORES = "a removes its flags";
/** Before the second try of a failed node. */
const PAUSE_SECONDS = 1_800;
const DONE: InstallResult = { ok: true, flags: FILES };
const BROKEN: InstallResult = { ok: false, reason: "the configuration has errors: log.level" };

type InstallResult = Awaited<ReturnType<NodeProgram["install"]>>;

let api: ApiServer;
/** Shared by all nodes; each pause of one moves it on. */
let nowSeconds: number;
/** Installations and restarts, in order, with the state that matters at that moment. */
let steps: string[];
const pods: { kill(): void }[] = [];

beforeEach(() => {
  api = createApiServer();
  nowSeconds = 0;
  steps = [];
  for (const name of ["a", "b", "c"]) api.addNode(name);
});

afterEach(() => {
  for (const pod of pods.splice(0)) pod.kill();
});

type TestPod = ReturnType<typeof startPod>;
type PodSetup = NonNullable<Parameters<typeof startPod>[1]>;

const clock = { monotonicMs: () => nowSeconds * 1_000, wallMs: () => START_MS + nowSeconds * 1_000 };

function startPod(
  node: string,
  {
    result = (): InstallResult | Promise<InstallResult> => DONE,
    need = NOTHING,
    isInstalled = false,
    isDisabled = false,
    token = TOKEN,
    mayRestart = false,
    removes = false,
    revision = "1",
    program = {} as Partial<NodeProgram>,
  } = {},
) {
  const ending = new AbortController();
  let isKilled = false;
  const step = (text: string) => void steps.push(`${node} ${text}`);
  const double: NodeProgram = {
    version: "1.2.3",
    isDisabled: () => pod.isDisabled,
    installed: async () => (isInstalled ? { files: FILES, need: pod.need } : undefined),
    async install() {
      step("begins");
      const installed = await pod.result();
      step("ends");
      return installed.ok ? { ...installed, kubelet: pod.need } : installed;
    },
    isThere: () => !steps.includes(`${node} removes everything`),
    async remove() {
      step("removes everything");
      return { ok: true, left: [] };
    },
    need: async () => pod.need,
    left: async () => ({ version: "1.2.3", text: "version 1.2.3 is installed, and no flags were added" }),
    async addFlags() {
      step("adds its flags");
      return { ok: true };
    },
    async removeFlags() {
      step("removes its flags");
      return { ok: true };
    },
    hasAddedFlags: async () => !steps.includes(RESTORES),
    async restartKubelet() {
      // Nobody could uncordon it if its kubelet did not start.
      step(`restarts${api.nodes.get(node).spec.unschedulable ? ", cordoned" : ""}`);
      pod.need = NOTHING;
      api.beat(node);
    },
    ...program,
  };
  const pod = {
    said: [] as string[],
    isReady: false,
    isDisabled,
    result,
    /** Until a restart. */
    need,
    /** As the kubelet when the pod is deleted. */
    async terminate(): Promise<void> {
      ending.abort();
      await pod.ended;
    },
    /** Stops it at its next pause, without a last word. */
    kill(): void {
      isKilled = true;
    },
    ended: Promise.resolve(),
  };
  pods.push(pod);
  pod.ended = rollOut({
    settings: {
      ...{ node, pod: `pod-${node}`, namespace: "ocir-broker", leaseSeconds: LEASE_SECONDS },
      revision,
      kubeletRestart: mayRestart ? "whenIdle" : "never",
      mode: removes ? "remove" : "install",
    },
    api: api.client(token),
    program: double,
    clock,
    deadline: () => AbortSignal.timeout(20_000),
    async pause() {
      nowSeconds += LEASE_SECONDS / 20;
      await setImmediate();
      if (isKilled) await new Promise(() => {});
    },
    ending: ending.signal,
    showFailed: (isFailed) => step(`shows ${isFailed ? "a failure" : "success"}`),
    setReady(ready) {
      pod.isReady = ready;
    },
    say: (text) => void pod.said.push(text),
  });
  return pod;
}

/** Looks in each turn of the event loop, in which the fake clock may move. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`it is not so after ${LIMIT_MS} ms: ${isSo}`);
    await setImmediate();
  }
}

function pass(seconds: number): Promise<void> {
  const fromSeconds = nowSeconds;
  return until(() => nowSeconds > fromSeconds + seconds);
}

const starting = (name: string, status: object = {}) => ({
  metadata: { namespace: "default", name },
  status: {
    startTime: new Date(clock.wallMs()).toISOString(),
    conditions: [{ type: "PodReadyToStartContainers", status: "True" }],
    ...status,
  },
});
const says = (pod: TestPod, text: string) => until(() => pod.said.some((line) => line.includes(text)));
const labelOf = (node: string) => api.nodes.get(node).metadata.labels?.["ocir-broker/state"];
const annotationsOf = (node: string) => api.nodes.get(node).metadata.annotations;
const versionOf = (node: string) => api.nodes.get(node).metadata.labels?.["ocir-broker/version"];

describe("a rollout", () => {
  it("installs on one node at a time when all start at once, and reports it on each Node", async () => {
    const started = ["a", "b", "c"].map((node) => startPod(node, { result: () => setImmediate(DONE) }));
    await Promise.all(started.map(({ ended }) => ended));
    expect(steps.map((step) => step.split(" ")[1])).toEqual(["begins", "ends", "begins", "ends", "begins", "ends"]);
    expect(started.map(({ isReady }) => isReady)).toEqual([true, true, true]);
    for (const node of ["a", "b", "c"]) {
      expect([labelOf(node), versionOf(node)]).toEqual(["installed", "1.2.3"]);
    }
    expect(api.lease.spec).toEqual({});
    // No other kind of request, and none beyond the manifest's rights.
    const kinds = new Set(
      api.requests.map((request) => request.replace(/ [abc] /, " its own ").replace(" 409", " 200")),
    );
    expect([...kinds].sort()).toEqual([
      "get leases ocir-broker 200",
      "get nodes its own 200",
      "patch leases ocir-broker 200",
      "patch nodes its own 200",
    ]);
    api.requests.length = 0;
    await startPod("a", { isInstalled: true }).ended;
    expect(api.requests).toEqual(["get nodes a 200", "patch nodes a 200", "get leases ocir-broker 200"]);
  });

  it.each<[node: string, isCordoned: boolean, setup: PodSetup, reason: string]>([
    ["a cordoned node", true, {}, "this node is cordoned"],
    ["a node that is switched off", false, { isDisabled: true }, "ocir-broker is switched off on this node"],
    ["one that is installed too", false, { isDisabled: true, isInstalled: true }, "ocir-broker is switched off on"],
  ])("skips %s, and leaves the Lease to others until that ends", async (_, isCordoned, setup, reason) => {
    const { promise, resolve } = Promise.withResolvers<InstallResult>();
    const b = startPod("b", { result: () => promise });
    await until(() => steps.includes("b begins"));
    api.cordon("a", isCordoned);
    const a = startPod("a", setup);
    // Its first pause follows its first look at the Lease.
    await pass(0);
    await says(a, `skipped: ${reason}`);
    expect([a.isReady, labelOf("a"), api.lease.spec.holderIdentity]).toEqual([true, undefined, "b"]);
    resolve(DONE);
    await b.ended;
    expect(steps).toEqual(["b begins", "b ends"]);
    a.isDisabled = false;
    api.cordon("a", false);
    await a.ended;
    expect(labelOf("a")).toBe("installed");
  });

  it.each<[string, PodSetup]>([
    ["while it installs", {}],
    ["before a pod that has nothing to install", { isInstalled: true }],
  ])("does not uncordon a node that an administrator cordoned %s", async (_, setup) => {
    if (setup.isInstalled) api.cordon("a", true);
    await startPod("a", {
      ...setup,
      result() {
        api.cordon("a", true);
        return DONE;
      },
    }).ended;
    expect([labelOf("a"), api.nodes.get("a").spec.unschedulable]).toEqual(["installed", true]);
  });

  describe("stops at a failure, with the reason and the fix on the Node,", () => {
    let a: TestPod;
    beforeEach(async () => {
      a = startPod("a", { result: () => BROKEN });
      await says(a, "ERROR: the configuration has errors: log.level. On the node, version 1.2.3 is installed");
      await until(() => api.events.length > 0);
    });

    it("until the node is repaired", async () => {
      expect([labelOf("a"), a.isReady, api.lease.spec.holderIdentity]).toEqual(["failed", false, "a"]);
      expect(annotationsOf("a")["ocir-broker/reason"]).toBe("the configuration has errors: log.level");
      expect(api.events[0]).toMatchObject({
        ...{ metadata: { namespace: "default" }, type: "Warning", reason: "OcirBrokerFailed" },
        involvedObject: { kind: "Node", name: "a", uid: "uid-a" },
        message: expect.stringMatching(
          /^the configuration has errors: log\.level\. .*The next try is at .* annotate node a ocir-broker\/retry=now; .* kubectl cordon a$/,
        ),
      });
      const b = startPod("b");
      await says(b, "waiting: a holds the Lease");
      a.result = () => DONE;
      await Promise.all([a.ended, b.ended]);
      expect(steps.filter((step) => step.startsWith("b"))).toEqual(steps.slice(-2));
      expect([labelOf("a"), annotationsOf("a")["ocir-broker/reason"]]).toEqual(["installed", undefined]);
    });

    it("until the node is cordoned", async () => {
      api.cordon("a", true);
      await startPod("b").ended;
      expect(labelOf("b")).toBe("installed");
    });

    it("also without the node's pod, until the Lease expires", async () => {
      await a.terminate();
      expect(api.lease.spec.holderIdentity).toBe("a");
      const fromSeconds = nowSeconds;
      const b = startPod("b");
      await b.ended;
      expect(nowSeconds - fromSeconds).toBeGreaterThanOrEqual(LEASE_SECONDS);
      expect(b.said).toContain(`a has not renewed the Lease for ${LEASE_SECONDS} s: b takes it`);
    });

    it("also when its pod is deleted just when the retry is due", async () => {
      // Read in each round, between the check for the deletion and the retry.
      Object.defineProperty(a, "isDisabled", {
        get() {
          if (nowSeconds >= PAUSE_SECONDS) void a.terminate();
          return false;
        },
      });
      await a.ended;
      expect([steps, api.lease.spec.holderIdentity]).toEqual([["a begins", "a ends"], "a"]);
    });

    const tries = () => steps.filter((step) => step === "a begins").length;

    it("tries again once, and then only if an annotation asks for it, whatever happens to its pod", async () => {
      const first = nowSeconds;
      await until(() => tries() === 2);
      expect(nowSeconds - first).toBeGreaterThanOrEqual(PAUSE_SECONDS - LEASE_SECONDS);
      await until(() => api.events.length === 2);
      expect(api.events[1].message).not.toContain("next try");
      await a.terminate();
      const next = startPod("a", { result: () => BROKEN });
      await pass(7_200);
      expect([tries(), labelOf("a"), next.isReady, api.lease.spec.holderIdentity]).toEqual([2, "failed", false, "a"]);
      annotationsOf("a")["ocir-broker/retry"] = "now";
      await until(() => api.events.length === 3);
      expect([tries(), annotationsOf("a")["ocir-broker/retry"]]).toEqual([3, undefined]);
      next.result = () => DONE;
      await next.ended;
      expect([tries(), labelOf("a"), annotationsOf("a")]).toEqual([4, "installed", {}]);
    });

    it("until the chart is changed", async () => {
      await until(() => tries() === 2);
      await a.terminate();
      await startPod("a", { revision: "2" }).ended;
      expect([tries(), labelOf("a")]).toEqual([3, "installed"]);
    });

    it("but not when the version that an earlier pod completed is installed again", async () => {
      await a.terminate();
      const next = startPod("a", { isInstalled: true });
      await next.ended;
      expect([next.isReady, steps, labelOf("a")]).toEqual([true, ["a begins", "a ends"], "installed"]);
      expect([versionOf("a"), annotationsOf("a")]).toEqual(["1.2.3", {}]);
      expect(api.lease.spec).toEqual({});
    });

    it("but not when the node is cordoned while its pod is away", async () => {
      await a.terminate();
      api.cordon("a", true);
      const next = startPod("a");
      await until(() => api.lease.spec.holderIdentity === undefined);
      expect(next.isReady).toBe(true);
    });
  });

  it("renews the Lease while an installation lasts longer than the Lease", async () => {
    const { promise, resolve } = Promise.withResolvers<InstallResult>();
    const a = startPod("a", { result: () => promise });
    await until(() => steps.includes("a begins"));
    const b = startPod("b");
    await pass(3 * LEASE_SECONDS);
    expect(steps).toEqual(["a begins"]);
    resolve(DONE);
    await Promise.all([a.ended, b.ended]);
    expect(steps).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it("finishes a started installation when its pod is deleted, and releases the Lease", async () => {
    const pod: TestPod = startPod("a", {
      async result() {
        void pod.terminate();
        return setImmediate(DONE);
      },
    });
    await pod.ended;
    expect([labelOf("a"), api.lease.spec]).toEqual(["installed", {}]);
  });

  it("starts no installation after its pod is deleted", async () => {
    const a = startPod("a", { result: () => BROKEN });
    await until(() => api.events.length > 0);
    const b = startPod("b");
    await says(b, "waiting: a holds the Lease");
    await Promise.all([b.terminate(), a.terminate()]);
    expect(steps).not.toContain("b begins");
  });

  it("finishes a started installation while the API server is unreachable, and starts none", async () => {
    const a: TestPod = startPod("a", {
      async result() {
        api.isUp = false;
        return DONE;
      },
    });
    await says(a, "waiting: the API server does not respond: ");
    expect(steps).toEqual(["a begins", "a ends"]);
    api.isUp = true;
    await a.ended;
    expect([labelOf("a"), api.lease.spec]).toEqual(["installed", {}]);
  });

  const installed = () => Promise.reject(new Error("EACCES: permission denied"));
  it.each<[string, PodSetup, said: string]>([
    ["an error of the program itself as what it is", { program: { installed } }, "EACCES: permission denied"],
    ["a refused token", { token: "outdated-token" }, "the API server returned 401: Unauthorized"],
  ])("reports %s, without printing a token", async (_, setup, said) => {
    const pod = startPod("a", setup);
    await says(pod, `waiting: ${said}`);
    expect(pod.said.join("\n")).not.toContain("outdated-token");
  });
});

describe("a restart of the kubelet", () => {
  beforeEach(() => {
    api.mayListPods = true;
  });

  it("cordons, waits for starting pods but not for those that cannot start, and uncordons when the node is Ready", async () => {
    const waiting = (reason: string) => starting(reason, { containerStatuses: [{ state: { waiting: { reason } } }] });
    const large = (pod: object) => ({ ...pod, spec: { large: "x".repeat(6_000_000) } });
    api.pods = [waiting("ImagePullBackOff"), waiting("ContainerCreating")];
    const pod = startPod("a", { need: FLAGS, mayRestart: true });
    await says(pod, "cordoned: the kubelet is restarted once no pod of this node is starting");
    expect(steps).toEqual(["a begins", "a ends"]);
    expect(api.nodes.get("a").spec.unschedulable).toBe(true);
    api.pods = [
      ...["ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError"].map(waiting),
      starting("for-a-volume", { conditions: [{ type: "PodReadyToStartContainers", status: "False" }] }),
      starting("on-an-old-node", { conditions: [] }),
      ...Array.from({ length: 12 }, () => large(waiting("ErrImagePull"))),
      starting("for-half-an-hour", { startTime: new Date(clock.wallMs() - 1_800_000).toISOString() }),
    ];
    await pod.ended;
    expect(steps.slice(2)).toEqual(["a shows a failure", "a adds its flags", "a restarts", "a shows success"]);
    expect([api.nodes.get("a").spec, api.events]).toEqual([{}, []]);
    expect([labelOf("a"), versionOf("a")]).toEqual(["installed", "1.2.3"]);
  });

  it("lists the pods again if the API server has forgotten their version between two pages", async () => {
    api.pods = [starting("p"), starting("q")];
    api.hasOldVersions = false;
    const a = startPod("a", { need: RESTART, mayRestart: true });
    await until(() => api.requests.includes("list pods 410"));
    api.hasOldVersions = true;
    api.pods = [];
    await a.ended;
    expect([api.nodes.get("a").spec, labelOf("a")]).toEqual([{}, "installed"]);
  });

  it("yields to other nodes for half an hour when pods keep starting, and names these", async () => {
    api.pods = [starting("p")];
    const a = startPod("a", { need: RESTART, mayRestart: true });
    await until(() => api.events.length === 1);
    const endedSeconds = nowSeconds;
    expect(api.events[0].message).toMatch(
      /^The kubelet was not restarted, because pods kept starting \(default\/p\): /,
    );
    await startPod("b").ended;
    expect([api.nodes.get("a").spec, labelOf("a"), a.isReady]).toEqual([{}, "needs-restart", false]);
    expect(JSON.parse(annotationsOf("a")["ocir-broker/tries"])).toEqual({
      waits: [expect.any(String)],
      pods: ["default/p"],
    });
    api.pods = [];
    await a.ended;
    expect(nowSeconds - endedSeconds).toBeGreaterThanOrEqual(1_790);
    expect([labelOf("a"), annotationsOf("a")["ocir-broker/reason"]]).toEqual(["installed", undefined]);
  });

  const restarts = (then?: () => unknown) => async () => {
    steps.push("a restarts");
    await then?.();
  };
  const [ADDS, RESTARTS] = ["a adds its flags", "a restarts"];
  const UNDONE = [ADDS, RESTARTS, RESTORES, RESTARTS];
  const failsToStart = restarts(() => Promise.reject(new Error("exit status 1")));
  const beatsMeanwhile = async () => {
    api.beat("a");
    return { ok: true as const };
  };
  const cannotBeChanged = async () => ({ ok: false as const, reason: "EROFS: read-only file system" });
  /** Answers so after the first time. */
  const later = (answer: NodeProgram["need"]) => {
    let calls = 0;
    return () => (calls++ === 0 ? Promise.resolve(FLAGS) : answer());
  };
  it.each([
    ["has a file that cannot be changed", FLAGS, { addFlags: cannotBeChanged }, [], "EROFS"],
    ["cannot be examined", FLAGS, { need: later(async () => undefined) }, UNDONE, "does not use"],
    [
      "does not come back",
      FLAGS,
      { restartKubelet: restarts(() => api.beat("a", false)) },
      UNDONE,
      "then, the node did not report",
    ],
    ["sends no heartbeat", FLAGS, { restartKubelet: restarts() }, UNDONE, "within 20 s"],
    [
      "sends no heartbeat after the restart, but one shortly before",
      FLAGS,
      { addFlags: beatsMeanwhile, restartKubelet: restarts(), need: later(async () => NOTHING) },
      [RESTARTS, RESTORES, RESTARTS],
      "within 20 s",
    ],
    [
      "does not start",
      RESTART,
      { restartKubelet: failsToStart },
      [RESTARTS],
      "systemctl could not restart the kubelet: ",
    ],
    [
      "does not start with an earlier pod's flags",
      RESTART_FOR_FLAGS,
      { restartKubelet: failsToStart },
      UNDONE,
      "are removed; then, systemctl could not restart",
    ],
    ["ignores the flags", FLAGS, { need: later(async () => FLAGS) }, UNDONE, "has started without them"],
  ] as const)(
    "fails when the kubelet %s, and reverts the flags that it has added",
    async (_, need, program, expected, reason) => {
      const pod = startPod("a", { need, mayRestart: true, program });
      await until(() => api.events.length > 0);
      expect(pod.said.join("\n")).toContain("ERROR: ");
      expect(steps.slice(3)).toEqual(expected);
      expect(annotationsOf("a")["ocir-broker/reason"]).toContain(reason);
      expect([api.nodes.get("a").spec, labelOf("a")]).toEqual([{}, "failed"]);
      api.cordon("a", true);
      await startPod("b").ended;
    },
  );

  it("reverts its flags and restarts the kubelet again while the API server is unreachable", async () => {
    const pod = startPod("a", {
      need: FLAGS,
      mayRestart: true,
      program: {
        async addFlags() {
          api.isUp = false;
          return { ok: true };
        },
        restartKubelet: restarts(() => {
          if (!steps.includes(RESTORES)) throw new Error("exit status 1");
          api.isUp = true;
          api.beat("a");
        }),
      },
    });
    await until(() => api.events.length > 0);
    expect(steps.slice(3)).toEqual(["a restarts", RESTORES, "a restarts"]);
    expect([pod.isReady, api.nodes.get("a").spec]).toEqual([false, {}]);
  });

  it("takes an API server that does not respond for no failure of a kubelet that runs with its flags", async () => {
    const pod = startPod("a", {
      need: FLAGS,
      mayRestart: true,
      program: {
        restartKubelet: restarts(() => {
          pod.need = NOTHING;
          api.isUp = false;
        }),
      },
    });
    await until(() => steps.at(-1) === "a shows success");
    api.isUp = true;
    await pod.ended;
    expect([steps.includes(RESTORES), labelOf("a"), api.events]).toEqual([false, "installed", []]);
  });

  it.each<[what: string, setup: PodSetup, state: NodeState]>([
    ["needs no restart any more", {}, "installed"],
    ["has waited for too long", { need: RESTART, mayRestart: true, isInstalled: true }, "needs-restart"],
  ])("uncordons a node that a killed pod has cordoned, and that %s", async (_, setup, state) => {
    api.pods = [starting("p")];
    const killed = startPod("a", { need: RESTART, mayRestart: true });
    await says(killed, "cordoned: ");
    killed.kill();
    expect(api.nodes.get("a").spec.unschedulable).toBe(true);
    nowSeconds += LEASE_SECONDS;
    const next = startPod("a", setup);
    await until(() => labelOf("a") === state);
    expect([api.nodes.get("a").spec, next.said.join()]).toEqual([{}, expect.not.stringContaining(" cordoned: ")]);
    expect(JSON.parse(annotationsOf("a")["ocir-broker/tries"]).waits).toHaveLength(1);
  });

  it("continues the wait of a killed pod, and counts it once", async () => {
    api.pods = [starting("p")];
    const killed = startPod("a", { need: RESTART, mayRestart: true });
    await says(killed, "cordoned: ");
    const began = annotationsOf("a")["ocir-broker/tries"];
    killed.kill();
    const next = startPod("a", { need: RESTART, mayRestart: true, isInstalled: true });
    await says(next, "holds the Lease");
    expect(annotationsOf("a")["ocir-broker/tries"]).toBe(began);
    api.pods = [];
    await next.ended;
    expect([next.said.join(), JSON.parse(annotationsOf("a")["ocir-broker/tries"])]).toEqual([
      expect.not.stringContaining(" cordoned: "),
      { restarts: [expect.any(String)] },
    ]);
  });

  const hoursAgo = (...hours: number[]) => hours.map((each) => new Date(clock.wallMs() - each * 3_600_000));
  it.each([
    [
      "happens four times a day at most without a person",
      () => ({ restarts: hoursAgo(3, 2, 1) }),
      "its kubelet was restarted often: the next restart is not before 2026-01-01T21:00Z",
      () => Object.assign(annotationsOf("a"), { "ocir-broker/retry": "now" }),
    ],
    [
      "is not tried a fourth time before the pods are gone that kept starting",
      () => {
        api.pods = [starting("p")];
        return { waits: hoursAgo(5, 4, 3), pods: ["default/p"] };
      },
      ", and not before these pods are gone, or 2026-01-01T19:00Z",
      () => Object.assign(api, { pods: [] }),
    ],
  ])("%s", async (_, tries, reason, change) => {
    api.nodes.get("a").metadata.annotations = { "ocir-broker/tries": JSON.stringify(tries()) };
    const pod = startPod("a", { need: RESTART, mayRestart: true, isInstalled: true });
    await until(() => labelOf("a") === "needs-restart");
    await pass(7_200);
    expect([annotationsOf("a")["ocir-broker/reason"], steps]).toEqual([expect.stringContaining(reason), []]);
    change();
    const changedSeconds = nowSeconds;
    await pod.ended;
    expect(steps).toEqual(["a shows a failure", "a restarts", "a shows success"]);
    expect(nowSeconds - changedSeconds).toBeLessThan(5 * LEASE_SECONDS);
  });
});

describe("a node whose kubelet does not use ocir-broker yet", () => {
  it.each<[state: NodeState, need: KubeletNeed, setup: PodSetup]>([
    ["needs-flags", FLAGS, {}],
    ["needs-restart", RESTART, {}],
    ["needs-flags", { kind: "by-hand", why: "none" }, { mayRestart: true }],
    ["needs-flags", { kind: "connect", lack: { kind: "entry" } }, { mayRestart: true }],
    ["needs-restart", RESTART_FOR_FLAGS, { isInstalled: true }],
  ])("has the label %s and an unready pod until its kubelet runs with the flags", async (state, need, setup) => {
    const pod = startPod("a", { ...setup, need });
    await says(pod, `${state}: version 1.2.3 is installed`);
    await until(() => labelOf("a") === state && api.lease.spec?.holderIdentity === undefined);
    await startPod("b").ended;
    expect([pod.isReady, labelOf("a"), versionOf("a")]).toEqual([false, state, "1.2.3"]);
    expect(pod.said).toContainEqual(expect.stringMatching(/^kubelet: /));
    const requests = api.requests.length;
    await pass(LEASE_SECONDS);
    expect(api.requests).toHaveLength(requests);
    pod.need = NOTHING;
    await pod.ended;
    expect([pod.isReady, labelOf("a")]).toEqual([true, "installed"]);
  });

  it("is installed all the same if a person has changed the entry or the plugin", async () => {
    const pod = startPod("a", { need: { kind: "outdated" } });
    await pod.ended;
    expect([pod.isReady, labelOf("a")]).toEqual([true, "installed"]);
    expect(pod.said).toContainEqual(expect.stringContaining("run: ocir-broker node connect"));
  });
});

describe("a removal", () => {
  beforeEach(async () => {
    await startPod("a").ended;
    steps = [];
    api.mayListPods = true;
  });

  it.each([
    ["restores the node, and removes labels and annotations", {}, ["a removes everything"]],
    [
      "restarts the kubelet without its flags before it restores the node",
      { mayRestart: true },
      ["a shows a failure", "a removes its flags", "a restarts", "a shows success", "a removes everything"],
    ],
    ["includes a node that is switched off", { isDisabled: true }, ["a removes everything"]],
  ])("%s", async (_, setup, expected) => {
    const pod = startPod("a", { ...setup, removes: true });
    await pod.ended;
    expect(steps).toEqual(expected);
    expect([api.nodes.get("a").metadata.labels, annotationsOf("a"), api.nodes.get("a").spec]).toEqual([{}, {}, {}]);
    expect([pod.isReady, api.lease.spec]).toEqual([true, {}]);
  });

  it("removes nothing after its restart of the kubelet has failed", async () => {
    const pod = startPod("a", {
      mayRestart: true,
      removes: true,
      program: { restartKubelet: () => Promise.reject(new Error()) },
    });
    await until(() => api.events.length > 0);
    expect([steps, labelOf("a"), pod.isReady]).toEqual([["a shows a failure", RESTORES], "failed", false]);
  });

  it("names the files that stay, and stops at a failure", async () => {
    const left = [{ path: "/etc/kubernetes/c.yaml", why: "a kubelet still names it" }];
    const pod = startPod("a", {
      removes: true,
      program: { remove: async () => ({ ok: true, left }), isThere: () => true },
    });
    await says(pod, "/etc/kubernetes/c.yaml stays: a kubelet still names it");
    const failing = startPod("b", {
      removes: true,
      program: { remove: async () => ({ ok: false, reason: "it is installed from a package" }) },
    });
    await says(failing, "ERROR: it is installed from a package");
    await until(() => labelOf("b") === "failed");
    expect(failing.isReady).toBe(false);
  });
});
