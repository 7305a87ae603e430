/**
 * The DaemonSet on three running nodes, each with a real systemd and a real container: it changes one node at a time, skips
 * cordoned ones, and never prevents the start of a kubelet, whatever is killed, refused or unreachable.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import cliPackage from "../../packages/cli/package.json" with { type: "json" };
import { lackOf } from "../real-registry.ts";
import { bootCluster, type Cluster, type ClusterNode, LEASE_SECONDS } from "./daemonset/cluster.ts";
import type { Pod } from "./daemonset/pod.ts";
import { EARLIER_PROVIDER } from "./install/earlier-provider.ts";
import { CONFIG, PLUGIN } from "./install/oke-node.ts";
import { kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { isLongRun } from "./long-run.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const lacking = canBootSystemd() ?? (lackOf("runc", "skopeo", "openssl") || undefined);
const OUR_FLAGS = [
  `--image-credential-provider-config=${CONFIG}`,
  "--image-credential-provider-bin-dir=/usr/local/bin",
];
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const BEGINS = "has the turn: installs version";
const INSTALLED = /^ocir-broker-daemonset: node-.: installed: version/;
const ENDS = /^ocir-broker-daemonset: node-.: (?:installed: version|FAULT: )/;
const EARLIER_CONFIG = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: ["*.ocir.io"]
  defaultCacheDuration: 55m
`;
/** Milliseconds after a line of the log. */
const KILL_POINTS: readonly [line: string, afterMs: number][] = [
  [BEGINS, 0],
  ["stage: install_files", 0],
  ["stage: install ocir", 300],
  ["stage: install ocir", 900],
  ["stage: start_units", 0],
  ["stage: ask_plugin", 0],
  ["stage: connect", 0],
  ["stage: connect", 200],
  ["installed: version", 0],
];

describe.skipIf(lacking !== undefined)(`cloud-init/daemonset${lacking ? ` (skipped: ${lacking})` : ""}`, () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let c: ClusterNode;
  let kubelets: string[];

  beforeAll(async () => {
    cluster = await bootCluster();
    [a, b, c] = cluster.nodes;
  }, 600_000);

  afterAll(async () => {
    await cluster?.powerOff();
  });

  beforeEach(async () => {
    await cluster.renew();
    kubelets = await cluster.kubelets();
  });

  // No kubelet is restarted, and the cluster gets no other request.
  afterEach(async () => {
    expect(await cluster.kubelets()).toEqual(kubelets);
  });

  async function expectInstalled(...nodes: ClusterNode[]): Promise<void> {
    for (const { oke } of nodes) {
      expect(await oke.faultsOf(OUR_FLAGS)).toEqual([]);
      expect(await oke.root.run("systemctl", ["is-active", "ocir-broker.service"])).toBe("active");
    }
  }

  async function expectUntouched(...nodes: ClusterNode[]): Promise<void> {
    for (const { oke } of nodes) {
      const ours = ["/usr/libexec/ocir-broker", "/usr/local/bin/credential-provider-oke", CONFIG];
      expect((await oke.root.exec("ls", ["-d", ...ours])).stdout).toBe("");
    }
  }

  /** The nodes in the order of their installations. Fails if one starts before another has ended. */
  function turns(): string[] {
    const order: string[] = [];
    let current: string | undefined;
    for (const { node, text } of cluster.lines) {
      if (text.includes(BEGINS)) {
        expect(current, `${node} begins`).toBeUndefined();
        current = node;
        order.push(node);
      } else if (ENDS.test(text)) current = undefined;
    }
    return order;
  }

  async function start(...nodes: ClusterNode[]): Promise<Pod[]> {
    return Promise.all(nodes.map((node) => node.startPod()));
  }

  async function said(text: string | RegExp, ...nodes: ClusterNode[]): Promise<void> {
    await Promise.all(nodes.map((node) => cluster.said(node, text)));
  }

  /** It did not wait until the Lease expired. */
  function expectHandedOn(): void {
    expect(cluster.lines.filter(({ text }) => text.includes("taken from it"))).toEqual([]);
  }

  async function turnIsOver(): Promise<void> {
    while (cluster.api.holder() !== undefined) await sleep(20);
  }

  const areReady = (pods: readonly Pod[]) => Promise.all(pods.map((pod) => pod.isReady()));

  it("installs on one node after the other when all start at once, and asks for nothing else", async () => {
    cluster.api.holdPatches(3);
    const pods = await start(a, b, c);
    await said(INSTALLED, a, b, c);
    await turnIsOver();
    expect(turns().sort()).toEqual(["node-a", "node-b", "node-c"]);
    await expectInstalled(a, b, c);
    expect(await areReady(pods)).toEqual([true, true, true]);
    // All three tried to get the Lease first, so two were refused.
    const patches = cluster.api.requests.filter(({ verb }) => verb === "patch");
    expect(patches.slice(0, 3).map(({ status }) => status)).toEqual([200, 409, 409]);
    // The cluster got no other requests.
    const asked = cluster.api.requests.map(({ node, verb, resource, name }) =>
      [verb, resource, name === node ? "its own" : name].join(" "),
    );
    expect([...new Set(asked)].sort()).toEqual([
      "get leases ocir-broker",
      "get nodes its own",
      "patch leases ocir-broker",
    ]);
    for (const pod of pods) expect(pod.said()).toContain("ocir-broker-node: kubelet: ");
  });

  it("gives no turn to a node that has the version already, and leaves nothing running but its first process", async () => {
    const [first] = await start(a);
    await said(INSTALLED, a);
    await turnIsOver();
    // The script ends; enter-node continues.
    const running = () => a.oke.root.run("pgrep", ["-fl", "daemonset.sh|enter-node"]);
    while ((await running()).includes("\n")) await sleep(20);
    expect(await running()).toMatch(/^\d+ enter-node$/);
    expect(await first?.terminate()).toBe(0);
    const before = cluster.api.requests.length;
    const [second] = await start(a);
    await said("by an earlier pod", a);
    expect([await second?.isReady(), cluster.api.requests.length]).toEqual([true, before]);
  });

  it("updates a node that has an older version", async () => {
    const older =
      "mkdir /run/older && tar xzf /opt/checkout/dist/test-install/older/*.tar.gz -C /run/older && /run/older/*/install.sh";
    await a.oke.root.run("sh", ["-c", older]);
    expect(await a.oke.root.run(PLUGIN, ["--version"])).toBe("credential-provider-oke 0.0.9");
    await start(a);
    await said(INSTALLED, a);
    expect(await a.oke.root.run(PLUGIN, ["--version"])).toBe(`credential-provider-oke ${cliPackage.version}`);
    await expectInstalled(a);
  });

  it("skips a cordoned node, which has its turn when it is uncordoned", async () => {
    cluster.api.cordon("node-a", true);
    const pods = await start(a, b);
    await said("skipped: this node is cordoned", a);
    await said(INSTALLED, b);
    expect(await areReady(pods)).toEqual([true, true]);
    await expectUntouched(a);
    cluster.api.cordon("node-a", false);
    await said(INSTALLED, a);
    await expectInstalled(a);
  });

  describe("stops at a fault, with everything on the node as it was,", () => {
    beforeEach(async () => {
      a.oke.root.write(BROKER_CONFIG, "log: {level: loud}\n");
      await start(a);
      await said("FAULT: the reason is above. The roll-out stops here", a);
      await start(b, c);
      await said("waiting: node-a has the turn", b, c);
    });

    it("until the node is cordoned, and has its turn again when it is mended and uncordoned", async () => {
      await expectUntouched(a, b, c);
      cluster.api.cordon("node-a", true);
      await said(INSTALLED, b, c);
      expect(turns().slice(0, 1)).toEqual(["node-a"]);
      a.oke.root.write(BROKER_CONFIG, "log: {level: info}\n");
      cluster.api.cordon("node-a", false);
      await said(INSTALLED, a);
      await expectInstalled(a, b, c);
    });

    it("until it is mended, which it notices", async () => {
      a.oke.root.write(BROKER_CONFIG, "log: {level: info}\n");
      await said(INSTALLED, a, b, c);
      expect(turns().slice(0, 2)).toEqual(["node-a", "node-a"]);
      await expectInstalled(a, b, c);
    });
  });

  it("keeps the turn for a faulty node whose pod is deleted: the next pod has it at once", async () => {
    a.oke.root.write(BROKER_CONFIG, "log: {level: loud}\n");
    const [pod] = await start(a);
    await said("FAULT: the reason is above", a);
    expect([await pod?.isReady(), await pod?.terminate()]).toEqual([false, 0]);
    expect(cluster.api.holder()).toBe("node-a");
    await start(b);
    await said("waiting: node-a has the turn", b);
    a.oke.root.write(BROKER_CONFIG, "log: {level: info}\n");
    await start(a);
    await said(INSTALLED, a, b);
    expect(turns()).toEqual(["node-a", "node-a", "node-b"]);
  });

  it("lets go of the turn of a faulty node that was cordoned while its pod was away", async () => {
    a.oke.root.write(BROKER_CONFIG, "log: {level: loud}\n");
    const [pod] = await start(a);
    await said("FAULT: the reason is above", a);
    await pod?.terminate();
    expect(cluster.api.holder()).toBe("node-a");
    cluster.api.cordon("node-a", true);
    await start(a);
    await said("skipped: this node is cordoned", a);
    await turnIsOver();
  });

  if (isLongRun) {
    it(`takes the turn from a node that is gone, once its promise is over`, async () => {
      const [pod] = await start(a);
      await said("stage: install ocir", a);
      await pod?.kill();
      await start(b);
      await said("waiting: node-a has the turn", b);
      await said(`node-a has not renewed its turn for ${LEASE_SECONDS} s: taken from it`, b);
      await said(INSTALLED, b);
      await start(a);
      await said(INSTALLED, a);
      await expectInstalled(a, b);
    });

    it(`leaves nothing running of an installation that hangs, when its time is over`, async () => {
      const hang = '#!/bin/sh\ncase $* in *able*ocir*) sleep 600 ;; esac\nexec /usr/bin/systemctl "$@"\n';
      a.oke.root.write("/usr/sbin/systemctl", hang, 0o755);
      try {
        await start(a);
        await said("the installation took longer than", a);
        await a.oke.root.run("flock", ["-n", "/run/ocir-broker-install.lock", "true"]);
      } finally {
        await a.oke.root.run("rm", ["/usr/sbin/systemctl"]);
      }
      await said(INSTALLED, a);
      await expectInstalled(a);
    });
  }

  it("ends what it has begun while the API server is away, and begins nothing", async () => {
    await start(a);
    await said(BEGINS, a);
    await cluster.api.stop();
    await start(b);
    await said("waiting: the API server does not answer: curl: ", b);
    await said(INSTALLED, a);
    await expectInstalled(a);
    await expectUntouched(b);
    await cluster.api.start();
    await said(INSTALLED, b);
    expectHandedOn();
  });

  it("ends what it has begun when its pod is deleted, and hands the turn on", async () => {
    const [pod] = await start(a);
    await said("stage: check_machine", a);
    expect(await pod?.terminate()).toBe(0);
    await said(INSTALLED, a);
    expect(cluster.api.holder()).toBeUndefined();
    await expectInstalled(a);
  });

  it("hands the turn on where somebody has applied the manifest again meanwhile", async () => {
    await start(a);
    await said(BEGINS, a);
    cluster.api.applyAgain();
    expect(cluster.api.holder()).toBe("node-a");
    await start(b);
    await said(INSTALLED, a, b);
    expect(turns()).toEqual(["node-a", "node-b"]);
    expectHandedOn();
  });

  it("says what the API server says of a token, takes a renewed one, and shows none", async () => {
    const pod = await a.startPod("outdated-token");
    await said("waiting: the API server answers 401 to GET Node: Unauthorized", a);
    cluster.api.holdPatches(2);
    const token = cluster.api.issueToken("node-a");
    pod.renewToken(token);
    await cluster.api.patchIsHeld();
    // While curl waits for its answer.
    const processes = await a.oke.root.run("sh", [
      "-c",
      "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'",
    ]);
    expect(processes).toContain("--cacert");
    expect(processes).not.toContain(token);
    await start(b);
    await said(INSTALLED, a, b);
    const journal = await a.oke.root.run("journalctl", ["--no-pager"]);
    for (const text of [journal, ...cluster.lines.map(({ text }) => text)]) {
      expect(cluster.api.tokens.filter((secret) => text.includes(secret))).toEqual([]);
    }
  });

  if (isLongRun) {
    it(`killed at ${KILL_POINTS.length} points, it leaves a node whose kubelet starts`, async () => {
      for (const [line, afterMs] of KILL_POINTS) {
        await cluster.renew();
        // Replaces another provider of the same name.
        a.oke.root.write(CONFIG, EARLIER_CONFIG);
        a.oke.root.write(PLUGIN, EARLIER_PROVIDER, 0o755);
        await a.oke.root.run("systemctl", ["stop", "kubelet"]);
        await startKubelet(a.oke, OUR_FLAGS.join(" "));
        await kubeletReport(a.oke, ({ earlier }) => earlier > 0);
        const [pod] = await start(a);
        await said(line, a);
        await sleep(afterMs);
        await pod?.kill();
        await restartKubelet(a.oke);
        const report = await kubeletReport(a.oke, ({ earlier, ours }) => earlier + ours > 2);
        expect(report, `${afterMs} ms after ${line}`).toMatchObject({ none: 0, failures: [] });

        cluster.forgetLines();
        await start(a);
        await said(INSTALLED, a);
        await turnIsOver();
        expect(await kubeletReport(a.oke, ({ ours }) => ours > 2)).toMatchObject({ none: 0, failures: [] });
        await expectInstalled(a);
        kubelets = await cluster.kubelets();
      }
    });
  }
});
