/**
 * What a plugin printed, decoded as strictly as the kubelet does since 1.32 (of older ones this refuses more). Says only
 * which field is wrong: everything else in an answer is secret.
 */
import { PROVIDER_API_VERSION } from "./our-provider.ts";

const KEY_TYPES: readonly unknown[] = ["Image", "Registry", "Global"];

type Fields = Readonly<Record<string, unknown>>;

/** @returns the first thing a kubelet could not decode; undefined when all is well. */
export function checkCredentialProviderAnswer(text: string): string | undefined {
  const answer = parseJson(text);
  if (!isFields(answer)) return "it is no JSON object";
  const { kind, apiVersion, cacheKeyType, cacheDuration = null, auth = null, ...unknown } = answer;
  if (kind !== "CredentialProviderResponse") return "kind is not CredentialProviderResponse";
  if (apiVersion !== PROVIDER_API_VERSION) return `apiVersion is not ${PROVIDER_API_VERSION}`;
  if (!KEY_TYPES.includes(cacheKeyType)) return "cacheKeyType is none of Image, Registry, Global";
  if (cacheDuration !== null && typeof cacheDuration !== "string") return "cacheDuration is no string";
  if (Object.keys(unknown).length > 0) return "it has a field that the kubelet does not know";
  if (auth === null) return undefined;
  if (!isFields(auth)) return "auth is no object";
  return Object.values(auth).every(isCredentials) ? undefined : "an entry of auth is not a username and a password";
}

function isCredentials(entry: unknown): boolean {
  if (!isFields(entry)) return false;
  const { username, password, ...unknown } = entry;
  return typeof username === "string" && typeof password === "string" && Object.keys(unknown).length === 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
