/**
 * Access per service account on a real Kubernetes: two namespaces, each with a service account of the same name, whose policy opens
 * one repository, and a node whose own identity may read neither. Each test continues from the previous one's state.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { V1Node } from "@kubernetes/client-node";
import { beforeAll, expect, it, onTestFailed, onTestFinished } from "vitest";
import { VERSION } from "../system/install/archives.ts";
import { containerRuntime } from "./container-runtime.ts";
import { describeCluster, itUnlessShort } from "./describe-cluster.ts";
import { killDuring } from "./disturbance.ts";
import { givenKubernetes } from "./given.ts";
import { createApi, namespacePath, podManifest } from "./kubernetes-api.ts";
import { DENIED, imageOf, NODE_NAME, REGISTRY_HOST, STATIC_PODS } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";
import { configureBroker, configureNode, grantAudience } from "./service-accounts.ts";
import { ISSUER } from "./services.ts";

const NAMESPACES = ["shop", "depot"] as const;
const PULLER = { serviceAccountName: "puller" };
const ANNOTATION = "ocir-broker/identity";
const GROUP = 10;
const DISTURBED = 25;
/** Where CRI-O looks for a login that the kubelet does not pass. */
const ROOT_LOGINS = "/root/.docker/config.json";
const HELPER = "/usr/local/bin/docker-credential-ocir";
const UNITS = ["ocir-broker.socket", "ocir-broker.service"];
/** The kubelet's message about the missing permission, without the part that depends on the pod. */
const NO_RIGHT =
  /(?:Error getting|failed to get) service account token.* authorized to request tokens for .*?(?=" provider=|$)/m;

describeCluster("service accounts on a real Kubernetes", (minor) => {
  const node = givenKubernetes({ minor, apiServerFlags: ["--enable-admission-plugins=NodeRestriction"] });
  let shop: Pods;
  let depot: Pods;

  beforeAll(async () => {
    await node.install({ OCIR_BROKER_SERVICE_ACCOUNTS: ISSUER });
    await node.control("/iam", { granted: false });
    for (const name of NAMESPACES) {
      await node.api.createNamespace(name);
      await node.api.createServiceAccount(name, "puller");
      await node.control("/iam", { repository: `acme/${name}`, serviceAccount: `${name}/puller`, granted: true });
    }
    await node.control("/iam", { repository: "acme/open", public: true });
    [shop, depot] = NAMESPACES.map((name) => createPods(createApi(node.root, name))) as [Pods, Pods];
  });

  const doctorSays = async (prefix: string) => {
    const { stdout } = await node.root.exec("/usr/local/bin/ocir-broker", ["doctor", "--output", "json"]);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; fix?: string }[] };
    return findings.filter(({ name }) => name.startsWith(prefix)).map(({ name, fix = "" }) => [name, fix]);
  };
  /** In each namespace, with its own image and the other's. */
  const inBoth = <T>(work: (pods: Pods, own: string, others: string) => Promise<T>) =>
    Promise.all([work(shop, imageOf("shop"), imageOf("depot")), work(depot, imageOf("depot"), imageOf("shop"))]);
  const start = (pods: Pods, group: string, image: string, spec: object = PULLER, count = 1) =>
    pods.create(group, count, () => image, spec);

  it("pulls anonymously if the kubelet may not request tokens, and runs the same pod once it may", async () => {
    await shop.untilRunning(await start(shop, "open", imageOf("open")));
    await start(shop, "early", imageOf("shop"));
    await shop.untilFailed("early-0", DENIED, "Error: ImagePullBackOff");
    expect((await node.cloudRequests())["cluster.tokenExchange"]).toBe(0);
    const said = NO_RIGHT.exec(await node.root.journal("kubelet"))?.[0];
    expect(readFileSync("docs/troubleshooting.md", "utf8")).toContain(said ?? "its message");
    await grantAudience(node);
    await shop.untilRunning(["early-0"]);
  });

  it("has the labels of the script's installation and those of its kubelet's other flags", async () => {
    const { metadata } = await node.api.request<V1Node>("GET", `/api/v1/nodes/${NODE_NAME}`);
    expect(metadata?.labels).toMatchObject({
      "ocir-broker/state": "bootstrapped",
      "ocir-broker/version": VERSION,
      displayName: NODE_NAME,
      "oci.oraclecloud.com/node.info.managed": "true",
    });
  });

  it("runs each account's pods with its own image, and none with the other's, at once from a warm daemon", async () => {
    await inBoth(async (pods, own) => pods.untilRunning(await start(pods, "first", own)));
    await node.cordon(true);
    const groups = await inBoth(async (pods, own, others) => ({
      pods,
      allowed: await start(pods, "own", own, PULLER, GROUP),
      denied: await start(pods, "others", others, PULLER, GROUP),
    }));
    const before = await node.cloudRequests();
    await node.cordon(false);
    for (const { pods, allowed, denied } of groups) {
      await pods.untilRunning(allowed);
      for (const pod of denied) await pods.untilFailed(pod, "not authorized");
      expect(await pods.failures("own-")).toEqual([]);
    }
    expect(await requestsSince(before)).toEqual({ exchanges: 0, tokens: 0 });
    await inBoth((pods) => pods.removeGroup("others"));
  });

  it("gives an account without rights no token of the node, also if root's file names the credential helper", async () => {
    const isCriO = containerRuntime().name === "CRI-O";
    const ask = () => node.root.exec("sh", ["-c", `echo ${REGISTRY_HOST} | ${HELPER} get`]);
    const refusal = {
      exitCode: 1,
      stdout: "credentials not found in native keychain\n",
      stderr: expect.stringMatching(/^ocir-broker: root-helper-refused: .*\n$/),
    };
    await node.control("/iam", { repository: "acme/of-node", granted: true });
    await node.root.run("mkdir", ["-p", dirname(ROOT_LOGINS)]);
    onTestFinished(async () => {
      await configureBroker(node);
      await node.root.run("rm", ["-f", ROOT_LOGINS]);
    });
    node.root.write(ROOT_LOGINS, JSON.stringify({ credHelpers: { [REGISTRY_HOST]: "ocir" } }));
    await start(shop, "stranger", imageOf("of-node"));
    await shop.untilFailed("stranger-0", "not authorized");
    expect(await ask()).toMatchObject(refusal);
    expect(await doctorSays("other-helper")).toHaveLength(isCriO ? 1 : 0);

    await node.root.run("systemctl", ["stop", ...UNITS]);
    await start(shop, "alone", imageOf("of-node"));
    await shop.untilFailed("alone-0", DENIED);
    await shop.untilRunning(await start(shop, "public", imageOf("open")));
    expect(await ask()).toMatchObject(refusal);
    await node.root.run("systemctl", ["start", ...UNITS]);

    // What the refusal prevents.
    await configureBroker(node, { rootHelper: "node" });
    expect(await ask()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"Username":"BEARER_TOKEN"') });
    expect(await doctorSays("root-helper-open")).toHaveLength(isCriO ? 1 : 0);
    await start(shop, "helped", imageOf("of-node"));
    if (isCriO) await shop.untilRunning(["helped-0"]);
    else await shop.untilFailed("helped-0", "not authorized");

    for (const group of ["stranger", "alone", "public", "helped"]) await shop.removeGroup(group);
  });

  itUnlessShort("fails no pull while the daemon is killed", async () => {
    onTestFailed(() => inBoth((pods) => pods.removeGroup("disturbed")).then(() => undefined));
    const groups = await inBoth((pods, own) => start(pods, "disturbed", own, PULLER, DISTURBED));
    const kills = await killDuring(
      node.root,
      Promise.all([shop.untilRunning(groups[0]), depot.untilRunning(groups[1])]),
    );
    expect(kills).toBeGreaterThan(0);
    expect(await inBoth((pods) => pods.failures("disturbed-"))).toEqual([[], []]);
  });

  it("pulls anonymously for a static pod, which has no service account", async () => {
    startStaticPod("static-private", "shop");
    startStaticPod("static-open", "open");
    await shop.untilFailed("static-private-node-1", DENIED);
    await shop.untilRunning(["static-open-node-1"]);
  });

  it("uses the node's identity for accounts without the annotation and static pods, if accounts opt in", async () => {
    await configureNode(node, minor, { select: "annotated" }, "--annotation", ANNOTATION);
    await node.api.createServiceAccount("shop", "plain");
    const account = `${namespacePath("shop")}/serviceaccounts/puller`;
    await node.api.request("PATCH", account, { metadata: { annotations: { [ANNOTATION]: "service-account" } } });
    await node.control("/iam", { repository: "acme/node", granted: true });
    await start(shop, "plain", imageOf("node"), { serviceAccountName: "plain" });
    await start(shop, "plain-private", imageOf("shop"), { serviceAccountName: "plain" });
    await start(shop, "annotated", imageOf("shop"));
    startStaticPod("static-node", "node");
    await shop.untilRunning(["plain-0", "annotated-0", "static-node-node-1"]);
    await shop.untilFailed("plain-private-0", "not authorized");
  });

  function startStaticPod(name: string, repository: string): void {
    const manifest = podManifest(name, imageOf(repository)) as { metadata: object };
    const pod = { apiVersion: "v1", kind: "Pod", ...manifest, metadata: { ...manifest.metadata, namespace: "shop" } };
    node.root.write(`${STATIC_PODS}/${name}.json`, JSON.stringify(pod));
  }

  async function requestsSince(before: Record<string, number>) {
    const since = await node.cloudRequestsSince(before);
    return { exchanges: since["cluster.tokenExchange"] ?? 0, tokens: since["registry.token"] ?? 0 };
  }
});
