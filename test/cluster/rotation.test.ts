/**
 * Products that read pull secrets, with the real controller, until the registry refuses the tokens of the start: Flux and BuildKit
 * unmodified, and Argo CD's code. Each test continues from the previous one's state.
 */
import type { V1Pod } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { describeUnless } from "../system/describe-unless.ts";
import { ARGO_CD_FILES, lackOfArgoCd, startArgoCd } from "./argo-cd.ts";
import { BUILD_KIT_FILES, clientPod, lackOfBuildKit, startBuildKit } from "./build-kit.ts";
import { canRunCluster, lackOfProgram, lackOfTime } from "./can-run-cluster.ts";
import { loginsIn } from "./docker-logins.ts";
import { FLUX_FILES, lackOfFlux, startFlux } from "./flux.ts";
import { givenPullSecrets } from "./given.ts";
import { ADMIN_ENV, namespacePath } from "./kubernetes-api.ts";
import { imageOf, REGISTRY_HOST, RUNTIME_UNIT } from "./node-files.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { NEWEST_MINOR } from "./programs.ts";
import { NAME } from "./pull-secret-objects.ts";
import { STORAGE_URL } from "./services.ts";

const LIFE_S = 90;
const LIMIT_MS = 2 * LIFE_S * 1_000;
const FIRST = "1.0.0";
const SECOND = "2.0.0";
/** In docs/consumers/products.md. */
const FLUX_ERROR = `failed to get credential: failed to get secret 'flux/${NAME}'`;
/** In docs/consumers/products.md. */
const REFUSED_BUILD = "failed to fetch oauth token: unknown: Unauthorized";
const CHARTS = `${REGISTRY_HOST}/acme`;
const FORMATS: Readonly<Record<string, readonly string[]>> = { flux: [], argocd: ["ArgoCD"], builds: [] };
const lacks = { Flux: lackOfFlux, "Argo CD": lackOfArgoCd, BuildKit: lackOfBuildKit };
const lackOfAll = Object.values(lacks).every((lack) => lack !== undefined) ? lackOfFlux : undefined;

function itWith(product: keyof typeof lacks, title: string, body: () => Promise<void>): void {
  const lack = lacks[product];
  it.skipIf(lack !== undefined)(`${product} ${title}${lack === undefined ? "" : ` (skipped: ${lack})`}`, body);
}

const lackOfCluster = lackOfTime ?? canRunCluster([NEWEST_MINOR]) ?? lackOfPodNetwork();
const skipped = lackOfCluster ?? lackOfProgram("docker-registry", "docker-registry") ?? lackOfAll;

describeUnless(skipped, "products that read pull secrets", () => {
  const cluster = givenPullSecrets({
    minor: NEWEST_MINOR,
    tokenLifeS: LIFE_S,
    hasStorage: true,
    files: [
      ...(lackOfFlux === undefined ? FLUX_FILES : []),
      ...(lackOfArgoCd === undefined ? ARGO_CD_FILES : []),
      ...(lackOfBuildKit === undefined ? BUILD_KIT_FILES : []),
    ],
  });
  let flux: Awaited<ReturnType<typeof startFlux>>;
  let argoCd: Awaited<ReturnType<typeof startArgoCd>>;
  let buildKit: Awaited<ReturnType<typeof startBuildKit>>;
  /** Of the products that live on. */
  let processes: string[];
  /** By namespace. */
  let firstTokens: Record<string, string>;
  let longBuild: Promise<string>;

  beforeAll(async () => {
    await pushChart(FIRST);
    for (const namespace of Object.keys(FORMATS)) {
      await cluster.createTenant(namespace);
      const serviceAccount = `${namespace}/${NAME}`;
      const repository = namespace === "builds" ? "acme/results" : "acme/chart";
      await cluster.node.control("/iam", { repository, serviceAccount, granted: true });
    }
    await cluster.node.control("/iam", { repository: "acme/results", writable: true });
    if (lackOfFlux === undefined) flux = await startFlux(cluster.node, "flux");
    if (lackOfArgoCd === undefined) argoCd = await startArgoCd(cluster.node);
    if (lackOfBuildKit === undefined) buildKit = await startBuildKit(cluster.node);
    processes = await processIds();
  });

  const processIds = () =>
    Promise.all([
      ...(lackOfFlux === undefined ? [flux.process()] : []),
      ...(lackOfArgoCd === undefined ? [argoCd.process()] : []),
    ]);

  async function pushChart(version: string): Promise<void> {
    const { root } = cluster.node;
    const env = ADMIN_ENV;
    root.write("/run/chart/Chart.yaml", JSON.stringify({ apiVersion: "v2", name: "chart", version }));
    await root.run("helm", ["package", "/run/chart", "--destination", "/run"], { env });
    const to = `oci://${new URL(STORAGE_URL).host}/acme`;
    await root.run("helm", ["push", `/run/chart-${version}.tgz`, to, "--plain-http"], { env });
  }

  async function token(namespace: string): Promise<string> {
    return loginsIn(await cluster.secret(namespace))[REGISTRY_HOST]?.password ?? "";
  }

  async function untilRefused(refused: string): Promise<void> {
    const url = `https://${REGISTRY_HOST}/20180419/docker/token?service=${REGISTRY_HOST}`;
    const args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", `BEARER_TOKEN:${refused}`, url];
    await until("the registry refuses it", async () => (await cluster.node.root.run("curl", args)) === "401", LIMIT_MS);
  }

  const buildTo = (pod: string, tag: string, isSlow = false) =>
    buildKit.build({ namespace: "builds", pod, from: imageOf("builds"), to: `${CHARTS}/results:${tag}`, isSlow });

  itWith("Flux", "reports as documented that the Secret is missing", () => flux.untilSecretIsMissing(FLUX_ERROR));

  itWith("Argo CD", "cannot pull a chart without the Secret", async () => {
    const { username, error } = await argoCd.pull(CHARTS, FIRST);
    expect([username, error]).toEqual(["", expect.stringContaining("denied")]);
  });

  it("get a token each", async () => {
    for (const [namespace, formats] of Object.entries(FORMATS)) await cluster.createResource(namespace, { formats });
    for (const namespace of Object.keys(FORMATS)) await cluster.untilReason(namespace, "Issued");
    const tokens = Object.keys(FORMATS).map(async (namespace) => [namespace, await token(namespace)] as const);
    firstTokens = Object.fromEntries(await Promise.all(tokens));
  });

  itWith("BuildKit", "pulls and pushes with the mounted Secret, at first also with subPath", async () => {
    const image = imageOf("builds");
    await cluster.pods("builds").create("volume", 1, () => image, clientPod(image, { hasSubPath: false }));
    await cluster.pods("builds").create("sub-path", 1, () => image, clientPod(image, { hasSubPath: true }));
    await cluster.pods("builds").untilRunning(["volume-0", "sub-path-0"]);
    for (const pod of ["volume-0", "sub-path-0"]) await buildTo(pod, "first");
    longBuild = buildTo("volume-0", "long", true);
    longBuild.catch(() => {});
  });

  itWith("Flux", "makes every source ready", () => flux.untilReady(FIRST));

  itWith("Argo CD", "pulls a chart", async () => {
    expect(await argoCd.pull(CHARTS, FIRST)).toMatchObject({ error: "", versions: [FIRST] });
  });

  itWith(
    "Argo CD",
    "has no credentials for oci://, for a host that only begins alike, and for dependencies",
    async () => {
      const usernames = [`oci://${CHARTS}/chart`, `${REGISTRY_HOST}.example.com/acme`, CHARTS].map(
        async (repo) => (await argoCd.pull(repo, FIRST)).username,
      );
      expect(await Promise.all(usernames)).toEqual(["", "", "BEARER_TOKEN"]);
      expect((await argoCd.pull(CHARTS, FIRST)).dependencies).toBe(0);
    },
  );

  it("get new tokens before the registry refuses the first ones", async () => {
    for (const [namespace, first] of Object.entries(firstTokens)) {
      await until("the token is another", async () => (await token(namespace)) !== first, LIMIT_MS);
      await untilRefused(first);
    }
    await pushChart(SECOND);
  });

  itWith("Flux", "makes every source ready with the next version, without a restart", () => flux.untilReady(SECOND));

  itWith("Argo CD", "pulls the next version, without a restart", async () => {
    const { error, versions, password } = await argoCd.pull(CHARTS, SECOND);
    expect({ error, versions }).toEqual({ error: "", versions: [SECOND, FIRST] });
    expect(password).not.toBe(firstTokens["argocd"]);
    expect(await processIds()).toEqual(processes);
  });

  itWith(
    "BuildKit",
    "cannot push at the end of a build that outlived its token, and can with a second try",
    async () => {
      await refreshVolumes("volume-0", "sub-path-0");
      await buildKit.release();
      const failure = await longBuild.catch(String);
      expect(failure).toContain("[auth] acme/results:pull,push");
      expect(failure).toContain(REFUSED_BUILD);
      await buildTo("volume-0", "long", true);
    },
  );

  itWith(
    "BuildKit",
    "pulls and pushes with the new token, but not with a file that is mounted with subPath",
    async () => {
      await buildTo("volume-0", "second");
      await expect(buildTo("sub-path-0", "stale")).rejects.toThrow(REFUSED_BUILD);
    },
  );

  /** A change of a pod makes the kubelet update its volumes at once, and not within a minute. */
  async function refreshVolumes(...pods: readonly string[]): Promise<void> {
    const { root, api } = cluster.node;
    const runtime = await root.property(RUNTIME_UNIT, "MainPID");
    for (const pod of pods) {
      const path = `${namespacePath("builds")}/pods/${pod}`;
      const changed = await api.request<V1Pod>("PATCH", path, { metadata: { annotations: { refreshed: "1" } } });
      const volume = `/var/lib/kubelet/pods/${changed.metadata?.uid}/volumes/kubernetes.io~secret/docker/config.json`;
      const read = ["--mount", `--target=${runtime}`, "--", "cat", volume];
      const isNew = async () => !(await root.run("nsenter", read)).includes(firstTokens["builds"] ?? "");
      await until("the volume has the new token", isNew, LIMIT_MS);
    }
  }
});
