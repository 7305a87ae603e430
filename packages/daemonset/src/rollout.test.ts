/** The DaemonSet's program on nodes of one API server: the Lease, failures and restarts of kubelets, with the manifest's rights only. */
import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createSimulation,
  type Failure,
  LEASE_SECONDS,
  MINUTE_S,
  type SimulatedNode,
  type Simulation,
} from "../test/simulation.ts";

let simulation: Simulation;
let a: SimulatedNode;
let b: SimulatedNode;

beforeEach(() => {
  simulation = createSimulation(0, ["a", "b", "c"]);
  [a, b] = simulation.nodes as [SimulatedNode, SimulatedNode];
  return () => expect(simulation.broken).toEqual([]);
});

const start = (node: SimulatedNode) => simulation.startPod(node);
const until = (isSo: () => boolean) => simulation.until(isSo);
const pass = (seconds: number) => simulation.runUntil(simulation.nowS() + seconds);
const says = (node: SimulatedNode, text: string) =>
  until(() => node.pod?.said.some((line) => line.includes(text)) === true);
/** The clock moves while the pod ends. */
async function terminate({ pod }: SimulatedNode): Promise<void> {
  void pod?.terminate();
  await until(() => pod?.isOver() === true);
}
const isInstalled = (node: SimulatedNode) => simulation.stateOf(node.name) === "installed";
const annotationsOf = ({ name }: SimulatedNode) => simulation.nodeOf(name).metadata.annotations ?? {};
const holder = () => simulation.api.lease.spec?.holderIdentity;
const failed = (node: SimulatedNode) => until(() => simulation.api.events.length > 0 && node.pod?.isReady === false);

describe("a rollout", () => {
  it("installs on one node at a time when all start at once, and reports it on each Node", async () => {
    simulation.nodes.forEach(start);
    await until(() => simulation.nodes.every(isInstalled));
    expect(simulation.nodes.map(({ pod, steps, restarts }) => [pod?.isReady, steps, restarts])).toEqual(
      Array(3).fill([true, ["install", "connect"], ["1/0"]]),
    );
    expect(simulation.api.lease.spec).toEqual({});
    // No other kind of request, and none beyond the manifest's rights.
    const kinds = simulation.api.requests.map((each) => each.replace(/ [abc] /, " its own ").replace(" 409", " 200"));
    expect([...new Set(kinds)].sort()).toEqual([
      "get leases ocir-broker 200",
      "get nodes its own 200",
      "patch leases ocir-broker 200",
      "patch nodes its own 200",
    ]);
  });

  it("asks little of the API server on a node that waits for a person, until its kubelet is restarted", async () => {
    simulation.chart.mayRestart = false;
    start(a);
    await says(a, "needs-flags: version 1.0.1");
    expect(a.pod?.said).toContainEqual(expect.stringMatching(/^kubelet: /));
    expect([simulation.stateOf("a"), a.pod?.isReady, holder()]).toEqual(["needs-flags", false, undefined]);
    const requests = simulation.api.requests.length;
    await pass(LEASE_SECONDS);
    expect(simulation.api.requests).toHaveLength(requests);
    Object.assign(a, { hasPoolFlags: true, changedS: simulation.nowS() });
    simulation.startKubelet(a);
    await until(() => isInstalled(a));
    expect(a.pod?.isReady).toBe(true);
  });

  it("skips a node that is cordoned, until that ends", async () => {
    simulation.api.cordon("a", true);
    start(a);
    await says(a, "skipped: this node is cordoned");
    start(b);
    await until(() => isInstalled(b));
    expect([a.pod?.isReady, simulation.stateOf("a"), a.steps]).toEqual([true, undefined, []]);
    simulation.api.cordon("a", false);
    await until(() => isInstalled(a));
  });

  describe("stops at a failure, with the reason and the fix on the Node,", () => {
    beforeEach(async () => {
      a.isDiskFull = true;
      start(a);
      await failed(a);
      start(b);
      await says(b, "waiting: a holds the Lease");
    });

    it("until the node is repaired and a person asks for another try", async () => {
      expect([simulation.stateOf("a"), holder(), a.metric]).toEqual(["failed", "a", false]);
      expect(annotationsOf(a)["ocir-broker/reason"]).toBe("nothing can be written: ENOSPC");
      expect(simulation.api.events).toMatchObject([
        {
          metadata: { namespace: "default" },
          type: "Warning",
          reason: "OcirBrokerFailed",
          involvedObject: { kind: "Node", name: "a", uid: "a" },
          message: expect.stringMatching(
            /^nothing can .* annotate node a ocir-broker\/retry=now; .* kubectl cordon a$/,
          ),
        },
      ]);
      a.isDiskFull = false;
      await pass(86_400 / 4);
      expect([a.steps, b.steps]).toEqual([["install"], []]);
      simulation.ask(a);
      await until(() => isInstalled(a) && isInstalled(b));
      expect(Object.keys(annotationsOf(a))).toEqual(["ocir-broker/try"]);
    });

    it("until the node is cordoned, which gives the Lease back at once", async () => {
      const fromS = simulation.nowS();
      simulation.api.cordon("a", true);
      await until(() => isInstalled(b));
      expect(simulation.nowS() - fromS).toBeLessThan(LEASE_SECONDS / 2);
    });

    it("until the chart is changed, whatever happens to its pod", async () => {
      await terminate(a);
      start(a);
      await pass(2 * LEASE_SECONDS);
      expect([a.steps, b.steps, holder()]).toEqual([["install"], [], "a"]);
      await terminate(a);
      a.isDiskFull = false;
      simulation.chart.revision += 1;
      start(a);
      await until(() => isInstalled(a));
    });

    it("also without the node's pod, until the Lease expires", async () => {
      await terminate(a);
      const fromS = simulation.nowS();
      await until(() => isInstalled(b));
      expect(simulation.nowS() - fromS).toBeGreaterThan(LEASE_SECONDS - MINUTE_S);
      expect(b.pod?.said).toContain(`a has not renewed the Lease for ${LEASE_SECONDS} s: b takes it`);
    });
  });

  it("renews the Lease while an installation lasts longer than the Lease", async () => {
    const hang = (seconds: number) => new Promise<void>((resolve) => simulation.at(seconds, resolve));
    simulation.startPod(a, {
      wrap: (program) => ({
        ...program,
        async install() {
          await hang(3 * LEASE_SECONDS);
          return program.install(undefined);
        },
      }),
    });
    await until(() => holder() === "a");
    start(b);
    await pass(2 * LEASE_SECONDS);
    expect(b.steps).toEqual([]);
    await until(() => isInstalled(a) && isInstalled(b));
  });

  it("renews a Lease that it has before it begins, because another node may be about to take it", async () => {
    simulation.api.lease.spec = { holderIdentity: "a" };
    let renewed: unknown;
    simulation.startPod(a, {
      wrap: (program) => ({
        ...program,
        install() {
          renewed = simulation.api.lease.spec.renewTime;
          return program.install(undefined);
        },
      }),
    });
    await until(() => isInstalled(a));
    expect(renewed).toBeDefined();
  });

  it("reports what an installation has not achieved", async () => {
    simulation.startPod(a, { wrap: (program) => ({ ...program, install: async () => ({ ok: true }) }) });
    await failed(a);
    expect(annotationsOf(a)["ocir-broker/reason"]).toBe("after the installation, ocir-broker is not installed");
  });

  it("finishes a started step when its pod is deleted, and releases the Lease", async () => {
    start(a);
    await until(() => a.steps.includes("install"));
    await terminate(a);
    expect([a.installed, a.steps, holder()]).toEqual(["1.0.1", ["install"], undefined]);
  });

  it("finishes a started installation while the API server is unreachable, and starts nothing", async () => {
    start(a);
    await until(() => a.steps.includes("install"));
    simulation.api.isUp = false;
    await says(a, "waiting: the API server does not respond: ");
    await pass(LEASE_SECONDS);
    expect(a.steps).toEqual(["install"]);
    simulation.api.isUp = true;
    await until(() => isInstalled(a));
  });

  it.each<[string, Parameters<Simulation["startPod"]>[1], string]>([
    [
      "an error of the program itself as what it is",
      { wrap: (program) => ({ ...program, look: () => Promise.reject(new Error("EACCES: permission denied")) }) },
      "EACCES: permission denied",
    ],
    ["a refused token", { token: "outdated-token" }, "the API server returned 401: Unauthorized"],
  ])("reports %s, without printing a token", async (_, options, said) => {
    simulation.startPod(a, options);
    await says(a, `waiting: ${said}`);
    expect(a.pod?.said.join("\n")).not.toContain("outdated-token");
  });
});

describe("a restart of the kubelet", () => {
  it.each<[failure: Failure, arrange: () => void, restarts: number, hasFlags: boolean, reason: string]>([
    ["with-flags", () => {}, 2, false, "they are taken back"],
    ["silent", () => {}, 2, false, "the node did not report itself as Ready within 300 s after the restart"],
    ["always", () => Object.assign(a, { hasPoolFlags: true }), 1, false, "and they stay"],
  ])(
    "of a kubelet that fails (%s) is tried once, takes only its own flags back, and stops the rollout",
    async (...row) => {
      const [failure, arrange, restarts, hasFlags, reason] = row;
      arrange();
      a.failure = failure;
      start(a);
      await failed(a);
      expect([a.restarts, a.hasFlags]).toEqual([Array(restarts).fill("1/0"), hasFlags]);
      expect(annotationsOf(a)["ocir-broker/reason"]).toContain(reason);
      expect([simulation.stateOf("a"), holder(), a.metric]).toEqual(["failed", "a", true]);
      start(b);
      await pass(86_400 / 4);
      expect([a.restarts.length, b.steps]).toEqual([restarts, []]);
      simulation.heal(a);
      simulation.ask(a);
      await until(() => isInstalled(a) && isInstalled(b));
      expect(a.metric).toBe(false);
    },
  );

  it("gives a kubelet the whole time again after the API server has not responded", async () => {
    a.failure = "silent";
    start(a);
    await until(() => a.restarts.length === 1);
    await pass(2 * MINUTE_S);
    simulation.api.isUp = false;
    a.failure = undefined;
    // Just before the first wait would end.
    await pass(LEASE_SECONDS / 3 - 2 * MINUTE_S + 20);
    simulation.api.isUp = true;
    await until(() => isInstalled(a) || simulation.api.events.length > 0);
    expect([a.restarts, simulation.api.events]).toEqual([["1/0"], []]);
  });

  it("keeps the Lease if a pod ends between two pods' parts of one try", async () => {
    a.failure = "with-flags";
    start(a);
    await until(() => a.steps.includes("connect"));
    a.pod?.kill();
    start(a);
    await terminate(a);
    expect(holder()).toBe("a");
  });

  it("goes on with taking its flags back after a kill amid that", async () => {
    a.failure = "silent";
    start(a);
    await until(() => a.steps.includes("disconnect"));
    a.pod?.kill();
    a.steps.length = 0;
    start(a);
    await failed(a);
    expect([a.steps.includes("connect"), a.hasFlags, simulation.stateOf("a")]).toEqual([false, false, "failed"]);
  });

  it.each([40, 310])("of a kubelet that fails, killed after %i s, restarts it twice at most", async (seconds) => {
    a.failure = "with-flags";
    start(a);
    await until(() => a.steps.includes("connect"));
    await pass(seconds);
    a.pod?.kill();
    start(a);
    await failed(a);
    expect([a.hasFlags, a.restarts.length <= 2, simulation.stateOf("a")]).toEqual([false, true, "failed"]);
  });
});

describe("a removal", () => {
  beforeEach(async () => {
    start(a);
    await until(() => isInstalled(a));
    Object.assign(a, { steps: [], restarts: [] });
    Object.assign(simulation.chart, { mode: "remove", revision: 2 });
  });

  it("restarts the kubelet without its flags, restores the node, and removes labels and annotations", async () => {
    start(a);
    await until(() => a.pod?.isOver() === true);
    expect([a.steps, a.restarts]).toEqual([["disconnect", "remove"], ["2/0"]]);
    const { metadata } = simulation.nodeOf("a");
    expect([metadata.labels, metadata.annotations, a.pod?.isReady, holder()]).toEqual([{}, {}, true, undefined]);
    expect(a.pod?.said).toContain("/etc/kubernetes/c.yaml stays: a kubelet still names it");
  });

  it("ends once if the programs of a package stay", async () => {
    simulation.startPod(a, {
      wrap: (program) => ({
        ...program,
        async remove() {
          a.steps.push("remove");
          return { ok: true };
        },
      }),
    });
    await until(() => a.pod?.isOver() === true);
    expect([a.steps, simulation.stateOf("a"), holder()]).toEqual([["disconnect", "remove"], undefined, undefined]);
  });

  it.each<[string, Failure]>([
    ["its kubelet does not restart", "always"],
    ["it is not Ready afterwards", "silent"],
  ])("stops, and removes nothing, if %s", async (_, failure) => {
    a.failure = failure;
    start(a);
    await failed(a);
    await setImmediate();
    expect([a.steps, simulation.stateOf("a"), holder()]).toEqual([["disconnect"], "failed", "a"]);
  });
});
