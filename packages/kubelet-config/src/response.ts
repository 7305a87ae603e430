/**
 * Decodes what a plugin printed, as strictly as the kubelet does since 1.32 (stricter than older kubelets). Names only
 * the invalid field, because everything else in a response is secret.
 */

import { API_VERSION } from "@ocir-broker/protocol/contract";
import type { RegistryCredentials } from "@ocir-broker/protocol/response";
import { isJson, parseText } from "./reading/document.ts";
import { parseGoDurationNs } from "./reading/duration.ts";
import { hasFieldTwice, plainValueOf } from "./tree.ts";

/** Keyed by the pattern that the kubelet matches with the image. */
export type DecodedResponse =
  | { readonly auth: ReadonlyMap<string, RegistryCredentials> }
  | { readonly problem: string };

const KEY_TYPES: readonly unknown[] = ["Image", "Registry", "Global"];

/** `wanted`: the provider's apiVersion in the configuration. The problem is the first thing that a kubelet cannot decode. */
export function decodeCredentialProviderResponse(text: string, wanted: string = API_VERSION): DecodedResponse {
  const parsed = isJson(text) ? parseText(text) : undefined;
  if (parsed === undefined || "problem" in parsed) return { problem: "it is not a JSON object" };
  // JSON that begins with { is an object.
  const response = plainValueOf(parsed.tree) as Readonly<Record<string, unknown>>;
  const { kind, apiVersion, cacheKeyType, cacheDuration, auth, ...unknown } = response;
  if (hasFieldTwice(parsed.tree) || Object.keys(unknown).length > 0)
    return { problem: "it has a field that the kubelet does not know, or one twice" };
  if (kind !== "CredentialProviderResponse") return { problem: "kind is not CredentialProviderResponse" };
  if (apiVersion !== wanted) return { problem: `apiVersion is not ${wanted}` };
  if (!KEY_TYPES.includes(cacheKeyType)) return { problem: "cacheKeyType is none of Image, Registry, Global" };
  if (!isDuration(cacheDuration ?? "0s")) return { problem: "cacheDuration is not a duration such as 10m" };
  const entries = fieldsOf(auth);
  if (entries === undefined) return { problem: "auth is not an object" };
  const decoded = new Map<string, RegistryCredentials>();
  for (const [pattern, entry] of Object.entries(entries)) {
    const credentials = credentialsOf(entry);
    if (credentials === undefined) return { problem: "an entry of auth is not a username and a password" };
    decoded.set(pattern, credentials);
  }
  return { auth: decoded };
}

function credentialsOf(entry: unknown): RegistryCredentials | undefined {
  const { username, password, ...unknown } = fieldsOf(entry) ?? { entry };
  const [name, secret] = [username ?? "", password ?? ""];
  if (typeof name !== "string" || typeof secret !== "string" || Object.keys(unknown).length > 0) return undefined;
  return { username: name, password: secret };
}

/** null and a missing value have no fields, as in Go. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof (value ?? {}) !== "object" || Array.isArray(value)) return undefined;
  return (value ?? {}) as Readonly<Record<string, unknown>>;
}

function isDuration(value: unknown): boolean {
  return typeof value === "string" && parseGoDurationNs(value) !== undefined;
}
