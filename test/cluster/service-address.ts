/** The API server at its Service's address, where pods on the host's network look for it. Stands for kube-proxy. */
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { API_SERVER } from "./kubernetes-api.ts";

export const SERVICE_HOST = "10.96.0.1";

export async function serveAtServiceAddress(root: SystemdRoot): Promise<void> {
  await root.run("ip", ["address", "add", `${SERVICE_HOST}/32`, "dev", "lo"]);
  await root.run("systemd-run", [
    ...["--quiet", "--unit", "way-to-api-server", "systemd-socket-activate", "--listen", `${SERVICE_HOST}:443`],
    ...["/usr/lib/systemd/systemd-socket-proxyd", new URL(API_SERVER).host],
  ]);
}
