import { KubeletConfigError } from "./kubelet-config-error.ts";
import { OLDEST_MINOR } from "./rules.ts";

/** @throws {KubeletConfigError} `kubelet-minor-unsupported` */
export function assertKubeletMinor(kubeletMinor: number): void {
  if (kubeletMinor >= OLDEST_MINOR) return;
  throw new KubeletConfigError("kubelet-minor-unsupported", `Kubernetes 1.${OLDEST_MINOR} and newer are known`);
}

/** The minor of `1.33`, `v1.33.2` or `Kubernetes v1.33.2-…`, which `kubelet --version` prints; undefined for other text. */
export function parseKubeletVersion(text: string): number | undefined {
  const minor = /^(?:Kubernetes )?v?1\.(?<minor>[0-9]{1,3})(?:[.+-].*)?$/.exec(text.trim())?.groups?.["minor"];
  return minor === undefined ? undefined : Number(minor);
}
