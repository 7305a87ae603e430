/** The minor version of Kubernetes 1.x that the rules depend on. */
import { KubeletConfigError } from "./errors.ts";
import { OLDEST_MINOR } from "./rules.ts";

/** @throws {KubeletConfigError} `kubelet-minor-unsupported` */
export function assertKubeletMinor(kubeletMinor: number): void {
  if (Number.isInteger(kubeletMinor) && kubeletMinor >= OLDEST_MINOR) return;
  throw new KubeletConfigError("kubelet-minor-unsupported", `Kubernetes 1.${OLDEST_MINOR} and newer are known`);
}
