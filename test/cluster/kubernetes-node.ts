/**
 * A worker node of a real Kubernetes, and its control plane on the same machine, in one booted systemd. The registry is the
 * simulator under the names and certificates of Oracle's hosts, so the broker and containerd trust its CA and need no more.
 */
import type { V1NodeList } from "@kubernetes/client-node";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { helmOnNode } from "../system/helm/helm-program.ts";
import { makeArchives, settingsFor } from "../system/install/archives.ts";
import { SCRIPT } from "../system/install/oke-node.ts";
import { CONTROL_URL, control, upstreamRequests } from "../system/simulated-node.ts";
import { bootSystemd, type InstalledFile, type SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { prepareControlGroups, removeControlGroups } from "./control-groups.ts";
import { createApi, type KubernetesApi, untilDefaultAccount } from "./kubernetes-api.ts";
import { NODE_NAME, nodeFiles } from "./node-files.ts";
import { podNetworkFiles } from "./pod-network.ts";
import {
  API_SERVER_UNIT,
  OKE_INIT,
  type ServiceOptions,
  START_LIMIT_MS,
  startServices,
  untilApiServerAnswers,
  untilServing,
} from "./services.ts";

const BROKER_UNITS = ["ocir-broker.socket", "ocir-broker.service"];
const OKE_INIT_SCRIPT = "/run/oke-init.sh";

export interface KubernetesOptions extends ServiceOptions {
  /** The minor version, one of those in `go/`. */
  readonly minor: number;
  /** Further fields of the kubelet's configuration. */
  readonly kubelet?: object;
  readonly hasHelm?: boolean;
  readonly files?: readonly InstalledFile[];
}

export type KubernetesNode = ReturnType<typeof createNode>;

/**
 * Starts everything but the kubelet, which `bootstrap` or `install` starts. A process has one cluster at a time. For example:
 *
 *     startKubernetes({ minor: NEWEST_MINOR, apiServerFlags: ["--v=4"] })
 */
export async function startKubernetes(options: KubernetesOptions): Promise<KubernetesNode> {
  prepareControlGroups();
  const files = [
    ...(await nodeFiles(options.minor, temporaryFolder(), options.kubelet)),
    ...(options.hasPodNetwork ? podNetworkFiles() : []),
    ...(options.hasHelm ? [await helmOnNode()] : []),
    ...(options.files ?? []),
  ];
  const node = createNode(await bootSystemd({ files }));
  try {
    await startServices(node.root, options);
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

function createNode(root: SystemdRoot) {
  const api = createApi(root);
  const untilReady = () => untilServing(root, "kubelet", () => isReady(api));
  const cloudRequests = () => upstreamRequests(root);
  const clearFaults = () => root.run("curl", ["-sSf", "-X", "DELETE", `${CONTROL_URL}/faults`]);
  const cordon = (unschedulable: boolean) =>
    api.request("PATCH", `/api/v1/nodes/${NODE_NAME}`, { spec: { unschedulable } });
  /** Its own shutdown waits for a minute. A stopped transient unit would be gone, a failed one stays. */
  const stopApiServer = () => root.run("systemctl", ["kill", "--signal=KILL", API_SERVER_UNIT]);
  const startApiServer = async () => {
    await root.run("systemctl", ["restart", API_SERVER_UNIT]);
    await untilApiServerAnswers(root);
  };
  return {
    root,
    api,
    /** Runs OKE's script of the first boot, without ocir-broker. */
    async bootstrap(): Promise<void> {
      root.write(OKE_INIT_SCRIPT, OKE_INIT);
      await root.run("bash", [OKE_INIT_SCRIPT]);
      await untilReady();
      // Without it, no pod can be made.
      await untilDefaultAccount(root, "default");
    },
    /**
     * Runs the cloud-init script, which also bootstraps the node.
     *
     * @param settings in addition to those of the archive
     * @throws Error if the script fails, or does not give the kubelet the plugin's flags
     */
    async install(settings: Readonly<Record<string, string>> = {}): Promise<void> {
      const { good } = await makeArchives();
      // A kubelet may run already.
      const env = { ...settingsFor(good), OCIR_BROKER_BOOTSTRAP: "oke-init", ...settings };
      const { exitCode, stderr } = await root.exec("sh", [SCRIPT], { env, timeoutMs: START_LIMIT_MS });
      const isInstalled = exitCode === 0 && stderr.includes("for the kubelet: --image-credential-provider-config=");
      if (!isInstalled) throw new Error(`the script ended with ${exitCode}: ${stderr}`);
    },
    async restartKubelet(): Promise<void> {
      await root.run("systemctl", ["daemon-reload"]);
      await root.run("systemctl", ["restart", "kubelet"]);
      await untilReady();
    },
    ...{ stopApiServer, startApiServer },
    /** Sets whether pods are scheduled on the node. */
    cordon,
    /** Undoes what a test that failed may have left, so that the next one has a node that works. */
    async restore(): Promise<void> {
      if ((await root.property(API_SERVER_UNIT, "ActiveState")) !== "active") await startApiServer();
      // They may not be installed.
      await root.exec("systemctl", ["unmask", "--runtime", ...BROKER_UNITS]);
      await root.exec("systemctl", ["start", ...BROKER_UNITS]);
      await clearFaults();
      await control(root, "/iam", { dynamicGroup: true });
      await cordon(false);
    },
    /** Changes the simulated tenancy. */
    control: (path: "/iam" | "/reset" | "/faults" | "/trusts", body?: object) => control(root, path, body),
    clearFaults,
    /** Requests to the simulated cloud, by endpoint. */
    cloudRequests,
    async cloudRequestsSince(before: Readonly<Record<string, number>>): Promise<Record<string, number>> {
      const now = Object.entries(await cloudRequests());
      return Object.fromEntries(now.map(([endpoint, count]) => [endpoint, count - (before[endpoint] ?? 0)]));
    },
    kubeletPods: () => root.run("curl", ["-sSfk", "https://127.0.0.1:10250/pods"]),
    /** How often the kubelet has called a plugin since its start. */
    async pluginCalls(): Promise<number> {
      const metrics = await root.run("curl", ["-sSfk", "https://127.0.0.1:10250/metrics"]);
      const counts = metrics.matchAll(/^kubelet_credential_provider_plugin_duration_count\{.*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    async stop(): Promise<void> {
      await root.powerOff();
      removeControlGroups();
    },
  };
}

async function isReady(api: KubernetesApi): Promise<boolean> {
  const [node] = (await api.request<V1NodeList>("GET", "/api/v1/nodes")).items;
  const taints = node?.spec?.taints ?? [];
  const ready = node?.status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && taints.length === 0;
}
