/**
 * Adds our credential providers to a CredentialProviderConfig, and removes them again. All other entries keep their values. Never
 * returns a text that would stop the kubelet.
 */
import { isDeepStrictEqual } from "node:util";
import {
  API_VERSION,
  isOurPlugin,
  MATCH_IMAGES,
  PLUGIN_NAME,
  SERVICE_ACCOUNT_PLUGIN_NAME,
} from "@ocir-broker/protocol/contract";
import { checkCredentialProviderConfig } from "../checking/check.ts";
import type { Finding } from "../finding.ts";
import { KubeletConfigError } from "../kubelet-config-error.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { shareRepository } from "../matching/overlap.ts";
import { readEditableConfig, withProviders } from "./edit.ts";
import { type ServiceAccountEntry, serviceAccountProvider } from "./service-account-entry.ts";

export interface MergeOptions {
  readonly kubeletMinor: number;
  /** Also a second entry, which gets service-account tokens. Default: such an entry stays as it is. */
  readonly serviceAccounts?: ServiceAccountEntry;
}

/**
 * Returns the text with our credential provider in it, and the same text if that changes nothing. A provider of the same name is replaced
 * where it stands: it keeps its readable entries of matchImages, and those of env that the plugin reads (OCIR_BROKER_*).
 *
 * No repository matches both of our entries: what the one for service accounts matches is taken from the other, which is left out
 * if nothing remains.
 *
 * @param existing undefined, or a text without any content: a new file is made.
 * @throws {KubeletConfigError} `config-not-editable`, `config-refused`, `kubelet-minor-unsupported`,
 * `service-accounts-unsupported`
 */
export function mergeProvider(existing: string = "", { serviceAccounts, kubeletMinor }: MergeOptions): string {
  const config = readEditableConfig(existing);
  const tokens =
    serviceAccounts === undefined
      ? find(config.providers, SERVICE_ACCOUNT_PLUGIN_NAME)
      : serviceAccountProvider(serviceAccounts, kubeletMinor);
  const node = nodeProvider(find(config.providers, PLUGIN_NAME), tokens);
  const withTokens = withEntry(config.providers, SERVICE_ACCOUNT_PLUGIN_NAME, tokens);
  const providers = withEntry(withTokens, PLUGIN_NAME, node);
  // A field that an entry of ours has twice is no other value, but stops a kubelet.
  if (isDeepStrictEqual(providers, config.providers) && fatalIn(existing, kubeletMinor) === undefined) return existing;
  const merged = withProviders(config, providers);
  const fatal = fatalIn(merged, kubeletMinor);
  if (fatal === undefined) return merged;
  throw new KubeletConfigError("config-refused", `${fatal.code} at ${fatal.path}: ${fatal.message}`);
}

/**
 * Returns the text without our credential providers, unchanged if it has none.
 *
 * @returns undefined if no credential provider would be left: a kubelet that still names the file would not start with it.
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function removeProviders(existing: string): string | undefined {
  const config = readEditableConfig(existing);
  const others = config.providers.filter((entry) => !isOurPlugin(String(fieldsOf(entry)["name"])));
  if (others.length === config.providers.length) return existing;
  return others.length === 0 ? undefined : withProviders(config, others);
}

/** Replaces the entry of this name, or appends it. Removes it if `wanted` is undefined. */
function withEntry(providers: readonly unknown[], name: string, wanted: unknown): readonly unknown[] {
  const at = providers.indexOf(find(providers, name));
  if (wanted === undefined) return providers.filter((_entry, index) => index !== at);
  return at === -1 ? [...providers, wanted] : providers.with(at, wanted);
}

/** Keeps of an existing entry what every kubelet accepts. */
function nodeProvider(existing: unknown, tokens: unknown): object | undefined {
  const usable = textsIn(existing, "matchImages").filter((entry) => parseImageUrl(entry)?.refusedByNewerGo === false);
  const taken = textsIn(tokens, "matchImages");
  const matchImages = [...new Set([...usable, ...MATCH_IMAGES])].filter(
    (entry) => !taken.some((other) => shareRepository(entry, other)),
  );
  if (matchImages.length === 0) return undefined;
  const env = itemsIn(existing, "env").filter(isOurVariable);
  return {
    name: PLUGIN_NAME,
    apiVersion: API_VERSION,
    matchImages,
    defaultCacheDuration: "0s",
    ...(env.length > 0 && { env }),
  };
}

/** The plugin reads no other variables; some, such as LD_PRELOAD, would make it load code. */
function isOurVariable(entry: unknown): boolean {
  const { name, value, ...more } = fieldsOf(entry);
  const areTexts = typeof name === "string" && typeof value === "string";
  return areTexts && name.startsWith("OCIR_BROKER_") && Object.keys(more).length === 0;
}

function find(providers: readonly unknown[], name: string): unknown {
  return providers.find((entry) => fieldsOf(entry)["name"] === name);
}

function textsIn(entry: unknown, field: string): string[] {
  return itemsIn(entry, field).filter((item) => typeof item === "string");
}

function itemsIn(entry: unknown, field: string): unknown[] {
  const value = fieldsOf(entry)[field];
  return Array.isArray(value) ? value : [];
}

function fieldsOf(entry: unknown): Record<string, unknown> {
  return (entry ?? {}) as Record<string, unknown>;
}

/** An error of the whole file for which a kubelet would not start, because the other parts are not ours to change. */
function fatalIn(text: string, kubeletMinor: number): Finding | undefined {
  const options = { kubeletMinor, hasExecutable: () => true, serviceAccountTokens: true };
  return checkCredentialProviderConfig([{ path: "", text }], options).find(({ severity }) => severity !== "warning");
}
