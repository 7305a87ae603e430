/** A real Kubernetes without our plugin, in which the chart of pull secrets runs as a Deployment of two, as on OKE. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { V1Deployment, V1Lease, V1Pod, V1Secret } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { CONTROL_URL } from "../system/simulated-node.ts";
import { containerIdOf, processesOf } from "./container-runtime.ts";
import { loadImage, pullSecretsImage } from "./images.ts";
import { createApi, namespacePath } from "./kubernetes-api.ts";
import { type KubernetesNode, type KubernetesOptions, startKubernetes } from "./kubernetes-node.ts";
import { CLOUD_HOSTS, NODE_ADDRESS, REGISTRY_HOST } from "./node-files.ts";
import { createPods } from "./pods.ts";
import { API_VERSION, helm, NAME, pullSecret, RELEASE_NAMESPACE, resourcesPath } from "./pull-secret-objects.ts";
import { SIMULATOR_CA } from "./services.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
/** Of this process alone, since files run at the same time. */
const FOLDER = `dist/test-pull-secrets-${process.pid}`;
const REPOSITORY = "registry.example.com/ocir-pull-secrets";
export const DEPLOYMENT = `/apis/apps/v1/namespaces/${RELEASE_NAMESPACE}/deployments/ocir-pull-secrets`;
export const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${RELEASE_NAMESPACE}/leases/ocir-pull-secrets`;
const READY_LIMIT_MS = 120_000;

/** The simulator's hosts and authority, as DNS and public authorities are for real ones. For server-side apply. */
export const SIMULATED = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "ocir-pull-secrets" },
  spec: {
    template: {
      spec: {
        hostAliases: Object.entries({ ...CLOUD_HOSTS, [NODE_ADDRESS]: REGISTRY_HOST }).map(([ip, name]) => ({
          ip,
          hostnames: [name],
        })),
        volumes: [{ name: "simulator", configMap: { name: "simulator" } }],
        containers: [
          {
            name: "ocir-pull-secrets",
            env: [{ name: "SSL_CERT_FILE", value: "/simulator/ca.crt" }],
            volumeMounts: [{ name: "simulator", mountPath: "/simulator" }],
          },
        ],
      },
    },
  },
};

export type PullSecretsCluster = Awaited<ReturnType<typeof startPullSecretsCluster>>;

interface Resource {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly status?: {
    readonly conditions: readonly { readonly status: string; readonly reason: string; readonly message: string }[];
  };
}

/** The chart is installed, and one replica leads. */
export async function startPullSecretsCluster(options: KubernetesOptions) {
  const made = await pullSecretsImage(join(CHECKOUT, FOLDER));
  const node = await startKubernetes({ ...options, hasPodNetwork: true, hasHelm: true });
  const cluster = createCluster(node);
  try {
    await node.bootstrap();
    await node.control("/iam", { granted: false });
    await loadImage(node, join("/opt/checkout", FOLDER, made.image), REPOSITORY, made.digest);
    rmSync(join(CHECKOUT, FOLDER), { recursive: true });
    await createReleaseNamespace(node);
    const image = { repository: REPOSITORY, digest: made.digest, pullPolicy: "Never" };
    await helm(node, "install", { image });
    await node.api.request("APPLY", `${DEPLOYMENT}?fieldManager=test`, SIMULATED);
    await cluster.untilRolledOut();
    return {
      ...cluster,
      async upgrade(values: Readonly<Record<string, unknown>>): Promise<void> {
        await helm(node, "upgrade", { image, ...values });
        await cluster.untilRolledOut();
      },
    };
  } catch (error) {
    const { stdout } = await node.root.exec("sh", ["-c", "tail -n 40 /var/log/pods/ocir-pull-secrets_*/*/*.log"]);
    await node.stop();
    throw new Error(stdout, { cause: error });
  }
}

/** With the authority that `SIMULATED` mounts. */
export async function createReleaseNamespace(node: KubernetesNode): Promise<void> {
  await node.api.createNamespace(RELEASE_NAMESPACE);
  const restricted = { metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } } };
  await node.api.request("PATCH", namespacePath(RELEASE_NAMESPACE), restricted);
  const data = { "ca.crt": node.root.read(SIMULATOR_CA).toString() };
  const path = `${namespacePath(RELEASE_NAMESPACE)}/configmaps`;
  await node.api.request("POST", path, { metadata: { name: "simulator" }, data });
}

function createCluster(node: KubernetesNode) {
  const get = <Kind>(path: string) => node.api.request<Kind>("GET", path);
  const inRelease = createApi(node.root, RELEASE_NAMESPACE);

  async function leader(): Promise<V1Pod | undefined> {
    const { spec } = await get<V1Lease>(LEASE);
    return (await inRelease.pods()).find(({ metadata }) => metadata?.name === spec?.holderIdentity);
  }

  return {
    node,
    leader,
    /** The controller's namespace. */
    inRelease,
    /** Of one namespace. */
    pods: (namespace: string) => createPods(createApi(node.root, namespace)),
    /** Returns at once, unless there is nothing left to run. */
    async scale(replicas: 0 | 2): Promise<void> {
      await node.api.request("PATCH", DEPLOYMENT, { spec: { replicas } });
      const isGone = async () => (await inRelease.pods()).length === 0;
      if (replicas === 0) await until("no replica runs", isGone, READY_LIMIT_MS);
    },
    async untilRolledOut(): Promise<void> {
      const isSo = async () => {
        const { metadata, status } = await get<V1Deployment>(DEPLOYMENT);
        const isSeen = status?.observedGeneration === metadata?.generation;
        return isSeen && status?.updatedReplicas === 2 && status.replicas === 2 && status.readyReplicas === 2;
      };
      await until("both replicas are ready", isSo, READY_LIMIT_MS);
      await until("one leads", async () => (await leader()) !== undefined, READY_LIMIT_MS);
    },
    /** A namespace whose account may pull `acme/<namespace>`. */
    async createTenant(namespace: string): Promise<void> {
      await node.api.createNamespace(namespace);
      const repository = `acme/${namespace}`;
      await node.control("/iam", { repository, serviceAccount: `${namespace}/${NAME}`, granted: true });
      await node.api.createServiceAccount(namespace, NAME);
    },
    async createResource(namespace: string, spec: object = {}): Promise<void> {
      const resource = pullSecret({ registries: [REGISTRY_HOST], ...spec });
      await node.api.request("POST", resourcesPath(namespace), resource);
    },
    removeResource: (namespace: string) => node.api.request("DELETE", `${resourcesPath(namespace)}/${NAME}`),
    resource: (namespace: string) => get<Resource>(`${resourcesPath(namespace)}/${NAME}`),
    resources: () => node.api.list<Resource>(`/apis/${API_VERSION}/ocirpullsecrets`),
    async untilReason(namespace: string, reason: string): Promise<string> {
      let found: Resource["status"];
      const isSo = async () => {
        found = (await get<Resource>(`${resourcesPath(namespace)}/${NAME}`)).status;
        return found?.conditions[0]?.reason === reason;
      };
      await until(() => `${namespace} has the reason ${reason}: ${JSON.stringify(found)}`, isSo, READY_LIMIT_MS);
      return found?.conditions[0]?.message ?? "";
    },
    secret: (namespace: string) => get<V1Secret>(`${namespacePath(namespace)}/secrets/${NAME}`).catch(() => undefined),
    /** Sends SIGKILL to the leader's container. False if there is none at the moment. */
    async killLeader(): Promise<boolean> {
      const [status] = (await leader())?.status?.containerStatuses ?? [];
      const id = containerIdOf(status);
      if (status?.state?.running === undefined || id === undefined) return false;
      const pids = await processesOf(node.root, id);
      return pids.length > 0 && (await node.root.exec("kill", ["-KILL", ...pids])).exitCode === 0;
    },
    /** To explain a failed pull: each token's times, why the registry refused a request, and what kubelet and controller logged. */
    async evidence(): Promise<string> {
      const secrets = await node.api.list<V1Secret>(`/api/v1/secrets?fieldSelector=metadata.name%3D${NAME}`);
      const times = secrets.map(({ metadata }) => `${metadata?.namespace}: ${JSON.stringify(metadata?.annotations)}`);
      const refusals = await node.root.exec("curl", ["-sS", `${CONTROL_URL}/refusals`]);
      const kubelet = (await node.root.journal("kubelet")).split("\n").filter((line) => line.includes("pull secret"));
      const logs = `tail -n 60 /var/log/pods/${RELEASE_NAMESPACE}_*/*/*.log`;
      const controller = await node.root.exec("sh", ["-c", logs]);
      return [...times, refusals.stdout, ...kubelet, controller.stdout].join("\n");
    },
  };
}
