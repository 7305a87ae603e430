/**
 * Decodes a file's tree to typed providers, as the codec of that kubelet minor does: strictly since 1.32. Checks kind,
 * field names and types; validate.ts checks the meaning of the values. An unreadable value is undefined and has been
 * reported.
 */

import { type Place, quote, type Report } from "../finding.ts";
import { isTrue, NOTHING, type Tree } from "../tree.ts";
import { parseText } from "./document.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** The kubelet reads only these files of a directory. */
export function isConfigName(name: string): boolean {
  return /\.(?:json|ya?ml)$/.test(name);
}

export interface Located<Value> {
  readonly value: Value;
  readonly place: Place;
}

export interface TokenAttributes {
  readonly place: Place;
  readonly audience: Located<string | undefined>;
  readonly cacheType: Located<string | undefined>;
  /** null if not given. */
  readonly requireServiceAccount: Located<boolean | null | undefined>;
  readonly requiredKeys: readonly Located<string>[];
  readonly optionalKeys: readonly Located<string>[];
}

export interface Provider {
  readonly place: Place;
  readonly name: Located<string | undefined>;
  readonly apiVersion: Located<string | undefined>;
  /** undefined if not readable as a list. */
  readonly matchImages: Located<readonly Located<string>[] | undefined>;
  /** null if not given. */
  readonly defaultCacheDuration: Located<string | null | undefined>;
  readonly tokenAttributes?: TokenAttributes;
}

const CONFIG_GROUP = "kubelet.config.k8s.io/";
const CONFIG_VERSIONS = ["v1", "v1beta1", "v1alpha1"];

const CONFIG_FIELDS = ["kind", "apiVersion", "providers"] as const;
const PROVIDER_FIELDS = [
  "name",
  "matchImages",
  "defaultCacheDuration",
  "apiVersion",
  "args",
  "env",
  "tokenAttributes",
] as const;
const ENV_FIELDS = ["name", "value"] as const;
const TOKEN_FIELDS = [
  "serviceAccountTokenAudience",
  "requireServiceAccount",
  "requiredServiceAccountAnnotationKeys",
  "optionalServiceAccountAnnotationKeys",
  "cacheType",
] as const;
/** The minors that were the first to know a field, if that is not any. */
const FIRST_MINOR: Readonly<Record<string, number>> = { tokenAttributes: 33, cacheType: 34 };
/** The minor whose fields the older versions of the configuration keep. */
const OLDER_VERSIONS_MINOR = 32;

/** @returns undefined if the file as a whole cannot be decoded; the error has been reported */
export function decodeConfig(file: ConfigFile, kubeletMinor: number, report: Report): Provider[] | undefined {
  const parsed = parseText(file.text);
  if ("problem" in parsed) {
    const { problem, ...at } = parsed;
    report("not-understood", { file: file.path, ...at, path: "" }, problem);
    return undefined;
  }
  const top = { value: parsed.tree, place: { file: file.path, line: parsed.tree.line, path: "" } };
  const version = readConfigVersion(top, kubeletMinor, report);
  if (version === undefined) return undefined;
  const reader = createReader(version === "v1" ? kubeletMinor : Math.min(kubeletMinor, OLDER_VERSIONS_MINOR), report);
  const { providers } = reader.map(top, CONFIG_FIELDS);
  return reader.list(providers).value?.map((provider) => decodeProvider(provider, reader));
}

/** Kind and version decide which fields exist. Older kubelets accept them in any spelling. */
function readConfigVersion({ value: tree, place }: Located<Tree>, kubeletMinor: number, report: Report) {
  const kind = findText(tree, "kind", kubeletMinor);
  const apiVersion = findText(tree, "apiVersion", kubeletMinor);
  if (kind !== "CredentialProviderConfig") report("kind-invalid", within(place, "kind"), got("kind", kind));
  const version = CONFIG_VERSIONS.find((known) => apiVersion === CONFIG_GROUP + known);
  if (version === undefined) {
    report("api-version-invalid", within(place, "apiVersion"), got("apiVersion", apiVersion));
  }
  return kind === "CredentialProviderConfig" ? version : undefined;
}

function findText(tree: Tree, name: string, kubeletMinor: number): string | undefined {
  const fields = tree.type === "map" ? tree.fields : [];
  const exact = fields.findLast(({ key }) => key === name);
  const folded = fields.findLast(({ key }) => key.toLowerCase() === name.toLowerCase());
  const value = (exact ?? (kubeletMinor < 32 ? folded : undefined))?.value;
  return value?.type === "string" ? value.text : undefined;
}

function decodeProvider(provider: Located<Tree>, reader: Reader): Provider {
  const fields = reader.map(provider, PROVIDER_FIELDS);
  reader.texts(fields.args);
  for (const entry of reader.list(fields.env).value ?? []) {
    Object.values(reader.map(entry, ENV_FIELDS)).forEach(reader.text);
  }
  const { defaultCacheDuration: duration, tokenAttributes } = fields;
  return {
    place: provider.place,
    name: reader.text(fields.name),
    apiVersion: reader.text(fields.apiVersion),
    matchImages: reader.texts(fields.matchImages),
    defaultCacheDuration: isAbsent(duration) ? { ...duration, value: null } : reader.text(duration),
    ...(isAbsent(tokenAttributes) ? {} : { tokenAttributes: decodeTokenAttributes(tokenAttributes, reader) }),
  };
}

function decodeTokenAttributes(attributes: Located<Tree>, reader: Reader): TokenAttributes {
  const fields = reader.map(attributes, TOKEN_FIELDS);
  return {
    place: attributes.place,
    audience: reader.text(fields.serviceAccountTokenAudience),
    cacheType: reader.text(fields.cacheType),
    requireServiceAccount: reader.boolean(fields.requireServiceAccount),
    requiredKeys: reader.texts(fields.requiredServiceAccountAnnotationKeys).value ?? [],
    optionalKeys: reader.texts(fields.optionalServiceAccountAnnotationKeys).value ?? [],
  };
}

type Reader = ReturnType<typeof createReader>;

/** Treats null and a missing value as an empty one, as in Go. */
function createReader(kubeletMinor: number, report: Report) {
  function wrongType({ value, place }: Located<Tree>, wanted: string): { value: undefined; place: Place } {
    report("field-type-invalid", { ...place, line: value.line }, `it is a ${value.type}, not a ${wanted}`);
    return { value: undefined, place };
  }

  /** Reads the last of each known field. */
  function map<Name extends string>(
    { value: tree, place }: Located<Tree>,
    names: readonly Name[],
  ): Record<Name, Located<Tree>> {
    const known = names.filter((name) => (FIRST_MINOR[name] ?? 0) <= kubeletMinor);
    const absent = names.map((name) => [name, { value: NOTHING, place: within(place, name) }]);
    const found: Record<Name, Located<Tree>> = Object.fromEntries(absent);
    if (tree.type !== "map") {
      if (tree.type !== "null") wrongType({ value: tree, place }, "map");
      return found;
    }
    const seen = new Set<string>();
    for (const { key, value, line } of tree.fields) {
      const at = { ...within(place, /^\w+$/.test(key) ? key : quote(key)), line };
      if (seen.has(key)) report("field-duplicate", at, `${quote(key)} is given more than once`);
      seen.add(key);
      const meant = known.find((name) => name.toLowerCase() === key.toLowerCase());
      if (meant === key) found[meant] = { value, place: at };
      else if (meant !== undefined) report("field-case", at, `${quote(key)} is spelled ${meant}`);
      else report("field-unknown", at, `${quote(key)} is not a known field here`);
    }
    return found;
  }

  function list(field: Located<Tree>): Located<readonly Located<Tree>[] | undefined> {
    const { value: tree, place } = field;
    if (isAbsent(field)) return { value: [], place };
    if (tree.type !== "list") return wrongType(field, "list");
    const { file } = place;
    const itemAt = (item: Tree, index: number) => ({ file, line: item.line, path: `${place.path}[${index}]` });
    return { value: tree.items.map((value, index) => ({ value, place: itemAt(value, index) })), place };
  }

  function text(field: Located<Tree>): Located<string | undefined> {
    const { value: tree, place } = field;
    if (isAbsent(field)) return { value: "", place };
    return tree.type === "string" ? { value: tree.text, place } : wrongType(field, "string");
  }

  function texts(field: Located<Tree>): Located<readonly Located<string>[] | undefined> {
    const { value: items, place } = list(field);
    const value = items?.map(text).flatMap((item) => (item.value === undefined ? [] : { ...item, value: item.value }));
    return { value, place };
  }

  function boolean(field: Located<Tree>): Located<boolean | null | undefined> {
    const { value: tree, place } = field;
    if (isAbsent(field)) return { value: null, place };
    if (tree.type !== "boolean") return wrongType(field, "boolean");
    return { value: isTrue(tree), place };
  }

  return { map, list, text, texts, boolean };
}

function isAbsent({ value }: Located<Tree>): boolean {
  return value.type === "null";
}

function within(place: Place, name: string): Place {
  return { ...place, path: place.path === "" ? name : `${place.path}.${name}` };
}

function got(name: string, text: string | undefined): string {
  return text === undefined ? `there is no ${name}, or it is no text` : `${name} is ${quote(text)}`;
}
