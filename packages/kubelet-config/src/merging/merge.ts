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
import { KubeletConfigError } from "../kubelet-config-error.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { shareRepository } from "../matching/overlap.ts";
import { assertKubeletMinor } from "../minor.ts";
import { readEditableConfig, withProviders } from "./edit.ts";
import { type ServiceAccountEntry, serviceAccountProvider } from "./service-account-entry.ts";

export interface MergeOptions {
  readonly kubeletMinor: number;
  /** Also a second entry, which gets service-account tokens. Default: such an entry stays as it is. */
  readonly serviceAccounts?: ServiceAccountEntry;
}

/**
 * Returns the text with our credential provider in it. A provider of the same name is replaced where it stands, unless nothing
 * changes: it keeps its readable entries of matchImages, and those of env that the plugin reads (OCIR_BROKER_*).
 *
 * No repository matches both of our entries: what the one for service accounts matches is taken from the other, which is left out
 * if nothing remains.
 *
 * @param existing undefined, or a text without any content: a new file is made.
 * @throws {KubeletConfigError} `config-not-editable`, `config-refused`, `kubelet-minor-unsupported`,
 * `service-accounts-unsupported`
 */
export function mergeProvider(existing: string = "", { serviceAccounts, kubeletMinor }: MergeOptions): string {
  assertKubeletMinor(kubeletMinor);
  const config = readEditableConfig(existing);
  let { providers } = config;
  if (serviceAccounts !== undefined)
    providers = withEntry(
      providers,
      SERVICE_ACCOUNT_PLUGIN_NAME,
      serviceAccountProvider(serviceAccounts, kubeletMinor),
    );
  const taken = textsIn(find(providers, SERVICE_ACCOUNT_PLUGIN_NAME), "matchImages");
  providers = withEntry(providers, PLUGIN_NAME, nodeProvider(find(providers, PLUGIN_NAME), taken));
  const isSame = isDeepStrictEqual(providers, config.providers);
  return refuseFatal(isSame ? existing : withProviders(config, providers), kubeletMinor);
}

/**
 * Returns the text without our credential providers, unchanged if it has none.
 *
 * @returns undefined if no credential provider would be left: a kubelet that still names the file would not start with it.
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function removeProviders(existing: string): string | undefined {
  const config = readEditableConfig(existing);
  const others = config.providers.filter((entry) => !isOurPlugin(nameOf(entry)));
  if (others.length === config.providers.length) return existing;
  return others.length === 0 ? undefined : withProviders(config, others);
}

/** Replaces the entry of this name unless it is equal, or appends it. Removes it if `wanted` is undefined. */
function withEntry(providers: readonly unknown[], name: string, wanted: object | undefined): readonly unknown[] {
  const at = providers.findIndex((entry) => nameOf(entry) === name);
  if (wanted === undefined) return providers.filter((_entry, index) => index !== at);
  if (at === -1) return [...providers, wanted];
  return isDeepStrictEqual(providers[at], wanted) ? providers : providers.with(at, wanted);
}

/** Keeps of an existing entry what every kubelet accepts. */
function nodeProvider(existing: unknown, taken: readonly string[]): object | undefined {
  const usable = textsIn(existing, "matchImages").filter((entry) => parseImageUrl(entry)?.refusedByNewerGo === false);
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
  const { name, value, ...more } = (entry ?? {}) as Record<string, unknown>;
  const areTexts = typeof name === "string" && typeof value === "string";
  return areTexts && name.startsWith("OCIR_BROKER_") && Object.keys(more).length === 0;
}

function find(providers: readonly unknown[], name: string): unknown {
  return providers.find((entry) => nameOf(entry) === name);
}

function nameOf(entry: unknown): string | undefined {
  const { name } = (entry ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : undefined;
}

function textsIn(entry: unknown, field: string): string[] {
  return itemsIn(entry, field).filter((item) => typeof item === "string");
}

function itemsIn(entry: unknown, field: string): unknown[] {
  const value = ((entry ?? {}) as Record<string, unknown>)[field];
  return Array.isArray(value) ? value : [];
}

/** Refuses a result with a fatal error elsewhere in the file, because that part is not ours to change. */
function refuseFatal(merged: string, kubeletMinor: number): string {
  const options = { kubeletMinor, hasExecutable: () => true, serviceAccountTokens: true };
  const fatal = checkCredentialProviderConfig([{ path: "", text: merged }], options).find(
    ({ severity }) => severity !== "warning",
  );
  if (fatal === undefined) return merged;
  throw new KubeletConfigError("config-refused", `${fatal.code} at ${fatal.path}: ${fatal.message}`);
}
