/**
 * Containers whose image is on the node, while Oracle's services are down and our daemon is too: docs/images-on-the-node.md, row by
 * row, on a real kubelet. Each test continues from the previous one's state.
 */
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { lackOfTime } from "./can-run-cluster.ts";
import { killContainers } from "./container-kills.ts";
import { describeCluster } from "./describe-cluster.ts";
import { killDuring } from "./disturbance.ts";
import { loginSecret } from "./docker-logins.ts";
import { givenKubernetes } from "./given.ts";
import { createApi, type KubernetesApi, namespacePath } from "./kubernetes-api.ts";
import { imageOf, REGISTRY_HOST } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";
import { configureNode, grantAudience } from "./service-accounts.ts";

const ACCOUNTS = ["anna", "ben", "cleo", "dana"];
const RECREATED = "dana";
const KUBELET_CONFIG = "/etc/kubernetes/kubelet-config.json";
const BROKER = "/usr/local/bin/ocir-broker";
const UNITS = ["ocir-broker.socket", "ocir-broker.service"];
/** Tokens end within an outage. */
const TOKEN_LIFE_S = 90;

describeCluster("containers whose image is on the node", declareTests, lackOfTime);

function declareTests(minor: number): void {
  const hasRecords = minor >= 35;
  const node = givenKubernetes({ minor, tokenLifeS: TOKEN_LIFE_S });
  let api: KubernetesApi;
  let pods: Pods;
  let tokenEndsAtMs: number;

  beforeAll(async () => {
    await node.install();
    await node.api.createNamespace("shop");
    api = createApi(node.root, "shop");
    pods = createPods(api);
    for (const name of ["stranger", ...ACCOUNTS]) await createAccount(name);
  });

  const container = (repository: string) => ({
    containers: [{ name: "main", image: imageOf(repository), imagePullPolicy: "IfNotPresent" }],
  });
  const start = (group: string, repository: string, spec: object = {}, count = 1) =>
    pods.create(group, count, () => imageOf(repository), { ...container(repository), ...spec });
  const withVolume = (repository: string) => ({
    containers: [
      { ...container("node").containers[0], volumeMounts: [{ name: "files", mountPath: "/files", readOnly: true }] },
    ],
    volumes: [{ name: "files", image: { reference: imageOf(repository), pullPolicy: "IfNotPresent" } }],
  });
  const kill = (...names: string[]) => killContainers(node.root, api, names);
  const failOracle = () => node.control("/faults", { endpoint: "*", status: 503 });
  const daemon = (...command: string[]) => node.root.run("systemctl", [...command, ...UNITS]);

  async function createAccount(name: string): Promise<void> {
    await node.api.createServiceAccount("shop", name);
    await node.control("/iam", { repository: `acme/${name}`, granted: false });
    await node.control("/iam", { repository: `acme/${name}`, serviceAccount: `shop/${name}`, granted: true });
  }

  it("start without the plugin if the node's identity has pulled the image, also with AlwaysVerify", async () => {
    await pods.untilRunning(await start("node", "node"));
    const original = node.root.read(KUBELET_CONFIG);
    for (const policy of hasRecords ? [undefined, "AlwaysVerify"] : [undefined]) {
      const config = JSON.parse(original.toString());
      node.root.write(KUBELET_CONFIG, JSON.stringify({ ...config, imagePullCredentialsVerificationPolicy: policy }));
      await node.restartKubelet();
      await failOracle();
      await (await kill("node-0")).untilRestarted();
      expect(await node.pluginCalls()).toBe(0);
      await node.clearFaults();
    }
    node.root.write(KUBELET_CONFIG, original);
    if (hasRecords) await pods.untilRunning(await start("node-volume", "node", withVolume("files")));
  });

  it("run for service accounts", async () => {
    await configureNode(node, minor);
    await grantAudience(node);
    for (const account of ACCOUNTS)
      await pods.untilRunning(await start(account, account, { serviceAccountName: account }, 5));
    await node.control("/iam", { repository: "acme/files-2", serviceAccount: "shop/ben", granted: true });
    const volume = { ...withVolume("files-2"), serviceAccountName: "ben" };
    if (hasRecords) await pods.untilRunning(await start("ben-volume", "node", volume));
  });

  it("run for a pull secret", async () => {
    const token = await node.root.run(BROKER, ["get", imageOf("secret"), "--output", "password"]);
    await node.api.request("POST", `${namespacePath("shop")}/secrets`, secretOf(token.trim()));
    const spec = { imagePullSecrets: [{ name: "pull" }] };
    await pods.untilRunning(await start("secret", "secret", spec, 3));
    tokenEndsAtMs = JSON.parse(String(Buffer.from(token.split(".")[1] ?? "", "base64url"))).exp * 1_000;
    await failOracle();
  });

  const signalled = async (work: Promise<unknown>, signal: "KILL" | "STOP") =>
    expect(await killDuring(node.root, work, signal)).toBeGreaterThan(0);

  it.each<[what: string, index: number, during: (work: () => Promise<unknown>) => Promise<unknown>]>([
    ["runs", 0, (work) => work()],
    [
      "is restarted",
      1,
      async (work) => {
        await daemon("restart");
        await work();
      },
    ],
    [
      "is stopped and masked, as its socket",
      2,
      async (work) => {
        await daemon("mask", "--runtime", "--now");
        await work();
        await daemon("unmask", "--runtime");
        await daemon("start");
      },
    ],
    ["hangs", 3, (work) => signalled(work(), "STOP")],
    ["is killed once a second", 4, (work) => signalled(work(), "KILL")],
  ])("start again while Oracle's services are down and our daemon %s", async (_what, index, during) => {
    const names = ACCOUNTS.map((account) => `${account}-${index}`);
    await during(async () => (await kill(...names)).untilRestarted());
    for (const name of names) expect(await pods.failures(name)).toEqual([]);
  });

  it("do not start for an account that has not pulled the image, or that was created again", async () => {
    await node.api.request("DELETE", `${namespacePath("shop")}/serviceaccounts/${RECREATED}`);
    await node.api.createServiceAccount("shop", RECREATED);
    const groups = [
      ...(await start("stranger", "anna", { serviceAccountName: "stranger" }, 10)),
      ...(await start("recreated", RECREATED, { serviceAccountName: RECREATED }, 10)),
    ];
    if (!hasRecords) return pods.untilRunning(groups);
    for (const name of groups) await pods.untilFailed(name, "Error: ImagePullBackOff");
    const states = (await api.pods()).filter(({ metadata }) => groups.includes(metadata?.name ?? ""));
    expect(
      states.filter(({ status }) =>
        status?.containerStatuses?.some(({ state, restartCount }) => state?.running || restartCount > 0),
      ),
    ).toEqual([]);
  });

  it("start again with a pull secret whose token has expired or changed, but not with an emptied one", async () => {
    const secret = `${namespacePath("shop")}/secrets/pull`;
    await until("the token has expired", () => Date.now() > tokenEndsAtMs, 2_000 * TOKEN_LIFE_S);
    await (await kill("secret-0")).untilRestarted();
    await node.api.request("PATCH", secret, secretOf("another-token"));
    await (await kill("secret-1")).untilRestarted();
    await node.api.request("PATCH", secret, secretOf(undefined));
    await kill("secret-2");
    if (hasRecords) await pods.untilFailed("secret-2", "Error: ImagePullBackOff");
  });

  it("are pulled at the kubelet's next try once the outage is over", async () => {
    await node.control("/iam", { repository: "acme/new", serviceAccount: "shop/anna", granted: true });
    await start("new", "new", { serviceAccountName: "anna" });
    await pods.untilFailed("new-0", "Error: ImagePullBackOff");
    const tried = await pods.tries("new-0");
    await node.clearFaults();
    await pods.untilRunning(["new-0"]);
    expect(await pods.tries("new-0")).toBe(tried + 1);
  });
}

/** Without a token it is emptied, as the controller of pull secrets does. */
function secretOf(token: string | undefined): object {
  return loginSecret(
    "pull",
    token === undefined ? {} : { [REGISTRY_HOST]: { username: "BEARER_TOKEN", password: token } },
  );
}
