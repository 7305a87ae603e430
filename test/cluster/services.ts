/**
 * The services of a node and its control plane, each a transient unit: the simulator under the names and certificates of
 * Oracle's hosts, etcd, API server, controllers, scheduler and container runtime. The kubelet starts with the node's bootstrap.
 */
import { until } from "@ocir-broker/testkit/until";
import { CONTROL_URL } from "../system/simulated-node.ts";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { containerRuntime } from "./container-runtime.ts";
import { controlGroupVersion, MAKE_CONTROL_GROUPS } from "./control-groups.ts";
import { API_SERVER, BEARER, CLUSTER_CA } from "./kubernetes-api.ts";
import { CA_BUNDLE, CLOUD_HOSTS, NODE_ADDRESS, PKI, RUNTIME_UNIT, SIGNING_KEY } from "./node-files.ts";
import { POD_NETWORK_LISTENERS, startPodNetwork } from "./pod-network.ts";

export const STORAGE_URL = "http://127.0.0.1:18086";
export const START_LIMIT_MS = 120_000;
/** Kubernetes' default, and OKE's as far as is known. */
export const ISSUER = "https://kubernetes.default.svc.cluster.local";

export const API_SERVER_UNIT = "cluster-kube-apiserver";

const CGROUPS = "/run/control-groups";
export const SIMULATOR_CA = "/run/simulator-ca.crt";
const EXCHANGE_CA = "/run/exchange-ca.crt";
const STORAGE_CONFIG = "/run/docker-registry.yml";
const ISSUER_FILE = "/run/service-account-issuer.json";
const [AUTH_ADDRESS, DOMAIN_ADDRESS] = Object.keys(CLOUD_HOSTS);
const AS_ADMINISTRATOR = ["--kubeconfig=/etc/kubernetes/admin.conf", "--leader-elect=false"];

/** Like OKE's script: skips unknown words, writes the kubelet's last extra arguments into a drop-in, and starts it. */
export const OKE_INIT = `#!/bin/bash
while [ $# -gt 0 ]; do
  [ "$1" != --kubelet-extra-args ] || extra=$2
  shift
done
mkdir -p /etc/systemd/system/kubelet.service.d
printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' "$extra" > /etc/systemd/system/kubelet.service.d/00-default.conf
systemctl daemon-reload
systemctl restart kubelet
`;

export interface ServiceOptions {
  /** In addition to those that every cluster has. */
  readonly apiServerFlags?: readonly string[];
  readonly hasPodNetwork?: boolean;
  /** Whether the registry keeps what is pushed, to itself or to `STORAGE_URL`, which asks for no login. */
  readonly hasStorage?: boolean;
  /** Seconds that a token of the registry lives. Default: an hour. */
  readonly tokenLifeS?: number;
}

export async function startServices(root: SystemdRoot, options: ServiceOptions): Promise<void> {
  for (const address of ["169.254.169.254", NODE_ADDRESS, ...Object.keys(CLOUD_HOSTS)])
    await root.run("ip", ["address", "add", `${address}/32`, "dev", "lo"]);
  if (options.hasPodNetwork) await startPodNetwork(root);
  const etcd = await serve(root, "etcd", ["etcd", "--data-dir=/var/lib/etcd-data", "--unsafe-no-fsync"]);
  await untilAnswered(root, etcd, "http://127.0.0.1:2379/health");
  // It stops before etcd; without etcd, its stop takes a minute.
  const apiServer = ["kube-apiserver", ...API_SERVER_FLAGS, ...(options.apiServerFlags ?? [])];
  await serve(root, "kube-apiserver", apiServer, [`After=${etcd}.service`]);
  await untilApiServerAnswers(root);
  if (options.hasStorage) await startStorage(root);
  await startSimulator(root, options);
  const controllers = ["kube-controller-manager", ...AS_ADMINISTRATOR, `--root-ca-file=${CLUSTER_CA}`];
  await serve(root, "kube-controller-manager", controllers);
  await serve(root, "kube-scheduler", ["kube-scheduler", ...AS_ADMINISTRATOR]);
  await startRuntime(root);
}

/** What a kubelet needs, and all that it needs without a control plane. */
export async function startRuntime(root: SystemdRoot): Promise<void> {
  const runtime = containerRuntime();
  const isVersion1 = controlGroupVersion() === 1;
  if (isVersion1) await root.run("sh", ["-c", MAKE_CONTROL_GROUPS, "sh", CGROUPS]);
  await root.run("sh", ["-c", KEEP_KERNEL_SETTINGS]);
  await root.run("mkdir", ["-p", runtime.storage]);
  await root.run("mount", ["-t", "tmpfs", "none", runtime.storage]);
  await serve(root, RUNTIME_UNIT.replace("cluster-", ""), runtime.command, [
    isVersion1 ? `BindPaths=${CGROUPS}:/sys/fs/cgroup` : "Delegate=yes",
    // The monitors of running pods ignore the signal that would end them with the runtime.
    "KillMode=mixed",
  ]);
  // The kubelet enters its mount namespace, and ends at its start without its socket.
  await untilServing(root, RUNTIME_UNIT, () => runtime.isServing(root));
}

/** @throws Error with the unit's journal if it fails meanwhile. */
export function untilServing(root: SystemdRoot, unit: string, isSo: () => Promise<boolean>): Promise<void> {
  const isServing = async () => {
    if ((await root.property(unit, "ActiveState")) === "failed") throw new Error(await root.journal(unit));
    return isSo();
  };
  return until(`${unit} serves`, isServing, START_LIMIT_MS);
}

export function untilAnswered(root: SystemdRoot, unit: string, url: string, ...args: string[]): Promise<void> {
  const curl = ["-sSf", "-m", "5", ...args, url];
  return untilServing(root, unit, async () => (await root.exec("curl", curl)).exitCode === 0);
}

export function untilApiServerAnswers(root: SystemdRoot): Promise<void> {
  return untilAnswered(root, API_SERVER_UNIT, `${API_SERVER}/readyz`, ...BEARER);
}

/** Starts a unit, whose name it returns: `cluster-<name>`, because Debian's packages have units of the plain names. */
export async function serve(
  root: SystemdRoot,
  name: string,
  command: readonly string[],
  properties: readonly string[] = [],
): Promise<string> {
  const unit = `cluster-${name}`;
  const settings = properties.map((property) => `--property=${property}`);
  await root.run("systemd-run", ["--quiet", "--unit", unit, ...settings, ...command]);
  return unit;
}

async function startStorage(root: SystemdRoot): Promise<void> {
  const http = { addr: new URL(STORAGE_URL).host, relativeurls: true };
  const storage = { filesystem: { rootdirectory: "/var/lib/registry-data" } };
  root.write(STORAGE_CONFIG, JSON.stringify({ version: "0.1", storage, http }));
  const unit = await serve(root, "docker-registry", ["docker-registry", "serve", STORAGE_CONFIG]);
  await untilAnswered(root, unit, `${STORAGE_URL}/v2/`);
}

/** It verifies the tokens of service accounts with the keys that the API server publishes, on OKE's port of the same host. */
async function startSimulator(root: SystemdRoot, options: ServiceOptions): Promise<void> {
  const keys = JSON.parse(await root.run("curl", ["-sSf", ...BEARER, `${API_SERVER}/openid/v1/jwks`]));
  root.write(ISSUER_FILE, JSON.stringify({ issuer: ISSUER, audience: ISSUER, keys }));
  const listen = {
    metadata: "169.254.169.254:80",
    auth: `${AUTH_ADDRESS}:443`,
    domain: `${DOMAIN_ADDRESS}:443`,
    registry: "127.0.0.3:443",
    control: new URL(CONTROL_URL).host,
    cluster: `${new URL(API_SERVER).hostname}:12250`,
  };
  const command = [
    "/opt/checkout/node_modules/.bin/node",
    "/opt/checkout/test/oci-simulator/src/main.ts",
    ...Object.entries(listen).flatMap(([service, address]) => [`--${service}`, address]),
    ...["--registry", "127.0.0.4:443", "--tls", "--ca-file", SIMULATOR_CA, "--program", "/opt/wait"],
    ...["--cluster-ca-file", EXCHANGE_CA, "--service-account-issuer", ISSUER_FILE],
    ...(options.tokenLifeS === undefined ? [] : ["--token-life", String(options.tokenLifeS)]),
    ...(options.hasPodNetwork ? POD_NETWORK_LISTENERS : []),
    ...(options.hasStorage ? ["--storage", STORAGE_URL] : []),
    ...["--instance-metadata", `oke_init_script=${Buffer.from(OKE_INIT).toString("base64")}`],
  ];
  const unit = await serve(root, "simulator", command, ["WorkingDirectory=/opt/checkout"]);
  await untilAnswered(root, unit, `${CONTROL_URL}/requests`);
  // It answers before it writes the authorities' files, this one last.
  const isWritten = async () => (await root.exec("test", ["-s", EXCHANGE_CA])).exitCode === 0;
  await untilServing(root, unit, isWritten);
  await root.run("sh", ["-c", `cat ${SIMULATOR_CA} >>${CA_BUNDLE}; cat ${EXCHANGE_CA} >>${CLUSTER_CA}`]);
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
  `--service-account-key-file=${SIGNING_KEY}`,
  `--service-account-signing-key-file=${SIGNING_KEY}`,
  `--service-account-issuer=${ISSUER}`,
];

/** The kubelet changes kernel settings and reads the kernel's log. It gets copies, so that the machine's settings stay. */
const KEEP_KERNEL_SETTINGS = `
for setting in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do
  mkdir -p "/run/kernel-settings/\${setting%/*}" &&
    cat "/proc/sys/$setting" >"/run/kernel-settings/$setting" &&
    mount --bind "/run/kernel-settings/$setting" "/proc/sys/$setting" || exit
done
ln -s null /dev/kmsg
`;
