/**
 * Decodes a file's tree to typed providers, as the codec of that kubelet minor does: strictly since 1.32. Checks kind,
 * field names and types; validate.ts checks the meaning of the values. An unreadable value is undefined and has been
 * reported.
 */

import { type Place, quote, type Report } from "../finding.ts";
import type { Field, ScalarTree, Tree } from "../tree.ts";
import { parseText } from "./document.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
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
const PROVIDER_FIELDS = ["name", "matchImages", "defaultCacheDuration", "apiVersion", "args", "env"];
const TOKEN_FIELDS = [
  "serviceAccountTokenAudience",
  "requireServiceAccount",
  "requiredServiceAccountAnnotationKeys",
  "optionalServiceAccountAnnotationKeys",
];

/** @returns undefined if the file as a whole cannot be decoded; the fault has been reported */
export function decodeConfig(file: ConfigFile, kubeletMinor: number, report: Report): Provider[] | undefined {
  const parsed = parseText(file.text);
  if ("problem" in parsed) {
    const { problem, ...at } = parsed;
    report("not-understood", { file: file.path, path: "", ...at }, problem);
    return undefined;
  }
  const top: Place = { file: file.path, line: parsed.tree.line, path: "" };
  const version = readConfigVersion(parsed.tree, top, kubeletMinor, report);
  if (version === undefined) return undefined;
  const reader = createReader(report);
  const fields = reader.map(parsed.tree, top, ["kind", "apiVersion", "providers"]);
  return reader
    .list(fields.get("providers"), within(top, "providers"))
    .value?.map(({ value, place }) => decodeProvider(value, place, reader, { version, kubeletMinor }));
}

/** Kind and version decide which fields exist. Older kubelets accept them in any spelling. */
function readConfigVersion(tree: Tree, top: Place, kubeletMinor: number, report: Report): string | undefined {
  const kind = findText(tree, "kind", kubeletMinor);
  const apiVersion = findText(tree, "apiVersion", kubeletMinor);
  if (kind !== "CredentialProviderConfig") report("kind-invalid", within(top, "kind"), got("kind", kind));
  const version = CONFIG_VERSIONS.find((known) => apiVersion === CONFIG_GROUP + known);
  if (version === undefined) {
    report("api-version-invalid", within(top, "apiVersion"), got("apiVersion", apiVersion));
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

interface DecodeContext {
  readonly version: string;
  readonly kubeletMinor: number;
}

function decodeProvider(tree: Tree, place: Place, reader: Reader, context: DecodeContext): Provider {
  const hasTokens = context.version === "v1" && context.kubeletMinor >= 33;
  const fields = reader.map(tree, place, hasTokens ? [...PROVIDER_FIELDS, "tokenAttributes"] : PROVIDER_FIELDS);
  reader.texts(fields.get("args"), within(place, "args"));
  for (const entry of reader.list(fields.get("env"), within(place, "env")).value ?? []) {
    const env = reader.map(entry.value, entry.place, ["name", "value"]);
    for (const name of ["name", "value"]) reader.text(env.get(name), within(entry.place, name));
  }
  const tokens = fields.get("tokenAttributes");
  const tokensPlace = within(place, "tokenAttributes");
  const duration = fields.get("defaultCacheDuration");
  const durationPlace = within(place, "defaultCacheDuration");
  return {
    place,
    name: reader.text(fields.get("name"), within(place, "name")),
    apiVersion: reader.text(fields.get("apiVersion"), within(place, "apiVersion")),
    matchImages: reader.texts(fields.get("matchImages"), within(place, "matchImages")),
    defaultCacheDuration: isAbsent(duration)
      ? { value: null, place: durationPlace }
      : reader.text(duration, durationPlace),
    ...(isAbsent(tokens) ? {} : { tokenAttributes: decodeTokenAttributes(tokens, tokensPlace, reader, context) }),
  };
}

function decodeTokenAttributes(tree: Field, place: Place, reader: Reader, context: DecodeContext): TokenAttributes {
  const fields = reader.map(
    tree.value,
    place,
    context.kubeletMinor >= 34 ? [...TOKEN_FIELDS, "cacheType"] : TOKEN_FIELDS,
  );
  const textOf = (name: string) => reader.text(fields.get(name), within(place, name));
  const keysOf = (name: string) => reader.texts(fields.get(name), within(place, name)).value ?? [];
  return {
    place: { ...place, line: tree.line },
    audience: textOf("serviceAccountTokenAudience"),
    cacheType: textOf("cacheType"),
    requireServiceAccount: reader.boolean(fields.get("requireServiceAccount"), within(place, "requireServiceAccount")),
    requiredKeys: keysOf("requiredServiceAccountAnnotationKeys"),
    optionalKeys: keysOf("optionalServiceAccountAnnotationKeys"),
  };
}

type Reader = ReturnType<typeof createReader>;

function createReader(report: Report) {
  function wrongType(place: Place, wanted: string, tree: Tree): void {
    report("field-type-invalid", { ...place, line: tree.line }, `it is a ${tree.type}, not a ${wanted}`);
  }

  /** Reads the last of each known field. Treats null as an empty map, as in Go. */
  function map(tree: Tree, place: Place, known: readonly string[]): Map<string, Field> {
    const found = new Map<string, Field>();
    if (tree.type === "null") return found;
    if (tree.type !== "map") {
      wrongType(place, "map", tree);
      return found;
    }
    const seen = new Set<string>();
    for (const field of tree.fields) {
      const segment = /^\w+$/.test(field.key) ? field.key : quote(field.key);
      const at = { ...within(place, segment), line: field.line };
      if (seen.has(field.key)) report("field-duplicate", at, `${quote(field.key)} is given more than once`);
      seen.add(field.key);
      const meant = known.find((name) => name.toLowerCase() === field.key.toLowerCase());
      if (meant === field.key) found.set(field.key, field);
      else if (meant !== undefined) report("field-case", at, `${quote(field.key)} is spelled ${meant}`);
      else report("field-unknown", at, `${quote(field.key)} is no field here`);
    }
    return found;
  }

  function list(field: Field | undefined, place: Place): Located<readonly Located<Tree>[] | undefined> {
    if (isAbsent(field)) return { value: [], place };
    const at = { ...place, line: field.line };
    if (field.value.type !== "list") {
      wrongType(at, "list", field.value);
      return { value: undefined, place: at };
    }
    const value = field.value.items.map((item, index) => ({
      value: item,
      place: { file: place.file, line: item.line, path: `${place.path}[${index}]` },
    }));
    return { value, place: at };
  }

  function scalar(tree: Tree, place: Place): string | undefined {
    if (tree.type === "string") return tree.text;
    if (tree.type === "null") return "";
    wrongType(place, "string", tree);
    return undefined;
  }

  return {
    map,
    list,
    /** null and a missing field are the empty text, as in Go. */
    text(field: Field | undefined, place: Place): Located<string | undefined> {
      if (field === undefined) return { value: "", place };
      const at = { ...place, line: field.line };
      return { value: scalar(field.value, at), place: at };
    },
    texts(field: Field | undefined, place: Place): Located<readonly Located<string>[] | undefined> {
      const items = list(field, place);
      const value = items.value?.flatMap((item) => {
        const text = scalar(item.value, item.place);
        return text === undefined ? [] : [{ value: text, place: item.place }];
      });
      return { value, place: items.place };
    },
    boolean(field: Field | undefined, place: Place): Located<boolean | null | undefined> {
      if (isAbsent(field)) return { value: null, place };
      const at = { ...place, line: field.line };
      if (field.value.type === "boolean") return { value: isTrue(field.value), place: at };
      wrongType(at, "boolean", field.value);
      return { value: undefined, place: at };
    },
  };
}

function isTrue({ text }: ScalarTree): boolean {
  return /^(?:y|yes|true|on)$/i.test(text);
}

function isAbsent(field: Field | undefined): field is undefined {
  return field === undefined || field.value.type === "null";
}

function within(place: Place, name: string): Place {
  return { ...place, path: place.path === "" ? name : `${place.path}.${name}` };
}

function got(name: string, text: string | undefined): string {
  return text === undefined ? `there is no ${name}, or it is no text` : `${name} is ${quote(text)}`;
}
