/**
 * A network for pods that are not on the node's own, with the plugins of the CNI project: each has its own address, and reaches the
 * API server, the token exchange and the registry of the simulator as pods on OKE do.
 */
import { existsSync } from "node:fs";
import type { InstalledFile, SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { NODE_ADDRESS } from "./node-files.ts";
import { SERVICE_HOST, serveAtServiceAddress } from "./service-address.ts";

/** Where Debian's package containernetworking-plugins has them. */
const PLUGINS = "/usr/lib/cni";
const NEEDED = ["loopback", "ptp", "host-local"] as const;
/** A pair of interfaces for each pod. Its name sorts before that of the node's other network. */
const NETWORK = {
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [{ type: "ptp", ipam: { type: "host-local", subnet: "10.88.0.0/16", routes: [{ dst: "0.0.0.0/0" }] } }],
} as const;

/** Undefined if pods can have a network, else the reason why not. */
export function lackOfPodNetwork(): string | undefined {
  const isThere = NEEDED.every((name) => existsSync(`${PLUGINS}/${name}`));
  return isThere ? undefined : "needs the plugins of the CNI project (containernetworking-plugins)";
}

export function podNetworkFiles(): InstalledFile[] {
  return [
    ...NEEDED.map((name) => ({ from: `${PLUGINS}/${name}`, to: `/opt/cni/bin/${name}`, mode: 0o755 })),
    { from: { text: JSON.stringify(NETWORK) }, to: "/etc/cni/net.d/05-pods.conflist" },
  ];
}

/** The simulator's further addresses, for pods. */
export const POD_NETWORK_LISTENERS = ["--registry", `${NODE_ADDRESS}:443`, "--cluster", `${SERVICE_HOST}:12250`];

/** Before containerd starts, whose mounts are its own. */
export async function startPodNetwork(root: SystemdRoot): Promise<void> {
  // The plugins enable it, in a file that is read-only here. All that pods reach is on the node.
  root.write("/run/ip-forward", "1\n");
  await root.run("mount", ["--bind", "/run/ip-forward", "/proc/sys/net/ipv4/ip_forward"]);
  await serveAtServiceAddress(root);
}
