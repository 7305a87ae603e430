/** The files of a node and its control plane: programs, certificates, and every component's configuration. */
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createTlsIdentity } from "../oci-simulator/src/http/tls-identity.ts";
import type { InstalledFile } from "../system/systemd-root/systemd-root.ts";
import { containerRuntime } from "./container-runtime.ts";
import { controlGroupVersion } from "./control-groups.ts";
import { ADMIN_TOKEN, API_SERVER, CLUSTER_CA } from "./kubernetes-api.ts";
import { clusterPrograms } from "./programs.ts";
import { SERVICE_HOST } from "./service-address.ts";

export const REGISTRY_HOST = "us-ashburn-1.ocir.io";
export const imageOf = (repository: string, host = REGISTRY_HOST): string => `${host}/acme/${repository}:1`;
/** A registry that is not Oracle's; the simulator answers there too. */
export const OTHER_HOST = "registry.example.com";
/** OCIR's response to a client without credentials. */
export const DENIED = "denied: Anonymous users are only allowed read access on public repos";
/** A Docker configuration whose login OCIR refuses. */
export const WRONG_LOGIN = JSON.stringify({
  auths: { [REGISTRY_HOST]: { auth: btoa("acme/somebody:left long ago") } },
});
export const NODE_NAME = "node-1";
export const NODE_ADDRESS = "10.99.0.1";
/** Oracle's services that pods reach too, by address. */
export const CLOUD_HOSTS = {
  "10.99.0.2": "auth.us-ashburn-1.oraclecloud.com",
  "10.99.0.3": "idcs-1.identity.oraclecloud.com",
} as const;
export const PKI = "/etc/kubernetes/pki";
/** Signs the tokens of service accounts. */
export const SIGNING_KEY = `${PKI}/sa.key`;
export const STATIC_PODS = "/etc/kubernetes/manifests";
/** Of the container runtime. */
export const RUNTIME_UNIT = "cluster-runtime";
export const CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

const NODE_TOKEN = "kubelet";

/** @param kubelet further fields of the kubelet's configuration. */
export async function nodeFiles(minor: number, folder: string, kubelet: object = {}): Promise<InstalledFile[]> {
  const hosts = ["127.0.0.1", SERVICE_HOST];
  const { caCertificate, serverOptions } = await createTlsIdentity(hosts, createSystemClock());
  makeWaitingProgram(join(folder, "wait"));
  const runtime = containerRuntime();
  const file = (to: string, text: string): InstalledFile => ({ from: { text }, to });
  return [
    ...clusterPrograms(minor).map(({ name, path }) => ({ from: path, to: `/usr/bin/${name}`, mode: 0o755 })),
    { from: join(folder, "wait"), to: "/opt/wait", mode: 0o755 },
    file(CLUSTER_CA, caCertificate),
    file(`${PKI}/api.crt`, String(serverOptions.cert)),
    file(`${PKI}/api.key`, String(serverOptions.key)),
    file(SIGNING_KEY, makeSigningKey()),
    file(
      `${PKI}/tokens.csv`,
      `${ADMIN_TOKEN},admin,1,system:masters\n${NODE_TOKEN},system:node:${NODE_NAME},2,system:nodes\n`,
    ),
    file("/etc/kubernetes/admin.conf", kubeconfig(ADMIN_TOKEN)),
    // Only root can read it, as on real nodes; the daemon finds the API server in OKE's own file.
    { ...file("/etc/kubernetes/kubelet.conf", kubeconfig(NODE_TOKEN)), mode: 0o600 },
    file("/etc/oke/oke-apiserver", new URL(API_SERVER).hostname),
    file(
      "/etc/kubernetes/kubelet-config.json",
      JSON.stringify({
        ...KUBELET_CONFIG,
        ...(controlGroupVersion() === 1 ? { failCgroupV1: false } : { cgroupDriver: "systemd" }),
        containerRuntimeEndpoint: `unix://${runtime.endpoint}`,
        ...kubelet,
      }),
    ),
    file(`${STATIC_PODS}/.none-yet`, ""),
    file("/etc/systemd/system/kubelet.service", KUBELET_UNIT),
    ...runtime.files,
    file(
      "/etc/cni/net.d/10-none.conflist",
      JSON.stringify({ cniVersion: "1.0.0", name: "none", plugins: [{ type: "loopback" }] }),
    ),
    { from: CA_BUNDLE, to: CA_BUNDLE },
    file(
      "/etc/hosts",
      [
        "127.0.0.1 localhost",
        `127.0.0.3 ${REGISTRY_HOST} iad.ocir.io ocir.us-ashburn-1.oci.oraclecloud.com`,
        `127.0.0.4 ${OTHER_HOST}`,
        ...Object.entries(CLOUD_HOSTS).map(([address, name]) => `${address} ${name}\n`),
      ].join("\n"),
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

const KUBELET_CONFIG = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  failSwapOn: false,
  makeIPTablesUtilChains: false,
  evictionHard: { "memory.available": "50Mi" },
  maxPods: 250,
  staticPodPath: STATIC_PODS,
  // The kubelet pulls as many images at once as it can.
  serializeImagePulls: false,
  registryPullQPS: 0,
} as const;

/**
 * As OKE's, its command has labels of its own. In the runtime's mount namespace, where both see the same control groups and the same
 * pods' volumes.
 */
export const KUBELET_UNIT = `[Service]
EnvironmentFile=-/etc/sysconfig/kubelet
ExecStart=/bin/sh -c 'exec nsenter --mount=/proc/$$(systemctl show --property MainPID --value ${RUNTIME_UNIT})/ns/mnt -- \\
  /usr/bin/kubelet --config=/etc/kubernetes/kubelet-config.json --kubeconfig=/etc/kubernetes/kubelet.conf \\
  --hostname-override=${NODE_NAME} --node-ip=${NODE_ADDRESS} --cert-dir=/var/lib/kubelet/pki \\
  --node-labels=displayName=${NODE_NAME},oci.oraclecloud.com/node.info.managed=true \\
  $$KUBELET_CRIO_ARGS $$KUBELET_EXTRA_ARGS'
`;

function makeSigningKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return String(privateKey.export({ type: "pkcs1", format: "pem" }));
}

/** The program of a test container: it waits, and needs no library. */
export function makeWaitingProgram(path: string): void {
  // Without a handler, a container's first process ignores the signal, and a node's shutdown waits for 90 s.
  const source =
    "#include <signal.h>\n#include <unistd.h>\nint main(void) { signal(SIGTERM, _exit); for (;;) pause(); }\n";
  const compiler = spawnSync("musl-gcc", ["--version"]).status === 0 ? "musl-gcc" : "cc";
  const { status, stderr } = spawnSync(compiler, ["-static", "-Os", "-s", "-x", "c", "-o", path, "-"], {
    input: source,
  });
  if (status !== 0) throw new Error(`${compiler}: ${stderr}`);
}
