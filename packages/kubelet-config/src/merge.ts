/**
 * Adds our provider to a CredentialProviderConfig, and takes it out again. Everything else in the file stays as it is:
 * other providers, their order, comments; JSON stays JSON. Never returns a text that would stop the kubelet.
 */
import { isMap, isScalar, isSeq, type Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { checkCredentialProviderConfig } from "./check.ts";
import { type EditableConfig, openConfig, text } from "./editable-config.ts";
import { KubeletConfigError } from "./errors.ts";
import { parseImageUrl } from "./image-url.ts";
import { assertKubeletMinor } from "./minor.ts";
import { MATCH_IMAGES, PROVIDER_API_VERSION } from "./our-provider.ts";

export interface MergeOptions {
  /** The provider's name, which is its program's. */
  readonly name: string;
  readonly kubeletMinor: number;
  /** Arguments of the program. Default: none. */
  readonly args?: readonly string[];
  /** Environment entries; they win over kept ones of the same name. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The text with our provider in it. One of the same name is changed in place: it keeps its comments, further readable
 * entries of matchImages, and environment entries other than those that make a program load code (LD_*, NODE_*).
 * Merging twice is the same as merging once.
 *
 * @param existing undefined, or text without any content: a new file is made.
 * @throws {KubeletConfigError} `config-not-editable`, `config-refused`, `kubelet-minor-unsupported`
 */
export function mergeProvider(existing: string | undefined, options: MergeOptions): string {
  assertKubeletMinor(options.kubeletMinor);
  const config = openConfig(existing ?? "");
  const same = providersNamed(config, options.name);
  const kept = same[0] ?? new YAMLMap();
  config.providers.items = config.providers.items.filter((item) => item === kept || !same.includes(item as YAMLMap));
  if (!config.providers.items.includes(kept)) config.providers.items.push(kept);
  fillProvider(kept, options);
  return refuseFatal(config.print(), options.kubeletMinor);
}

/**
 * The text without the provider of this name, unchanged where there is none.
 *
 * @returns undefined when no provider would be left: a kubelet that still names the file would not start with it.
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function removeProvider(existing: string, options: { readonly name: string }): string | undefined {
  const config = openConfig(existing);
  const same = providersNamed(config, options.name);
  if (same.length === 0) return existing;
  config.providers.items = config.providers.items.filter((item) => !same.includes(item as YAMLMap));
  return config.providers.items.length === 0 ? undefined : config.print();
}

/** Environment entries by which a program of the node would load code. Ours need none, and the fallback gets none. */
const LOADS_CODE = /^(?:LD_|NODE_)/;

function providersNamed({ providers }: EditableConfig, name: string): YAMLMap[] {
  return providers.items.filter((item): item is YAMLMap => isMap(item) && item.get("name") === name);
}

/** Fields that stay keep their place and comments; others go: the kubelet may not know them. */
function fillProvider(provider: YAMLMap, options: MergeOptions): void {
  const fields = new Map<string, Node>([
    ["name", text(options.name)],
    ["apiVersion", text(PROVIDER_API_VERSION)],
    ["matchImages", mergeMatchImages(provider.get("matchImages"))],
    ["defaultCacheDuration", text("0s")],
  ]);
  if (options.args !== undefined && options.args.length > 0) fields.set("args", sequence(options.args.map(text)));
  const env = mergeEnv(provider.get("env"), options.env ?? {});
  if (env.items.length > 0) fields.set("env", env);

  const pairs = new Map<string, Pair<unknown, unknown>>();
  for (const pair of provider.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : "";
    if (fields.has(key) && !pairs.has(key)) pairs.set(key, pair);
  }
  for (const [key, value] of fields) {
    const pair = pairs.get(key);
    if (pair === undefined) pairs.set(key, new Pair(text(key), value));
    else if (!isSameText(pair.value, value)) pair.value = value;
  }
  provider.items = [...pairs.values()];
}

function mergeMatchImages(existing: unknown): YAMLSeq {
  const list = isSeq(existing) ? existing : new YAMLSeq();
  const seen = new Set<unknown>();
  list.items = list.items.filter((item) => {
    const entry = isScalar(item) ? item.value : undefined;
    const usable = typeof entry === "string" && parseImageUrl(entry)?.refusedByNewerGo === false && !seen.has(entry);
    seen.add(entry);
    return usable;
  });
  for (const entry of MATCH_IMAGES) if (!seen.has(entry)) list.items.push(text(entry));
  return list;
}

function mergeEnv(existing: unknown, wanted: Readonly<Record<string, string>>): YAMLSeq {
  const list = isSeq(existing) ? existing : new YAMLSeq();
  list.items = list.items.filter((item) => {
    const fields: unknown = isMap(item) ? item.toJSON() : undefined;
    return isEnvEntry(fields) && !LOADS_CODE.test(fields.name) && !Object.hasOwn(wanted, fields.name);
  });
  for (const [name, value] of Object.entries(wanted)) {
    const entry = new YAMLMap();
    entry.items = [new Pair(text("name"), text(name)), new Pair(text("value"), text(value))];
    list.items.push(entry);
  }
  return list;
}

/** A missing value is an empty one. */
function isEnvEntry(fields: unknown): fields is { readonly name: string } {
  const { name, value = null, ...unknown } = { name: undefined, value: undefined, ...(fields as object) };
  const hasText = (value === null || typeof value === "string") && typeof name === "string" && name !== "";
  return hasText && Object.keys(unknown).length === 0;
}

function isSameText(existing: unknown, wanted: Node): boolean {
  return isScalar(existing) && isScalar(wanted) && existing.value === wanted.value;
}

function sequence(items: readonly Node[]): YAMLSeq {
  const list = new YAMLSeq();
  list.items.push(...items);
  return list;
}

/** The rest of the file may be refused as well: then it is not ours to write. */
function refuseFatal(merged: string, kubeletMinor: number): string {
  const options = { kubeletMinor, hasExecutable: () => true, serviceAccountTokens: true };
  const fatal = checkCredentialProviderConfig([{ path: "", text: merged }], options).find(
    ({ severity }) => severity === "fatal",
  );
  if (fatal === undefined) return merged;
  throw new KubeletConfigError("config-refused", `${fatal.code} at ${fatal.path}: ${fatal.message}`);
}
