/**
 * Adds our provider to a CredentialProviderConfig, and removes it again. Everything else in the file decodes to the same
 * value, and in block style keeps its bytes; JSON stays JSON. Never returns a text that would stop the kubelet.
 */

import { API_VERSION, MATCH_IMAGES, SERVICE_ACCOUNT_PROVIDER_NAME } from "@ocir-broker/protocol";
import { checkCredentialProviderConfig } from "../checking/check.ts";
import { KubeletConfigError } from "../errors.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { shareRepository } from "../matching/overlap.ts";
import { assertKubeletMinor } from "../minor.ts";
import type { Field, MapTree, Tree } from "../tree.ts";
import { readTree, writeTree } from "./editable-config.ts";
import { field, isNamed, itemsOf, listOf, missing, NO_FIELDS, setFields, text } from "./fields.ts";
import { type ServiceAccountEntry, serviceAccountProvider } from "./service-account-entry.ts";

export interface MergeOptions {
  /** The provider's name, which is also the name of its program. */
  readonly name: string;
  readonly kubeletMinor: number;
  /** Arguments of the program. Default: none. */
  readonly args?: readonly string[];
  /** Environment entries; they replace kept entries of the same name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Also a second entry, which gets service-account tokens. Default: such an entry stays as it is. */
  readonly serviceAccounts?: ServiceAccountEntry;
}

/**
 * Returns the text with our provider in it. A provider of the same name is changed in place: it keeps its comments, other
 * readable entries of matchImages, and environment entries, except those that make a program load code (LD_*, NODE_*).
 * Merging twice gives the same text as merging once.
 *
 * No repository matches both of our entries, under any name of its registry: what the one for service accounts matches is taken
 * from the other, which is left out if nothing remains.
 *
 * @param existing undefined, or a text without any content: a new file is made.
 * @throws {KubeletConfigError} `config-not-editable`, `config-refused`, `kubelet-minor-unsupported`,
 * `service-accounts-unsupported`
 */
export function mergeProvider(existing: string | undefined, options: MergeOptions): string {
  assertKubeletMinor(options.kubeletMinor);
  const config = openConfig(existing ?? "");
  const { serviceAccounts, kubeletMinor } = options;
  const withTokens =
    serviceAccounts === undefined
      ? config.providers
      : putProvider(config.providers, SERVICE_ACCOUNT_PROVIDER_NAME, () =>
          serviceAccountProvider(serviceAccounts, kubeletMinor),
        );
  const taken = matchImagesOf(withTokens, SERVICE_ACCOUNT_PROVIDER_NAME);
  const providers = putProvider(withTokens, options.name, (existing) => fillProvider(existing, options, taken));
  return refuseFatal(config.print(providers), kubeletMinor);
}

/** Replaces the provider of this name, of which there is one then, or appends it; leaves it out if `fill` returns undefined. */
function putProvider(
  providers: readonly Tree[],
  name: string,
  fill: (existing: MapTree) => MapTree | undefined,
): readonly Tree[] {
  const [same] = providers.filter((provider): provider is MapTree => isNamed(provider, name));
  const filled = fill(same ?? NO_FIELDS);
  const others = providers.filter((provider) => provider === same || !isNamed(provider, name));
  if (same === undefined) return filled === undefined ? others : [...others, filled];
  return others.flatMap((provider) => (provider === same ? (filled ?? []) : provider));
}

function matchImagesOf(providers: readonly Tree[], name: string): readonly string[] {
  const provider = providers.find((each): each is MapTree => isNamed(each, name));
  const items = provider === undefined ? [] : itemsOf(provider, "matchImages");
  return items.flatMap((item) => (item.type === "string" ? item.text : []));
}

/**
 * Returns the text without the provider of this name, unchanged if it has none.
 *
 * @returns undefined if no provider would be left: a kubelet that still names the file would not start with it.
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function removeProvider(existing: string, options: { readonly name: string }): string | undefined {
  const { providers, print } = openConfig(existing);
  const others = providers.filter((provider) => !isNamed(provider, options.name));
  if (others.length === providers.length) return existing;
  return others.length === 0 ? undefined : print(others);
}

/** Environment entries that make a program of the node load code. Ours needs none. */
const LOADS_CODE = /^(?:LD_|NODE_)/;
const REQUIRED: readonly Field[] = [
  field("apiVersion", text("kubelet.config.k8s.io/v1")),
  field("kind", text("CredentialProviderConfig")),
];

interface Config {
  readonly providers: readonly Tree[];
  /** Returns the whole file with these providers instead. */
  print(providers: readonly Tree[]): string;
}

function openConfig(source: string): Config {
  const read = readTree(source);
  const { tree } = read;
  const top = tree.type === "null" ? NO_FIELDS : tree;
  if (top.type !== "map") throw notEditable("it is not a map of fields");
  const [existing, ...more] = top.fields.filter(({ key }) => key.toLowerCase() === "providers");
  if (more.length > 0) throw notEditable("providers is given twice");
  const list = existing?.value ?? { type: "null" };
  if ((list.type !== "list" && list.type !== "null") || (existing?.key ?? "providers") !== "providers") {
    throw notEditable("providers is no list");
  }
  return {
    providers: list.type === "list" ? list.items : [],
    print(providers) {
      return writeTree(
        source,
        read,
        setFields(top, [...missing(top, REQUIRED), field("providers", listOf(providers))]),
      );
    },
  };
}

/** Kept fields stay in place; all others are removed, because the kubelet may not know them. */
function fillProvider(provider: MapTree, options: MergeOptions, taken: readonly string[]): MapTree | undefined {
  const { args = [] } = options;
  const matchImages = mergeMatchImages(itemsOf(provider, "matchImages"), taken);
  if (matchImages.length === 0) return undefined;
  const env = mergeEnv(itemsOf(provider, "env"), options.env ?? {});
  const wanted = [
    field("name", text(options.name)),
    field("apiVersion", text(API_VERSION)),
    field("matchImages", listOf(matchImages)),
    field("defaultCacheDuration", text("0s")),
    ...(args.length === 0 ? [] : [field("args", listOf(args.map(text)))]),
    ...(env.length === 0 ? [] : [field("env", listOf(env))]),
  ];
  const known = provider.fields.filter(({ key }, index) => {
    const isLast = provider.fields.findLastIndex((other) => other.key === key) === index;
    return isLast && wanted.some((other) => other.key === key);
  });
  return setFields({ ...provider, fields: known }, wanted);
}

function mergeMatchImages(existing: readonly Tree[], taken: readonly string[]): readonly Tree[] {
  const isTaken = (entry: string) => taken.some((other) => shareRepository(entry, other));
  const seen = new Set<string>();
  const usable = existing.filter((item) => {
    if (item.type !== "string" || parseImageUrl(item.text)?.refusedByNewerGo !== false || seen.has(item.text))
      return false;
    if (isTaken(item.text)) return false;
    seen.add(item.text);
    return true;
  });
  return [...usable, ...MATCH_IMAGES.filter((entry) => !seen.has(entry) && !isTaken(entry)).map(text)];
}

function mergeEnv(existing: readonly Tree[], wanted: Readonly<Record<string, string>>): readonly Tree[] {
  const kept = existing.filter((item) => {
    const name = nameOfEnv(item);
    return name !== undefined && !LOADS_CODE.test(name) && !Object.hasOwn(wanted, name);
  });
  const added = Object.entries(wanted).map(([name, value]) =>
    setFields(NO_FIELDS, [field("name", text(name)), field("value", text(value))]),
  );
  return [...kept, ...added];
}

/** The name of an entry that every kubelet accepts, else undefined; a missing value is an empty one. */
function nameOfEnv(item: Tree): string | undefined {
  if (item.type !== "map" || new Set(item.fields.map(({ key }) => key)).size !== item.fields.length) return undefined;
  const { name, value = text(""), ...unknown } = Object.fromEntries(item.fields.map(({ key, value }) => [key, value]));
  const hasValue = value.type === "string" || value.type === "null";
  if (!hasValue || Object.keys(unknown).length > 0 || name?.type !== "string" || name.text === "") return undefined;
  return name.text;
}

/** Refuses a result with a fatal fault elsewhere in the file, because that part is not ours to change. */
function refuseFatal(merged: string, kubeletMinor: number): string {
  const options = { kubeletMinor, hasExecutable: () => true, serviceAccountTokens: true };
  const fatal = checkCredentialProviderConfig([{ path: "", text: merged }], options).find(
    ({ severity }) => severity === "fatal",
  );
  if (fatal === undefined) return merged;
  throw new KubeletConfigError("config-refused", `${fatal.code} at ${fatal.path}: ${fatal.message}`);
}

function notEditable(message: string): KubeletConfigError {
  return new KubeletConfigError("config-not-editable", message);
}
