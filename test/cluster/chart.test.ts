/**
 * The Helm chart on a real Kubernetes, from a node without us to a private pod, through two failed upgrades and an uninstallation.
 * Each test continues from the previous one's state.
 */
import { join } from "node:path";
import type { V1DaemonSet, V1Lease, V1Node, V1Pod, V1ValidatingAdmissionPolicy } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, describe, expect, it } from "vitest";
import { describeUnless } from "../system/describe-unless.ts";
import { VERSION } from "../system/install/archives.ts";
import { canRunCluster, lackOfTime } from "./can-run-cluster.ts";
import { MINORS } from "./describe-cluster.ts";
import { givenKubernetes } from "./given.ts";
import { daemonSetImage, loadImage } from "./images.ts";
import { ADMIN_ENV, namespacePath, requestAs } from "./kubernetes-api.ts";
import { imageOf, NODE_NAME } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";
import { serveAtServiceAddress } from "./service-address.ts";
import { ISSUER } from "./services.ts";

const minor = Math.max(...MINORS);
const skipped = canRunCluster([minor]) ?? lackOfTime;
const CHECKOUT_ON_NODE = "/opt/checkout";
const FOLDER = "dist/test-chart";
const REPOSITORY = "registry.example.com/ocir-broker-daemonset";
const NODE = `/api/v1/nodes/${NODE_NAME}`;
const NAMESPACE = "ocir-broker";
const PODS = `${namespacePath(NAMESPACE)}/pods`;
const DAEMONSET = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/ocir-broker`;
const OTHER_NODE = "/api/v1/nodes/other";
const EVENTS = `${namespacePath("default")}/events`;
const POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/ocir-broker-daemonset";
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/ocir-broker`;
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const PROVIDER_CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const OWN_FILES = [
  "/usr/libexec/ocir-broker",
  "/var/lib/ocir-broker",
  "/usr/local/bin/credential-provider-oke",
  "/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf",
  PROVIDER_CONFIG,
];
const INSTALL_METRICS = "/run/ocir-broker-metrics/ocir_broker_install.prom";
const LIMIT_MS = 180_000;

const ONLY_OURS = "only labels and annotations that begin with ocir-broker/";
const ONLY_METADATA = "of the metadata, only a node's labels and annotations";
const NO_SPEC = "a node's spec may not be changed";
const OWNER = { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "none", uid: "none" }] };
const FORBIDDEN: readonly [what: string, path: string, change: object, reason: string][] = [
  ["taint its node", NODE, { spec: { taints: [{ key: "a", effect: "NoExecute" }] } }, NO_SPEC],
  ["set a field of its node's spec", NODE, { spec: { podCIDR: "10.1.0.0/24" } }, NO_SPEC],
  ["cordon its node", NODE, { spec: { unschedulable: true } }, NO_SPEC],
  ["add another label", NODE, { metadata: { labels: { pool: "a" } } }, ONLY_OURS],
  ["remove another label", NODE, { metadata: { labels: { "kubernetes.io/os": null } } }, ONLY_OURS],
  ["add another annotation", NODE, { metadata: { annotations: { a: "b" } } }, ONLY_OURS],
  ["give its node an owner", NODE, { metadata: OWNER }, ONLY_METADATA],
  ["give its node a finalizer", NODE, { metadata: { finalizers: ["example.com/a"] } }, ONLY_METADATA],
  ["label another node", OTHER_NODE, { metadata: { labels: { "ocir-broker/state": "failed" } } }, "own node"],
  ["cordon another node", OTHER_NODE, { spec: { unschedulable: true } }, "own node"],
  ["give the Lease an owner", LEASE, { metadata: OWNER }, ONLY_METADATA],
  ["give the Lease to another node", LEASE, { spec: { holderIdentity: "another" } }, "taken for the pod's own node"],
];
const eventAbout = (name: string) => ({
  metadata: { generateName: `${name}.`, namespace: "default" },
  involvedObject: { kind: "Node", name },
  source: { component: "ocir-broker" },
});

describeUnless(skipped, "the chart on a real Kubernetes", () => {
  const node = givenKubernetes({ minor, hasHelm: true, apiServerFlags: ["--allow-privileged"] });
  let pods: Pods;
  let image: readonly string[];

  beforeAll(async () => {
    const made = await daemonSetImage(join(import.meta.dirname, "../..", FOLDER));
    image = ["--set", `image.repository=${REPOSITORY},image.digest=${made.digest},image.pullPolicy=Never`];
    pods = createPods(node.api);
    await node.bootstrap();
    await serveAtServiceAddress(node.root);
    await loadImage(node, join(CHECKOUT_ON_NODE, FOLDER, made.image), REPOSITORY, made.digest);
  });

  const helm = (command: string, ...args: string[]) =>
    node.root.run("helm", [command, "ocir-broker", ...args, "--namespace", NAMESPACE], {
      env: ADMIN_ENV,
      timeoutMs: LIMIT_MS,
    });
  const chart = `${CHECKOUT_ON_NODE}/deploy/helm/ocir-broker`;
  const upgrade = (setting: string) => helm("upgrade", chart, "--reset-then-reuse-values", "--set", setting);

  const get = <Kind>(path: string) => node.api.request<Kind>("GET", path);
  const stateOfNode = async () => (await get<V1Node>(NODE)).metadata?.labels?.["ocir-broker/state"];
  const holder = async () => (await get<V1Lease>(LEASE)).spec?.holderIdentity;
  const logs = async () =>
    (await node.root.exec("sh", ["-c", `cat /var/log/pods/${NAMESPACE}_*/*/*.log | tail -n 60`])).stdout;

  /**
   * Sends dry runs as the account of the DaemonSet's pods, and returns `allowed`, or why the API server denies the request.
   *
   * @param isBound whether the token is bound to the DaemonSet's pod, as the pod's own is.
   */
  async function createAccount(isBound = true) {
    const owned = (await node.api.list<V1Pod>(PODS)).find(({ metadata }) => metadata?.generateName);
    const { name, uid } = owned?.metadata ?? {};
    const spec = isBound ? { boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } } : {};
    const path = `${namespacePath(NAMESPACE)}/serviceaccounts/ocir-broker-daemonset/token`;
    const { status: made } = await node.api.request<{ status: { token: string } }>("POST", path, { spec });
    const send = requestAs(node.root, undefined, made.token);
    return async (method: "PATCH" | "POST", path: string, change: object): Promise<string> => {
      const { status, body } = await send(method, `${path}?dryRun=All`, change);
      return status < 300 ? "allowed" : `${status} ${body.message}`;
    };
  }

  const untilInstalled = () => untilState("installed");

  const lastLog = () => node.root.run("sh", ["-c", `cat "$(ls -t /var/log/pods/${NAMESPACE}_*/*/*.log | head -n 1)"`]);

  /** What `kubectl rollout status` waits for; the node then has the label, and the Lease is free. */
  async function untilState(state: string | undefined): Promise<void> {
    const isSo = async () => {
      const { metadata, status } = await get<V1DaemonSet>(DAEMONSET);
      const isSeen = status?.observedGeneration === metadata?.generation;
      return isSeen && status?.updatedNumberScheduled === 1 && status.numberAvailable === 1;
    };
    await until(`the node is ${state ?? "free of it"}`, isSo, LIMIT_MS).catch(async (error) =>
      expect.fail(`${error}\n${JSON.stringify([await get(NODE), await get(PODS)])}\n${await logs()}`),
    );
    expect([await stateOfNode(), await holder()]).toEqual([state, undefined]);
  }

  async function untilFailed(message: RegExp): Promise<void> {
    await until("the node has failed", async () => (await stateOfNode()) === "failed", LIMIT_MS);
    const said = async () =>
      (await node.api.events()).flatMap((event) => (event.reason === "OcirBrokerFailed" ? (event.message ?? []) : []));
    const isSaid = async () => (await said()).some((text) => message.test(text));
    await until("an Event says why", isSaid).catch(async () => expect(await said()).toEqual([message]));
  }

  it("sets the kubelet's flags, after which a private pod pulls its image", async () => {
    await node.api.createPod("private", imageOf("private"));
    await pods.untilFailed("private");
    await helm("install", chart, "--create-namespace", ...image);
    await until("the kubelet lacks its flags", async () => (await stateOfNode()) === "needs-flags", LIMIT_MS);
    expect((await get<V1DaemonSet>(DAEMONSET)).status?.numberReady).toBe(0);
    await expect(helm("test")).rejects.toThrow(/ocir-broker-doctor failed/);
    expect(await lastLog()).toContain("kubelet-flags-missing");
    const pulling = Array.from({ length: 10 }, (_, index) => `pulling-${index}`);
    await upgrade("kubelet.restart=oneByOne");
    for (const name of pulling) await node.api.createPod(name, imageOf(name));
    await untilInstalled();
    await pods.untilRunning(["private", ...pulling]);
    const { metadata } = await get<V1Node>(NODE);
    expect(metadata?.labels).toMatchObject({ "ocir-broker/state": "installed", "ocir-broker/version": VERSION });
  });

  describe("restricts the account to what the pod needs: it", () => {
    let request: Awaited<ReturnType<typeof createAccount>>;
    beforeAll(async () => {
      await node.api.request("POST", "/api/v1/nodes", { metadata: { name: "other" } });
      request = await createAccount();
      return () => node.api.request("DELETE", OTHER_NODE);
    });

    it.each(FORBIDDEN)("may not %s", async (_what, path, change, reason) => {
      expect(await request("PATCH", path, change)).toMatch(new RegExp(`^403 .*ocir-broker-daemonset.*${reason}`));
    });

    it("may not release another node's Lease, but may take it", async () => {
      await node.api.request("PATCH", LEASE, { spec: { holderIdentity: "another" } });
      const give = (holderIdentity: string | null) => request("PATCH", LEASE, { spec: { holderIdentity } });
      expect(await give(null)).toContain("only its holder may release it");
      expect(await give(NODE_NAME)).toBe("allowed");
      await node.api.request("PATCH", LEASE, { spec: { holderIdentity: null } });
    });

    it("may create Events about its own node only", async () => {
      const responses = [NODE_NAME, "other"].map((name) => request("POST", EVENTS, eventAbout(name)));
      expect(await Promise.all(responses)).toEqual(["allowed", expect.stringContaining("the pod's own node only")]);
    });

    it("has a policy whose expressions match the objects' types", async () => {
      const status = async () => (await get<V1ValidatingAdmissionPolicy>(POLICY)).status;
      await until("they are checked", async () => (await status())?.observedGeneration !== undefined);
      expect((await status())?.typeChecking?.expressionWarnings ?? []).toEqual([]);
    });

    it("may mark its node, with the token of its pod only", async () => {
      const change = { metadata: { annotations: { "ocir-broker/try": "{}" } } };
      expect(await request("PATCH", NODE, change)).toBe("allowed");
      const unbound = await createAccount(false);
      expect(await unbound("PATCH", NODE, change)).toContain("the token names no node");
    });
  });

  it("rolls out each configuration without another version or a restart of the kubelet, and gives the node's own file back", async () => {
    const own = "log: {level: debug}\n";
    node.root.write(BROKER_CONFIG, own);
    const kubelet = await node.root.property("kubelet", "MainPID");
    const configure = (config: object) => {
      const values = [...image, "--set", "kubelet.restart=oneByOne", "--set-json", `config=${JSON.stringify(config)}`];
      return helm("upgrade", chart, ...values);
    };
    await configure({ registries: { extraHosts: ["registry.example.com:5000"] } });
    await untilInstalled();
    expect(node.root.read(BROKER_CONFIG).toString()).toContain("registry.example.com:5000");
    await node.api.createPod("configured", imageOf("configured"));
    await pods.untilRunning(["configured"]);
    // The schema of the values has no limits of durations.
    await configure({ request: { deadline: "20s" } });
    await untilFailed(
      /^the configuration has errors: the given one is not valid: line 2: request\.deadline: .*Fix the cause, then try again: kubectl annotate/s,
    );
    expect([await holder(), (await get<V1DaemonSet>(DAEMONSET)).status?.numberReady]).toEqual([NODE_NAME, 0]);
    await node.api.createPod("during", imageOf("during"));
    await pods.untilRunning(["during"]);
    expect(node.root.read(BROKER_CONFIG).toString()).toContain("registry.example.com:5000");
    await configure({});
    await untilInstalled();
    expect(node.root.read(BROKER_CONFIG).toString()).toBe(own);
    expect(await node.root.property("kubelet", "MainPID")).toBe(kubelet);
  });

  it("reports a kubelet that does not restart, and tries again when a person asks for it", async () => {
    const before = await pods.containers();
    const broken = "/etc/systemd/system/kubelet.service.d/broken.conf";
    node.root.write(broken, "[Service]\nExecStartPre=/bin/false\n");
    await node.root.run("touch", [PROVIDER_CONFIG]);
    await upgrade("lease.seconds=60");
    await untilFailed(
      /^the kubelet was not seen to run with its flags within 20 s; .* On the node, version \S+ is installed, and flags were added to/,
    );
    expect((await get<V1Node>(NODE)).spec?.unschedulable).toBeUndefined();
    expect(node.root.read(INSTALL_METRICS).toString()).toContain('{reason="kubelet-restart"} 1\n');

    await node.root.run("rm", [broken]);
    await node.api.request("PATCH", NODE, { metadata: { annotations: { "ocir-broker/retry": "now" } } });
    await untilInstalled();
    expect((await node.root.exec("ls", [INSTALL_METRICS])).exitCode).not.toBe(0);
    expect(await pods.containers()).toEqual(before);
  });

  it("leaves a node that continues to pull private images after an uninstall", async () => {
    await helm("uninstall", "--wait");
    const ofDaemonSet = `${PODS}?labelSelector=app.kubernetes.io%2Fname%3Docir-broker`;
    const isGone = async () => (await node.api.list<V1Pod>(ofDaemonSet)).length === 0;
    await until("its pod is gone", isGone, LIMIT_MS);
    await node.api.createPod("another", imageOf("another"));
    await pods.untilRunning(["another"]);
  });

  it("passes helm test with service accounts, although doctor has no pod's token to try", async () => {
    const serviceAccounts = `serviceAccountTokens.setUpNodes=true,serviceAccountTokens.audiences={${ISSUER}}`;
    await helm("install", chart, ...image, "--set", `kubelet.restart=oneByOne,${serviceAccounts}`);
    await untilInstalled();
    const result = await helm("test").catch(async (error) => expect.fail(`${error}\n${await logs()}`));
    expect(result).toMatch(/Phase:\s+Succeeded/);
    const open = (await lastLog()).match(/^\S+ stdout F (?:unknown|warning) .*/gm);
    expect(open).toEqual([expect.stringContaining("service-account-not-tried")]);
  });

  it("removes everything from the node with mode=remove, and disturbs no pod", async () => {
    const before = await pods.containers();
    await upgrade("mode=remove");
    await untilState(undefined);
    const { metadata, spec } = await get<V1Node>(NODE);
    const names = Object.keys({ ...metadata?.labels, ...metadata?.annotations });
    expect([names.filter((name) => name.startsWith("ocir-broker/")), spec?.unschedulable]).toEqual([[], undefined]);
    expect((await node.root.exec("ls", ["-d", ...OWN_FILES])).stdout).toBe("");
    const pid = await node.root.property("kubelet", "MainPID");
    expect(await node.root.run("cat", [`/proc/${pid}/cmdline`])).not.toContain("image-credential-provider");
    expect(await pods.containers()).toEqual(before);
    await helm("uninstall", "--wait");
    await node.api.createPod("after", imageOf("after"));
    await pods.untilFailed("after");
  });
});
