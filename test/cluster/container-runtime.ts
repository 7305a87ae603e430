/**
 * The container runtime of a node: CRI-O, as on every OKE node, or containerd. Only what differs between the two is here.
 */
import { join } from "node:path";
import type { V1ContainerStatus } from "@kubernetes/client-node";
import type { InstalledFile, SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { controlGroupVersion } from "./control-groups.ts";
import { criOFolder } from "./cri-o.ts";

export interface ContainerRuntime {
  readonly name: "CRI-O" | "containerd";
  readonly endpoint: string;
  readonly command: readonly string[];
  /** A tmpfs, because overlays cannot be on another overlay, such as the node's root. */
  readonly storage: string;
  readonly files: readonly InstalledFile[];
  isServing(root: SystemdRoot): Promise<boolean>;
  /** Loads an image from an OCI archive under a name with a tag and under its digest. */
  importImage(root: SystemdRoot, archive: string, repository: string, tag: string, digest: string): Promise<void>;
}

/** Oracle's images are public; nodes pull this one before any other. */
const PAUSE_IMAGE = "us-ashburn-1.ocir.io/axoxdievda5j/oke-public-pause:3";
const SOCKETS = { "CRI-O": "/run/crio/crio.sock", containerd: "/run/containerd/containerd.sock" } as const;

const file = (to: string, text: string, mode?: number): InstalledFile => ({
  from: { text },
  to,
  ...(mode !== undefined && { mode }),
});

function containerd(): ContainerRuntime {
  return {
    name: "containerd",
    endpoint: SOCKETS.containerd,
    command: ["containerd", "--config", "/etc/containerd/config.toml"],
    storage: "/var/lib/containerd",
    files: [
      file(
        "/etc/containerd/config.toml",
        `version = 3
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = ${controlGroupVersion() === 2}
`,
      ),
    ],
    isServing: async (root) => (await root.exec("ctr", ["version"])).exitCode === 0,
    async importImage(root, archive, repository, tag, digest) {
      const images = ["--namespace", "k8s.io", "images"];
      await root.run("ctr", [...images, "import", "--base-name", repository, archive]);
      await root.run("ctr", [...images, "tag", `${repository}:${tag}`, `${repository}@${digest}`]);
    },
  };
}

const CRIO_STORAGE = "/var/lib/containers/storage";
const CRIO_RUN = "/run/containers/storage";
const RUNC = "/usr/local/bin/runc-of-cri-o";

/** As on OKE: no short names. The pause image has a program of its own. */
const CRIO_CONFIG = `[crio]
root = "${CRIO_STORAGE}"
runroot = "${CRIO_RUN}"
storage_driver = "overlay"
[crio.api]
listen = "${SOCKETS["CRI-O"]}"
[crio.runtime]
default_runtime = "runc"
cgroup_manager = "systemd"
pinns_path = "/usr/bin/pinns"
apparmor_profile = "unconfined"
[crio.runtime.runtimes.runc]
runtime_path = "${RUNC}"
runtime_root = "/run/runc"
monitor_path = "/usr/bin/conmon"
monitor_cgroup = "pod"
[crio.image]
pause_image = "${PAUSE_IMAGE}"
pause_command = ""
signature_policy = "/etc/crio/policy.json"
short_name_mode = "disabled"
[crio.network]
network_dir = "/etc/cni/net.d/"
plugin_dirs = ["/usr/lib/cni/", "/opt/cni/bin/"]
`;

/** As an Ubuntu image of OKE has it. */
const KUBELET_SETTINGS = `KUBELET_CRIO_ARGS="--container-runtime-endpoint=unix:///var${SOCKETS["CRI-O"]} --runtime-request-timeout=10m"\n`;

/**
 * Debian's runc 1.1 cannot set the limits of huge pages that CRI-O writes. A privileged container gets all capabilities of the kernel from
 * CRI-O, of which the node has some only.
 */
const RUNC_OF_CRIO = `#!/bin/sh
file= option=
for word; do
  case $option in
    --bundle) file=$word/config.json ;;
    --process) file=$word ;;
  esac
  option=$word
done
[ -z "$file" ] || sed -i -zE '
s/,\\s*"hugepageLimits":\\s*\\[[^]]*\\]//; s/"hugepageLimits":\\s*\\[[^]]*\\],//
s/,\\s*"CAP_(SYS_(TIME|MODULE|RAWIO|BOOT|RESOURCE)|SYSLOG|WAKE_ALARM|MAC_(ADMIN|OVERRIDE))"//g' "$file"
exec /usr/sbin/runc "$@"
`;

function criO(folder: string): ContainerRuntime {
  return {
    name: "CRI-O",
    endpoint: SOCKETS["CRI-O"],
    // Its configuration is not merged with that of a package.
    command: ["crio", "--config", "/etc/crio/crio.conf", "--config-dir", ""],
    storage: CRIO_STORAGE,
    files: [
      ...["crio", "pinns"].map((name) => ({ from: join(folder, name), to: `/usr/bin/${name}`, mode: 0o755 })),
      file("/etc/crio/crio.conf", CRIO_CONFIG),
      file("/etc/crio/policy.json", JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] })),
      file("/etc/containers/registries.conf", "unqualified-search-registries = []\n"),
      file(RUNC, RUNC_OF_CRIO, 0o755),
      file("/etc/sysconfig/kubelet", KUBELET_SETTINGS),
    ],
    isServing: async (root) =>
      (await root.exec("crio", ["status", "--socket", SOCKETS["CRI-O"], "info"])).exitCode === 0,
    async importImage(root, archive, repository, tag, digest) {
      const storage = `containers-storage:[overlay@${CRIO_STORAGE}+${CRIO_RUN}]`;
      const copy = ["copy", "--preserve-digests", "--policy", "/etc/crio/policy.json", `oci-archive:${archive}`];
      for (const name of [`${repository}:${tag}`, `${repository}@${digest}`])
        await root.run("skopeo", [...copy, `${storage}${name}`]);
    },
  };
}

/** The runtime of a test's cluster: CRI-O, or containerd if CRI-O is not wanted or cannot run here. */
export function containerRuntime(): ContainerRuntime {
  const folder = criOFolder();
  return folder === undefined ? containerd() : criO(folder);
}

/** Without the runtime's name. */
export function containerIdOf(status: V1ContainerStatus | undefined): string | undefined {
  return status?.containerID?.replace(/^.*:\/\//, "");
}

/** The containers' processes. A container's control group ends with its id; those of CRI-O's monitors do not. */
export async function processesOf(root: SystemdRoot, ...ids: readonly string[]): Promise<string[]> {
  const find = `grep -lsE "/(crio-|cri-containerd-)?(${ids.join("|")})(\\.scope)?$" /proc/[0-9]*/cgroup | cut -d/ -f3`;
  return (await root.exec("sh", ["-c", find])).stdout.split("\n").filter((pid) => pid !== "");
}
