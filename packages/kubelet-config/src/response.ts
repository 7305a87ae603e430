/**
 * Decodes what a plugin printed, as strictly as the kubelet does since 1.32 (stricter than older kubelets). Names only
 * the invalid field, because everything else in a response is secret.
 */
import type { RegistryCredentials } from "@ocir-broker/protocol/auth";
import { API_VERSION } from "@ocir-broker/protocol/contract";
import { isJson, parseText } from "./reading/document.ts";
import { parseGoDurationNs } from "./reading/duration.ts";
import type { Tree } from "./tree.ts";

/** Keyed by the pattern that the kubelet matches with the image. */
export type DecodedResponse =
  | { readonly auth: ReadonlyMap<string, RegistryCredentials> }
  | { readonly problem: string };

const KEY_TYPES: readonly (string | undefined)[] = ["Image", "Registry", "Global"];

/** `apiVersion`: the provider's in the configuration. The problem is the first thing that a kubelet cannot decode. */
export function decodeCredentialProviderResponse(text: string, apiVersion: string = API_VERSION): DecodedResponse {
  const parsed = isJson(text) ? parseText(text) : undefined;
  if (parsed === undefined || "problem" in parsed) return { problem: "it is not a JSON object" };
  const fields = fieldsOf(parsed.tree, ["kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"]);
  if (fields === undefined) return { problem: "it has a field that the kubelet does not know, or one twice" };
  if (textOf(fields.get("kind")) !== "CredentialProviderResponse") {
    return { problem: "kind is not CredentialProviderResponse" };
  }
  if (textOf(fields.get("apiVersion")) !== apiVersion) return { problem: `apiVersion is not ${apiVersion}` };
  if (!KEY_TYPES.includes(textOf(fields.get("cacheKeyType")))) {
    return { problem: "cacheKeyType is none of Image, Registry, Global" };
  }
  if (!isDuration(fields.get("cacheDuration"))) return { problem: "cacheDuration is not a duration such as 10m" };
  const entries = fieldsOf(fields.get("auth"));
  if (entries === undefined) return { problem: "auth is not an object, or has a key twice" };
  const auth = new Map<string, RegistryCredentials>();
  for (const [key, entry] of entries) {
    const credentials = credentialsOf(entry);
    if (credentials === undefined) return { problem: "an entry of auth is not a username and a password" };
    auth.set(key, credentials);
  }
  return { auth };
}

/** Treats null and a missing value as an empty one, as in Go. */
function credentialsOf(entry: Tree): RegistryCredentials | undefined {
  const fields = fieldsOf(entry, ["username", "password"]);
  const username = textOf(fields?.get("username"));
  const password = textOf(fields?.get("password"));
  return fields === undefined || username === undefined || password === undefined ? undefined : { username, password };
}

function fieldsOf(tree: Tree | undefined, known?: readonly string[]): ReadonlyMap<string, Tree> | undefined {
  if (tree === undefined || tree.type === "null") return new Map();
  if (tree.type !== "map") return undefined;
  const fields = new Map(tree.fields.map(({ key, value }) => [key, value]));
  const isKnown = tree.fields.every(({ key }) => known?.includes(key) ?? true);
  return isKnown && fields.size === tree.fields.length ? fields : undefined;
}

function textOf(tree: Tree | undefined): string | undefined {
  if (tree === undefined || tree.type === "null") return "";
  return tree.type === "string" ? tree.text : undefined;
}

function isDuration(tree: Tree | undefined): boolean {
  if (tree === undefined || tree.type === "null") return true;
  return tree.type === "string" && parseGoDurationNs(tree.text) !== undefined;
}
