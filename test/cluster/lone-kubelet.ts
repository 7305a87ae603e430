/** A real kubelet and its containerd in a booted systemd, without a control plane: it starts, runs, and finds no API server. */
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import type { InstalledFile, SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { NODE_ADDRESS, nodeFiles } from "./node-files.ts";
import { NEWEST_MINOR } from "./programs.ts";
import { startRuntime as startContainerRuntime, untilServing } from "./services.ts";

const CONTROL_PLANE = /kube-(apiserver|controller-manager|scheduler)$/;

export async function loneKubeletFiles(): Promise<InstalledFile[]> {
  return (await nodeFiles(NEWEST_MINOR, temporaryFolder())).filter(({ to }) => !CONTROL_PLANE.test(to));
}

export async function startRuntime(root: SystemdRoot): Promise<void> {
  await root.run("ip", ["address", "add", `${NODE_ADDRESS}/32`, "dev", "lo"]);
  await startContainerRuntime(root);
}

/** Rejects if the kubelet has failed. */
export function untilHealthy(root: SystemdRoot): Promise<void> {
  const curl = ["-s", "-m", "5", "http://127.0.0.1:10248/healthz"];
  return untilServing(root, "kubelet", async () => (await root.exec("curl", curl)).stdout === "ok");
}
