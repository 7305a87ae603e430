/**
 * Pull secrets on a real Kubernetes, on a node without our plugin: pods that name the Secret, tenants that try to get each other's
 * token, leaders that are killed and an API server that is away. Each test continues from the previous one's state.
 */
import { until } from "@ocir-broker/testkit/until";
import { expect, it } from "vitest";
import { isLongRun } from "../system/long-run.ts";
import { isShortRun } from "./can-run-cluster.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenPullSecrets } from "./given.ts";
import { DENIED, imageOf } from "./node-files.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { NAME, resourcesPath } from "./pull-secret-objects.ts";
import { createPulls, disturb, failedPulls } from "./pull-secrets-disturbance.ts";

const LIFE_S = isShortRun ? 90 : 180;
const NAMESPACES = ["shop", ...Array.from({ length: isShortRun ? 0 : 19 }, (_, index) => `tenant-${index}`)];
const DURATION_S = isLongRun ? 600 : isShortRun ? 60 : 185;
const ABSENCES = isShortRun ? 0 : 2;
const LIMIT_MS = 60_000;
/** Otherwise the kubelet delays the restarts of what is killed often for up to 5 minutes, and no replica is left to be killed. */
const SOON_RESTARTED = {
  crashLoopBackOff: { maxContainerRestartPeriod: "10s" },
  featureGates: { KubeletCrashLoopBackOffMax: true },
};
const WITH_SECRET = { imagePullSecrets: [{ name: NAME }] };

describeCluster("pull secrets on a real Kubernetes", declareTests, lackOfPodNetwork());

function declareTests(minor: number): void {
  const cluster = givenPullSecrets({ minor, tokenLifeS: LIFE_S, kubelet: SOON_RESTARTED });

  const start = (namespace: string, group: string, repository = namespace) =>
    cluster.pods(namespace).create(group, 1, () => imageOf(repository), WITH_SECRET);

  it("cannot pull a private image without the Secret, and runs the same pod once there is a resource", async () => {
    await cluster.createTenant("shop");
    const pods = await start("shop", "early");
    await cluster.pods("shop").untilFailed("early-0", DENIED, "Error: ImagePullBackOff");
    await cluster.createResource("shop");
    expect(await cluster.untilReason("shop", "Issued")).toMatch(/^us-ashburn-1\.ocir\.io until \d\d:\d\d:\d\dZ$/);
    await cluster.pods("shop").untilRunning(pods);
  });

  it("gives no tenant the token of another, whatever it writes into its resource", async () => {
    await cluster.createTenant("depot");
    await cluster.createResource("depot");
    await cluster.untilReason("depot", "Issued");
    await start("depot", "others", "shop");
    await cluster.pods("depot").untilFailed("others-0", "not authorized");
    await cluster.pods("depot").untilRunning(await start("depot", "own"));

    await cluster.node.api.createServiceAccount("depot", "shop-puller");
    const choose = (serviceAccountName: string | null) =>
      cluster.node.api.request("PATCH", `${resourcesPath("depot")}/${NAME}`, { spec: { serviceAccountName } });
    await choose("shop-puller");
    expect(await cluster.untilReason("depot", "NameNotAllowed")).toContain("shop-puller");
    await choose(null);
    await cluster.untilReason("depot", "Issued");
  });

  it("replaces the owner of the Secret if the resource is recreated at once, and lets the Secret go with the resource", async () => {
    const before = await cluster.secret("depot");
    await cluster.removeResource("depot");
    await cluster.createResource("depot");
    const { uid } = (await cluster.resource("depot")).metadata;
    const hasOwner = async () => (await cluster.secret("depot"))?.metadata?.ownerReferences?.[0]?.uid === uid;
    await until("the Secret has the new owner", hasOwner, LIMIT_MS);
    expect(before?.metadata?.ownerReferences?.[0]?.uid).not.toBe(uid);
    await cluster.removeResource("depot");
    await until("the Secret is gone", async () => (await cluster.secret("depot")) === undefined, LIMIT_MS);
  });

  it(`fails no pull with tokens of ${LIFE_S} s in ${NAMESPACES.length} namespaces while the leader is killed${ABSENCES > 0 ? " and the API server is away" : ""}`, async () => {
    // Otherwise the kubelet keeps the Secrets of these pods in an absence of the API server, as createPulls() explains.
    await cluster.pods("shop").removeGroup("early");
    for (const group of ["others", "own"]) await cluster.pods("depot").removeGroup(group);
    for (const namespace of NAMESPACES.slice(1)) {
      await cluster.createTenant(namespace);
      await cluster.createResource(namespace);
    }
    for (const namespace of NAMESPACES) await cluster.untilReason(namespace, "Issued");
    const before = await cluster.node.cloudRequests();
    const pulling = createPulls(cluster, NAMESPACES);
    let isOver = false;
    const disturbing = disturb(cluster, pulling, { durationS: DURATION_S, absences: ABSENCES }).finally(() => {
      isOver = true;
    });
    await Promise.all([disturbing, pulling.run(() => isOver)]);
    const countExchanges = async () => (await cluster.node.cloudRequestsSince(before))["cluster.tokenExchange"] ?? 0;
    expect(await failedPulls(cluster), await cluster.evidence()).toEqual([]);
    // A kill delays a renewal that was due at the end.
    await until("all are renewed", async () => (await countExchanges()) >= NAMESPACES.length, LIMIT_MS);
  });
}
