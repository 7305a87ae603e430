/** Our second entry, for which the kubelet sends a token of the pod's service account (KEP-4412). */
import { API_VERSION, MATCH_IMAGES, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { KubeletConfigError } from "../kubelet-config-error.ts";

export interface ServiceAccountEntry {
  readonly audience: string;
  /** Passed on for opting in. Then pods without a service account are served too, with the node's identity. */
  readonly annotation?: string | undefined;
}

/** KEP-4412 is alpha in 1.33. */
const FIRST_MINOR = 33;

/** Required since 1.34, unknown before. */
const CACHE_TYPE_MINOR = 34;

/**
 * The whole entry. It serves all of OCIR: with less, a pod could choose the node's identity by another name of the registry.
 * cacheType is ServiceAccount, because our credentials are the same for every pod of a service account.
 *
 * @throws {KubeletConfigError} `service-accounts-unsupported`
 */
export function serviceAccountProvider({ audience, annotation }: ServiceAccountEntry, kubeletMinor: number): object {
  if (kubeletMinor < FIRST_MINOR) throw new KubeletConfigError("service-accounts-unsupported", `1.${kubeletMinor}`);
  return {
    name: SERVICE_ACCOUNT_PLUGIN_NAME,
    apiVersion: API_VERSION,
    matchImages: MATCH_IMAGES,
    defaultCacheDuration: "0s",
    tokenAttributes: {
      serviceAccountTokenAudience: audience,
      ...(kubeletMinor >= CACHE_TYPE_MINOR && { cacheType: "ServiceAccount" }),
      requireServiceAccount: annotation === undefined,
      ...(annotation !== undefined && { optionalServiceAccountAnnotationKeys: [annotation] }),
    },
  };
}
