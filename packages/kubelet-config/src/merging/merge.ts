/**
 * Adds our credential providers to a CredentialProviderConfig, and removes them again. Every byte outside our entries stays, and
 * the others decode to the same values. Never returns a text that would stop the kubelet.
 */
import { API_VERSION, MATCH_IMAGES, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { checkCredentialProviderConfig } from "../checking/check.ts";
import { KubeletConfigError } from "../kubelet-config-error.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { shareRepository } from "../matching/overlap.ts";
import { assertKubeletMinor } from "../minor.ts";
import { parseText } from "../reading/document.ts";
import { type ListTree, type MapTree, sameTree, type Tree } from "../tree.ts";
import { field, fieldValue, isNamed, itemsOf, listOf, mapOf, text } from "./fields.ts";
import { renderLines } from "./render.ts";
import { type ServiceAccountEntry, serviceAccountProvider } from "./service-account-entry.ts";
import { appendItem, removeItem, replaceItem } from "./splice.ts";

export interface MergeOptions {
  readonly kubeletMinor: number;
  /** Also a second entry, which gets service-account tokens. Default: such an entry stays as it is. */
  readonly serviceAccounts?: ServiceAccountEntry;
}

/**
 * Returns the text with our credential provider in it. A provider of the same name is replaced where it stands, unless nothing
 * changes: it keeps its readable entries of matchImages and of env, except those that make a program load code (LD_*, NODE_*).
 *
 * No repository matches both of our entries, under any name of its registry: what the one for service accounts matches is taken
 * from the other, which is left out if nothing remains.
 *
 * @param existing undefined, or a text without any content: a new file is made.
 * @throws {KubeletConfigError} `config-not-editable`, `config-refused`, `kubelet-minor-unsupported`,
 * `service-accounts-unsupported`
 */
export function mergeProvider(existing: string | undefined, { serviceAccounts, kubeletMinor }: MergeOptions): string {
  assertKubeletMinor(kubeletMinor);
  const withTokens =
    serviceAccounts === undefined
      ? (existing ?? "")
      : putEntry(existing ?? "", SERVICE_ACCOUNT_PLUGIN_NAME, () =>
          serviceAccountProvider(serviceAccounts, kubeletMinor),
        );
  const { items } = openConfig(withTokens).list;
  const tokens = items.find((item) => isNamed(item, SERVICE_ACCOUNT_PLUGIN_NAME));
  const taken = itemsOf(tokens, "matchImages").flatMap((item) => (item.type === "string" ? item.text : []));
  const merged = putEntry(withTokens, PLUGIN_NAME, (entry) => nodeProvider(entry, taken));
  return refuseFatal(merged, kubeletMinor);
}

/**
 * Returns the text without our credential providers, unchanged if it has none.
 *
 * @returns undefined if no credential provider would be left: a kubelet that still names the file would not start with it.
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function removeProviders(existing: string): string | undefined {
  const config = openConfig(existing);
  const at = config.list.items.findIndex(
    (item) => isNamed(item, PLUGIN_NAME) || isNamed(item, SERVICE_ACCOUNT_PLUGIN_NAME),
  );
  if (at === -1) return existing;
  return config.list.items.length === 1 ? undefined : removeProviders(withoutEntry(config, at));
}

/** Environment entries that make a program of the node load code. Ours needs none. */
const LOADS_CODE = /^(?:LD_|NODE_)/;

interface Config {
  readonly source: string;
  readonly top: Tree;
  readonly list: ListTree;
}

function openConfig(source: string): Config {
  const parsed = parseText(source);
  if ("problem" in parsed) {
    throw notEditable(parsed.line === undefined ? parsed.problem : `line ${parsed.line}: ${parsed.problem}`);
  }
  const top = parsed.tree;
  if (top.type === "null") return { source, top, list: listOf([]) };
  if (top.type !== "map") throw notEditable("it is not a map of fields");
  const [providers, ...more] = top.fields.filter(({ key }) => key.toLowerCase() === "providers");
  if (more.length > 0) throw notEditable("providers is given twice");
  if (providers?.key !== "providers" || providers.value.type !== "list") throw notEditable("providers is not a list");
  return { source, top, list: providers.value };
}

/** Replaces or appends the provider of this name; leaves it out if `fill` returns undefined. */
function putEntry(source: string, name: string, fill: (existing: Tree | undefined) => MapTree | undefined): string {
  const config = openConfig(source);
  const { top, list } = config;
  const at = list.items.findIndex((item) => isNamed(item, name));
  const existing = list.items[at];
  const entry = fill(existing);
  if (existing === undefined && entry === undefined) return source;
  if (entry === undefined) return withoutEntry(config, at);
  if (top.type === "null") return newConfig(source, entry);
  if (existing === undefined) {
    if (list.items.length === 0) throw notEditable("its list of providers is empty");
    return checkedText(config.top, appendItem(source, list, entry), [...list.items, entry]);
  }
  return sameTree(existing, entry)
    ? source
    : checkedText(config.top, replaceItem(source, list, at, entry), list.items.with(at, entry));
}

/** @param config has another entry */
function withoutEntry(config: Config, at: number): string {
  return checkedText(config.top, removeItem(config.source, config.list, at), config.list.items.toSpliced(at, 1));
}

/** Keeps comments. */
function newConfig(source: string, entry: MapTree): string {
  const top = mapOf([
    field("apiVersion", text("kubelet.config.k8s.io/v1")),
    field("kind", text("CredentialProviderConfig")),
    field("providers", listOf([entry])),
  ]);
  const lines = renderLines(top, { indentsLists: true }).map((line) => `${line}\n`);
  const before = source.trim() === "" ? "" : `${source}\n`;
  return checkedText(top, before + lines.join(""), [entry]);
}

/** Returns `candidate` only if it decodes to the configuration with these providers. */
export function checkedText(top: Tree, candidate: string, providers: readonly Tree[]): string {
  const { fields } = top as MapTree;
  const wanted = mapOf(fields.map((each) => (each.key === "providers" ? field(each.key, listOf(providers)) : each)));
  const parsed = parseText(candidate);
  if ("tree" in parsed && sameTree(parsed.tree, wanted)) return candidate;
  throw notEditable("our entry cannot be changed without changing another part");
}

/** Keeps of an existing entry what every kubelet accepts. */
function nodeProvider(existing: Tree | undefined, taken: readonly string[]): MapTree | undefined {
  const matchImages = mergeMatchImages(itemsOf(existing, "matchImages"), taken);
  if (matchImages.length === 0) return undefined;
  const env = itemsOf(existing, "env").flatMap(harmlessEnv);
  return mapOf([
    field("name", text(PLUGIN_NAME)),
    field("apiVersion", text(API_VERSION)),
    field("matchImages", listOf(matchImages)),
    field("defaultCacheDuration", text("0s")),
    ...(env.length === 0 ? [] : [field("env", listOf(env))]),
  ]);
}

function mergeMatchImages(existing: readonly Tree[], taken: readonly string[]): readonly Tree[] {
  const usable = existing.flatMap((item) =>
    item.type === "string" && parseImageUrl(item.text)?.refusedByNewerGo === false ? item.text : [],
  );
  const isFree = (entry: string) => !taken.some((other) => shareRepository(entry, other));
  return [...new Set([...usable, ...MATCH_IMAGES])].filter(isFree).map(text);
}

/** A missing value is an empty one. */
function harmlessEnv(item: Tree): readonly Tree[] {
  const [name, value = text("")] = [fieldValue(item, "name"), fieldValue(item, "value")];
  const isKnown = item.type === "map" && item.fields.every(({ key }) => key === "name" || key === "value");
  if (!isKnown || name?.type !== "string" || (value.type !== "string" && value.type !== "null")) return [];
  if (name.text === "" || LOADS_CODE.test(name.text)) return [];
  return [mapOf([field("name", name), field("value", value.type === "string" ? value : text(""))])];
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

function notEditable(message: string): KubeletConfigError {
  return new KubeletConfigError("config-not-editable", message);
}
