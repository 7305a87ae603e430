/**
 * A worker node of a real Kubernetes, and its control plane beside it: etcd, API server, controllers, scheduler, containerd,
 * runc and kubelet in one booted systemd. The registry is the simulator under the names and certificates of Oracle's hosts,
 * so the broker and containerd need no configuration for it except its CA.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../system/daemonset/certificates.ts";
import { type Archive, settingsFor } from "../system/install/archives.ts";
import { READ_EXTRA_ARGS, SCRIPT } from "../system/install/oke-node.ts";
import { bootSystemd, type ExecResult, type InstalledFile, type SystemdRoot } from "../system/systemd-root/index.ts";
import { until } from "../system/until.ts";
import { CONTROL_GROUP, MAKE_CONTROL_GROUPS, removeControlGroups } from "./control-groups.ts";
import { ADMIN_TOKEN, API_SERVER, CLUSTER_CA, createApi, type KubernetesApi } from "./kubernetes-api.ts";
import { clusterPrograms } from "./programs.ts";

export const REGISTRY_HOST = "us-ashburn-1.ocir.io";
/** Not Oracle's; the simulator answers there, too. */
export const OTHER_HOST = "registry.example.com";

const NODE_NAME = "node-1";
const NODE_ADDRESS = "10.99.0.1";
const NODE_TOKEN = "kubelet";
const PKI = "/etc/kubernetes/pki";
const CGROUPS = "/run/control-groups";
const SIMULATOR_CA = "/run/simulator-ca.crt";
const CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const CONTROL_URL = "http://127.0.0.1:18083";
const OKE_INIT_SCRIPT = "/run/oke-init.sh";
const START_LIMIT_MS = 120_000;

export interface KubernetesNode {
  readonly root: SystemdRoot;
  readonly api: KubernetesApi;
  /** As OKE's script at the node's first boot, with nothing of ours. */
  bootstrap(): Promise<void>;
  /** The cloud-init script, to its end, and with it the bootstrap. */
  install(archive: Archive): Promise<ExecResult>;
  restartKubelet(): Promise<void>;
  /** Whether no pod is scheduled on it. */
  cordon(unschedulable: boolean): Promise<void>;
  /** Changes the simulated tenancy. */
  control(path: "/iam" | "/reset" | "/faults", body?: object): Promise<void>;
  /** Requests to the simulated cloud, by endpoint. */
  cloudRequests(): Promise<Record<string, number>>;
  /** The kubelet's own metrics, in the exposition format. */
  kubeletMetrics(): Promise<string>;
  stop(): Promise<void>;
}

export async function startKubernetes(minor: number): Promise<KubernetesNode> {
  removeControlGroups();
  const folder = mkdtempSync(join(tmpdir(), "ocir-cluster-files-"));
  try {
    return await start(minor, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function start(minor: number, folder: string): Promise<KubernetesNode> {
  makeCertificates(folder, "127.0.0.1");
  makeWaitingProgram(join(folder, "wait"));
  const root = await bootSystemd({ files: filesFor(minor, folder) });
  const api = createApi(root);

  /** A service that is started now, and whose messages are in the journal under its name. */
  const serve = async (name: string, command: readonly string[], properties: readonly string[] = []) => {
    const settings = properties.map((property) => `--property=${property}`);
    await root.run("systemd-run", ["--quiet", "--unit", unitOf(name), ...settings, ...command]);
  };
  const answers = (name: string, url: string, ...args: string[]) =>
    untilServing(root, unitOf(name), `${name} answers`, async () => {
      return (await root.exec("curl", ["-sSf", "-m", "5", ...args, url])).exitCode === 0;
    });
  const untilReady = () => untilServing(root, "kubelet", "the node is Ready", () => isReady(api));
  const bearer = ["--cacert", CLUSTER_CA, "-H", `Authorization: Bearer ${ADMIN_TOKEN}`];

  async function startAll(): Promise<void> {
    await root.run("ip", ["link", "set", "lo", "up"]);
    for (const address of ["169.254.169.254", NODE_ADDRESS])
      await root.run("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
    await root.run("sh", ["-c", MAKE_CONTROL_GROUPS, "sh", CGROUPS]);
    await root.run("sh", ["-c", KEEP_KERNEL_SETTINGS]);
    // Layers cannot be put upon an overlay such as the node's root.
    await root.run("mkdir", ["-p", "/var/lib/containerd"]);
    await root.run("mount", ["-t", "tmpfs", "none", "/var/lib/containerd"]);
    await startSimulator();
    await serve("etcd", ["etcd", "--data-dir=/var/lib/etcd-data", "--unsafe-no-fsync"]);
    await answers("etcd", "http://127.0.0.1:2379/health");
    await serve("kube-apiserver", ["kube-apiserver", ...API_SERVER_FLAGS]);
    await answers("kube-apiserver", `${API_SERVER}/readyz`, ...bearer);
    const asAdministrator = ["--kubeconfig=/etc/kubernetes/admin.conf", "--leader-elect=false"];
    await serve("kube-controller-manager", [
      "kube-controller-manager",
      ...asAdministrator,
      `--root-ca-file=${CLUSTER_CA}`,
    ]);
    await serve("kube-scheduler", ["kube-scheduler", ...asAdministrator]);
    await serve(
      "containerd",
      ["containerd", "--config", "/etc/containerd/config.toml"],
      [`BindPaths=${CGROUPS}:/sys/fs/cgroup`],
    );
  }

  async function startSimulator(): Promise<void> {
    const listen = {
      metadata: "169.254.169.254:80",
      auth: "127.0.0.2:443",
      registry: "127.0.0.3:443",
      control: new URL(CONTROL_URL).host,
    };
    await serve(
      "simulator",
      [
        "/opt/checkout/node_modules/.bin/node",
        "/opt/checkout/packages/oci-simulator/src/main.ts",
        ...Object.entries(listen).flatMap(([service, address]) => [`--${service}`, address]),
        ...["--registry", "127.0.0.4:443", "--tls", "--ca-file", SIMULATOR_CA, "--program", "/opt/wait"],
        ...["--instance-metadata", `oke_init_script=${Buffer.from(OKE_INIT).toString("base64")}`],
      ],
      ["WorkingDirectory=/opt/checkout"],
    );
    await answers("simulator", `${CONTROL_URL}/requests`);
    await root.run("sh", ["-c", `cat ${SIMULATOR_CA} >>${CA_BUNDLE}`]);
  }

  const node: KubernetesNode = {
    root,
    api,
    async bootstrap() {
      root.write(OKE_INIT_SCRIPT, OKE_INIT);
      await root.run("bash", [OKE_INIT_SCRIPT]);
      await untilReady();
      // Without it, no pod can be made.
      const account = `${API_SERVER}/api/v1/namespaces/default/serviceaccounts/default`;
      await answers("kube-controller-manager", account, ...bearer);
    },
    install: (archive) => root.exec("sh", [SCRIPT], { env: settingsFor(archive), timeoutMs: START_LIMIT_MS }),
    async restartKubelet() {
      await root.run("systemctl", ["daemon-reload"]);
      await root.run("systemctl", ["restart", "kubelet"]);
      await untilReady();
    },
    async cordon(unschedulable) {
      await api.request("PATCH", `/api/v1/nodes/${NODE_NAME}`, { spec: { unschedulable } });
    },
    async control(path, body) {
      await root.run("curl", ["-sSf", "-d", JSON.stringify(body ?? {}), `${CONTROL_URL}${path}`]);
    },
    cloudRequests: async () => JSON.parse(await root.run("curl", ["-sSf", `${CONTROL_URL}/requests`])),
    kubeletMetrics: () => root.run("curl", ["-sSfk", "https://127.0.0.1:10250/metrics"]),
    async stop() {
      await root.powerOff();
      removeControlGroups();
    },
  };
  try {
    await startAll();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

/** Debian's packages have units of the plain names. */
function unitOf(name: string): string {
  return `cluster-${name}`;
}

interface Node {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

async function isReady(api: KubernetesApi): Promise<boolean> {
  const { items } = (await api.request("GET", "/api/v1/nodes")) as { items: readonly Node[] };
  const taints = items[0]?.spec.taints ?? [];
  const ready = items[0]?.status.conditions.find(({ type }) => type === "Ready");
  return ready?.status === "True" && taints.length === 0;
}

/** @throws Error with the unit's journal if it fails meanwhile. */
function untilServing(root: SystemdRoot, unit: string, what: string, isSo: () => Promise<boolean>): Promise<void> {
  const isServing = async () => {
    if ((await root.property(unit, "ActiveState")) === "failed") throw new Error(await root.journal(unit));
    return isSo();
  };
  return until(what, isServing, START_LIMIT_MS);
}

/** The program of a test container: it waits, and needs no library. */
function makeWaitingProgram(path: string): void {
  const source = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n";
  const compiler = spawnSync("musl-gcc", ["--version"]).status === 0 ? "musl-gcc" : "cc";
  const { status, stderr } = spawnSync(compiler, ["-static", "-Os", "-s", "-x", "c", "-o", path, "-"], {
    input: source,
  });
  if (status !== 0) throw new Error(`${compiler}: ${stderr}`);
}

function filesFor(minor: number, folder: string): InstalledFile[] {
  const file = (to: string, text: string): InstalledFile => ({ from: { text }, to });
  return [
    ...clusterPrograms(minor).map(({ name, path }) => ({ from: path, to: `/usr/bin/${name}`, mode: 0o755 })),
    { from: join(folder, "wait"), to: "/opt/wait", mode: 0o755 },
    ...["ca.crt", "api.crt", "api.key"].map((name) => ({ from: join(folder, name), to: `${PKI}/${name}` })),
    file(
      `${PKI}/tokens.csv`,
      `${ADMIN_TOKEN},admin,1,system:masters\n${NODE_TOKEN},system:node:${NODE_NAME},2,system:nodes\n`,
    ),
    file("/etc/kubernetes/admin.conf", kubeconfig(ADMIN_TOKEN)),
    file("/etc/kubernetes/kubelet.conf", kubeconfig(NODE_TOKEN)),
    file("/etc/kubernetes/kubelet-config.json", JSON.stringify(KUBELET_CONFIG)),
    file("/etc/systemd/system/kubelet.service", KUBELET_UNIT),
    file("/etc/containerd/config.toml", CONTAINERD_CONFIG),
    file(
      "/etc/cni/net.d/10-none.conflist",
      JSON.stringify({ cniVersion: "1.0.0", name: "none", plugins: [{ type: "loopback" }] }),
    ),
    { from: CA_BUNDLE, to: CA_BUNDLE },
    file(
      "/etc/hosts",
      `127.0.0.1 localhost\n127.0.0.2 auth.us-ashburn-1.oraclecloud.com\n127.0.0.3 ${REGISTRY_HOST} iad.ocir.io\n127.0.0.4 ${OTHER_HOST}\n`,
    ),
  ];
}

function kubeconfig(token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: API_SERVER, "certificate-authority": CLUSTER_CA } }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    "current-context": "c",
  });
}

const API_SERVER_FLAGS = [
  "--etcd-servers=http://127.0.0.1:2379",
  "--bind-address=127.0.0.1",
  `--advertise-address=${NODE_ADDRESS}`,
  "--service-cluster-ip-range=10.96.0.0/16",
  "--authorization-mode=Node,RBAC",
  `--token-auth-file=${PKI}/tokens.csv`,
  `--tls-cert-file=${PKI}/api.crt`,
  `--tls-private-key-file=${PKI}/api.key`,
  `--service-account-key-file=${PKI}/api.crt`,
  `--service-account-signing-key-file=${PKI}/api.key`,
  "--service-account-issuer=https://kubernetes.default.svc",
];

/** The kubelet sets some of the kernel's settings, which are the machine's, and reads the kernel's log: it gets others for them. */
const KEEP_KERNEL_SETTINGS = `
for setting in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
  mkdir -p "/run/kernel-settings/\${setting%/*}" &&
    cat "/proc/sys/$setting" >"/run/kernel-settings/$setting" &&
    mount --bind "/run/kernel-settings/$setting" "/proc/sys/$setting" || exit
done
ln -s null /dev/kmsg
`;

const KUBELET_CONFIG = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
  cgroupDriver: "cgroupfs",
  cgroupRoot: `/${CONTROL_GROUP}`,
  failCgroupV1: false,
  failSwapOn: false,
  makeIPTablesUtilChains: false,
  evictionHard: { "memory.available": "50Mi" },
  maxPods: 250,
  // All that a kubelet can be told to pull at once.
  serializeImagePulls: false,
  registryPullQPS: 0,
} as const;

/** In containerd's mount namespace, where both see the same control groups and the same pods' volumes. */
const KUBELET_UNIT = `[Service]
ExecStart=/bin/sh -c 'exec nsenter --mount=/proc/$$(systemctl show --property MainPID --value ${unitOf("containerd")})/ns/mnt -- \\
  /usr/bin/kubelet --config=/etc/kubernetes/kubelet-config.json --kubeconfig=/etc/kubernetes/kubelet.conf \\
  --hostname-override=${NODE_NAME} --node-ip=${NODE_ADDRESS} --cert-dir=/var/lib/kubelet/pki $$KUBELET_EXTRA_ARGS'
`;

const CONTAINERD_CONFIG = `version = 3
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${REGISTRY_HOST}/axoxdievda5j/oke-public-pause:3"
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;

/** As OKE's: the kubelet's extra arguments go into a drop-in, and it starts with them. */
const OKE_INIT = `#!/bin/bash
${READ_EXTRA_ARGS}mkdir -p /etc/systemd/system/kubelet.service.d
printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' "$extra" > /etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf
systemctl daemon-reload
systemctl restart kubelet
`;
