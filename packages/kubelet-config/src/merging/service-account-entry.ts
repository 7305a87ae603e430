/** Our second entry, for which the kubelet sends a token of the pod's service account (KEP-4412). */
import { API_VERSION, MATCH_IMAGES, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { KubeletConfigError } from "../kubelet-config-error.ts";
import type { MapTree, Tree } from "../tree.ts";
import { field, listOf, mapOf, text } from "./fields.ts";

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
export function serviceAccountProvider(entry: ServiceAccountEntry, kubeletMinor: number): MapTree {
  if (kubeletMinor < FIRST_MINOR) throw new KubeletConfigError("service-accounts-unsupported", `1.${kubeletMinor}`);
  return mapOf([
    field("name", text(SERVICE_ACCOUNT_PLUGIN_NAME)),
    field("apiVersion", text(API_VERSION)),
    field("matchImages", listOf(MATCH_IMAGES.map(text))),
    field("defaultCacheDuration", text("0s")),
    field("tokenAttributes", tokenAttributes(entry, kubeletMinor)),
  ]);
}

function tokenAttributes({ audience, annotation }: ServiceAccountEntry, kubeletMinor: number): Tree {
  return mapOf([
    field("serviceAccountTokenAudience", text(audience)),
    ...(kubeletMinor < CACHE_TYPE_MINOR ? [] : [field("cacheType", text("ServiceAccount"))]),
    field("requireServiceAccount", { type: "boolean", text: String(annotation === undefined), line: 0 }),
    ...(annotation === undefined ? [] : [field("optionalServiceAccountAnnotationKeys", listOf([text(annotation)]))]),
  ]);
}
