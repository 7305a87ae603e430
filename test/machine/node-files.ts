/** What a node's image has besides Debian: container runtime, kubelet, OKE's bootstrap, and what lets tests look inside. */
import { createHash } from "node:crypto";
import { clusterPrograms, NEWEST_MINOR } from "../cluster/programs.ts";
import { ADDRESSES, API_SERVER, CLUSTER_CA, NODE_NAME, NODE_TOKEN, REGISTRY_HOST } from "./names.ts";

export interface NodeFile {
  /** Path on this machine, or the text itself. */
  readonly from: string | { readonly text: string };
  /** Absolute path on the node. */
  readonly to: string;
  /** Default 0644. */
  readonly mode?: number;
}

/** Links of enabled units. */
export const ENABLED_UNITS = [
  "given-files.service",
  "containerd.service",
  "early-kubelet.service",
  "oke.service",
] as const;

/** With one of these files on the second drive, the image bootstraps the node itself, or starts its kubelet before that. */
export const BOOTSTRAPS_ITSELF = "/opt/oke/bootstraps-itself";
export const STARTS_KUBELET_EARLY = "/opt/oke/starts-kubelet-early";

const PROGRAMS = ["kubelet", "containerd", "containerd-shim-runc-v2", "ctr"];
const KUBELET_CONFIG = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
  cgroupDriver: "systemd",
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  // The node has no iptables.
  makeIPTablesUtilChains: false,
  evictionHard: { "memory.available": "50Mi" },
};

const KUBECONFIG = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: API_SERVER, "certificate-authority": CLUSTER_CA } }],
  users: [{ name: "u", user: { token: NODE_TOKEN } }],
  contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  "current-context": "c",
};

const CONTAINERD_CONFIG = `version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${REGISTRY_HOST}/axoxdievda5j/oke-public-pause:3"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
`;

/** A node without a network for pods is not ready. Those of the tests are in the node's own. */
const POD_NETWORK = { cniVersion: "1.0.0", name: "none", plugins: [{ type: "loopback" }] };

const CONTAINERD_UNIT = `[Service]
Type=notify
ExecStart=/usr/bin/containerd
Delegate=yes
KillMode=process
Restart=always
[Install]
WantedBy=multi-user.target
`;

/** OKE's bootstrap enables and starts it. */
export const KUBELET_UNIT = `[Unit]
After=containerd.service
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/kubelet --config=/etc/kubernetes/kubelet-config.json --kubeconfig=/etc/kubernetes/kubelet.conf \\
  --hostname-override=${NODE_NAME} --node-labels=displayName=${NODE_NAME} $KUBELET_EXTRA_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`;

/** A line for each call of `oke`, over all boots. */
export const BOOTSTRAPS = "/var/log/oke-bootstraps";

/** Stands for the program of OKE's images: it writes the kubelet's configuration, credentials and last arguments, and starts it. */
const OKE = `#!/bin/sh
echo "$*" >>${BOOTSTRAPS}
while [ $# -gt 0 ]; do
  [ "$1" != --kubelet-extra-args ] || extra=$2
  shift
done
mkdir -p /etc/kubernetes /etc/systemd/system/kubelet.service.d
cp /opt/oke/kubelet-config.json /opt/oke/kubelet.conf /etc/kubernetes/
printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' "$extra" >/etc/systemd/system/kubelet.service.d/00-default.conf
systemctl daemon-reload
systemctl --quiet enable kubelet
systemctl --no-block restart kubelet
`;

/** Of Ubuntu's images for OKE, which bootstrap themselves beside cloud-init (dev-null-loop/private-oke-karpenter, ubuntu-oke-image-notes.md). */
const OKE_UNIT = `[Unit]
ConditionPathExists=${BOOTSTRAPS_ITSELF}
[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/usr/bin/oke bootstrap
[Install]
WantedBy=multi-user.target
`;

/** Of images whose kubelet ends without its configuration and is started again, until a bootstrap. */
const EARLY_KUBELET_UNIT = `[Unit]
ConditionPathExists=${STARTS_KUBELET_EARLY}
[Service]
Type=oneshot
ExecStart=systemctl --no-block start kubelet
[Install]
WantedBy=multi-user.target
`;

/** Copies the files of the second drive, which each boot gets from its test, before anything else needs them. */
const GIVEN_FILES_UNIT = `[Unit]
DefaultDependencies=no
RequiresMountsFor=/etc
After=systemd-remount-fs.service
Before=sysinit.target cloud-init-local.service
[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /mnt && cp -a /mnt/. / && umount /mnt'
[Install]
WantedBy=sysinit.target
`;

/** Without keys for SSH, locales and the like, which this Debian does not have. */
const CLOUD_CONFIG = `datasource_list: [Oracle, None]
ssh_deletekeys: false
cloud_init_modules: [seed_random, write-files, set_hostname]
cloud_config_modules: []
cloud_final_modules: [scripts-user, final-message]
`;

const HOSTS = `127.0.0.1 localhost
10.0.0.15 ${NODE_NAME}
${ADDRESSES.registry} ${REGISTRY_HOST} iad.ocir.io
${ADDRESSES.auth} auth.us-ashburn-1.oraclecloud.com
`;

const file = (to: string, text: string, mode?: number): NodeFile => ({
  from: { text },
  to,
  ...(mode !== undefined && { mode }),
});

export const NODE_FILES: readonly NodeFile[] = [
  ...clusterPrograms(NEWEST_MINOR)
    .filter(({ name }) => PROGRAMS.includes(name))
    .map(({ name, path }) => ({ from: path, to: `/usr/bin/${name}`, mode: 0o755 })),
  file("/etc/containerd/config.toml", CONTAINERD_CONFIG),
  file("/etc/cni/net.d/10-none.conflist", JSON.stringify(POD_NETWORK)),
  file("/etc/systemd/system/containerd.service", CONTAINERD_UNIT),
  file("/etc/systemd/system/kubelet.service", KUBELET_UNIT),
  file("/usr/bin/oke", OKE, 0o755),
  file("/opt/oke/kubelet-config.json", JSON.stringify(KUBELET_CONFIG)),
  file("/opt/oke/kubelet.conf", JSON.stringify(KUBECONFIG), 0o600),
  file("/etc/systemd/system/oke.service", OKE_UNIT),
  file("/etc/systemd/system/early-kubelet.service", EARLY_KUBELET_UNIT),
  file("/etc/systemd/system/given-files.service", GIVEN_FILES_UNIT),
  file("/etc/cloud/cloud.cfg.d/99-node.cfg", CLOUD_CONFIG),
  file("/etc/hosts", HOSTS),
];

/** Of everything in the list: paths of programs name their versions. */
export function digestOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}
