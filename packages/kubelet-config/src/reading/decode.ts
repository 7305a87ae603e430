/**
 * Decodes a file's tree to typed providers, as the codec of that kubelet minor does: strictly since 1.32. Checks kind,
 * field names and types; validate.ts checks the meaning of the values. A missing text or list is an empty one, as in Go, and so is
 * one of another type, which has been reported.
 */

import { type Place, quote, type Report } from "../finding.ts";
import type { FindingCode } from "../rules.ts";
import { type Field, isTrue, NOTHING, type Tree } from "../tree.ts";
import { parseText } from "./document.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** The kubelet reads only these files of a directory. */
export function isConfigName(name: string): boolean {
  return /\.(?:json|ya?ml)$/.test(name);
}

export interface TokenAttributes {
  readonly serviceAccountTokenAudience: string;
  readonly cacheType: string;
  /** null if not given. */
  readonly requireServiceAccount: boolean | null;
  readonly requiredServiceAccountAnnotationKeys: readonly string[];
  readonly optionalServiceAccountAnnotationKeys: readonly string[];
}

interface ProviderFields {
  readonly name: string;
  readonly apiVersion: string;
  readonly matchImages: readonly string[];
  readonly defaultCacheDuration: string;
  /** null if not given. */
  readonly tokenAttributes: TokenAttributes | null;
}

export interface Provider extends ProviderFields {
  /** Whether each of its values has the type that it must have. */
  readonly isReadable: boolean;
  /** The place of one of its fields, such as `matchImages[0]`, or of the whole provider. */
  readonly at: (field?: string) => Place;
}

const CONFIG_GROUP = "kubelet.config.k8s.io/";
const CONFIG_VERSIONS = ["v1", "v1beta1", "v1alpha1"];

type Type = "string" | "boolean" | ListType | MapType;
type ListType = readonly [item: Type];
interface MapType {
  readonly [field: string]: Type;
}

const CONFIG = {
  kind: "string",
  apiVersion: "string",
  providers: [
    {
      name: "string",
      matchImages: ["string"],
      defaultCacheDuration: "string",
      apiVersion: "string",
      args: ["string"],
      env: [{ name: "string", value: "string" }],
      tokenAttributes: {
        serviceAccountTokenAudience: "string",
        requireServiceAccount: "boolean",
        requiredServiceAccountAnnotationKeys: ["string"],
        optionalServiceAccountAnnotationKeys: ["string"],
        cacheType: "string",
      },
    },
  ],
} as const satisfies Type;
/** The minors that were the first to know a field, if that is not any. */
const FIRST_MINOR: Readonly<Record<string, number>> = { tokenAttributes: 33, cacheType: 34 };
/** The minor whose fields the older versions of the configuration keep. */
const OLDER_VERSIONS_MINOR = 32;

type ReportAt = (code: FindingCode, path: string, message: string) => void;

/** @returns undefined if the file as a whole cannot be decoded; the error has been reported */
export function decodeConfig(file: ConfigFile, kubeletMinor: number, report: Report): Provider[] | undefined {
  const parsed = parseText(file.text);
  if ("problem" in parsed) {
    const { problem, ...at } = parsed;
    report("not-understood", { file: file.path, ...at, path: "" }, problem);
    return undefined;
  }
  const lines = new Map([["", parsed.tree.line]]);
  // A missing field has its parent's line.
  const lineOf = (path: string): number => lines.get(path) ?? lineOf(path.slice(0, Math.max(0, path.lastIndexOf("."))));
  const placeOf = (path: string): Place => ({ file: file.path, line: lineOf(path), path });
  const reportAt: ReportAt = (code, path, message) => report(code, placeOf(path), message);
  const version = readConfigVersion(parsed.tree, reportAt);
  if (version === undefined) return undefined;
  const minor = version === "v1" ? kubeletMinor : Math.min(kubeletMinor, OLDER_VERSIONS_MINOR);
  const unreadable: string[] = [];
  const decoded = decode(parsed.tree, CONFIG, "", { minor, lines, unreadable, reportAt });
  const { providers } = decoded as { providers: readonly ProviderFields[] };
  if (unreadable.includes("providers")) return undefined;
  return providers.map((fields, index) => {
    const path = `providers[${index}]`;
    return {
      ...fields,
      isReadable: !unreadable.some((other) => other.startsWith(path)),
      at: (field) => placeOf(field === undefined ? path : `${path}.${field}`),
    };
  });
}

/** Kind and version decide which fields exist. */
function readConfigVersion(tree: Tree, reportAt: ReportAt): string | undefined {
  const kind = findText(tree, "kind");
  const apiVersion = findText(tree, "apiVersion");
  if (kind !== "CredentialProviderConfig") reportAt("kind-invalid", "kind", got("kind", kind));
  const version = CONFIG_VERSIONS.find((known) => apiVersion === CONFIG_GROUP + known);
  if (version === undefined) reportAt("api-version-invalid", "apiVersion", got("apiVersion", apiVersion));
  return kind === "CredentialProviderConfig" ? version : undefined;
}

function findText(tree: Tree, name: string): string | undefined {
  const value = tree.type === "map" ? tree.fields.findLast(({ key }) => key === name)?.value : undefined;
  return value?.type === "string" ? value.text : undefined;
}

function got(name: string, text: string | undefined): string {
  return text === undefined ? `there is no ${name}, or it is no text` : `${name} is ${quote(text)}`;
}

interface Decoding {
  readonly minor: number;
  /** By path. */
  readonly lines: Map<string, number>;
  /** Paths of values of another type. */
  readonly unreadable: string[];
  readonly reportAt: ReportAt;
}

/** @returns null for a missing boolean or map */
function decode(tree: Tree, type: Type, path: string, decoding: Decoding): unknown {
  const wanted = typeof type === "string" ? type : Array.isArray(type) ? "list" : "map";
  if (tree.type !== wanted && tree.type !== "null") {
    decoding.unreadable.push(path);
    decoding.reportAt("field-type-invalid", path, `it is a ${tree.type}, not a ${wanted}`);
  }
  if (tree.type !== wanted) return { string: "", list: [], boolean: null, map: null }[wanted];
  if (tree.type === "map") return decodeMap(tree.fields, type as MapType, path, decoding);
  if (tree.type === "list") return decodeList(tree.items, type as ListType, path, decoding);
  return tree.type === "boolean" ? isTrue(tree) : tree.text;
}

/** A map that is missing has no fields. */
function decodeList(items: readonly Tree[], [type]: ListType, path: string, decoding: Decoding): readonly unknown[] {
  return items.map((item, index) => {
    const at = `${path}[${index}]`;
    decoding.lines.set(at, item.line);
    return decode(item, type, at, decoding) ?? decodeMap([], type as MapType, at, decoding);
  });
}

/** Decodes the last of each known field. */
function decodeMap(fields: readonly Field[], type: MapType, path: string, decoding: Decoding): object {
  const { minor, lines, reportAt } = decoding;
  const known = Object.keys(type).filter((name) => (FIRST_MINOR[name] ?? 0) <= minor);
  const pathOf = (name: string) => (path === "" ? name : `${path}.${name}`);
  const found = new Map<string, Tree>();
  const seen = new Set<string>();
  for (const { key, value, line } of fields) {
    const at = pathOf(/^\w+$/.test(key) ? key : quote(key));
    lines.set(at, line);
    if (seen.has(key)) reportAt("field-duplicate", at, `${quote(key)} is given more than once`);
    seen.add(key);
    const meant = known.find((name) => name.toLowerCase() === key.toLowerCase());
    if (meant === key) found.set(key, value);
    else if (meant !== undefined) reportAt("field-case", at, `${quote(key)} is spelled ${meant}`);
    else reportAt("field-unknown", at, `${quote(key)} is not a known field here`);
  }
  const decoded = Object.entries(type).map(([name, ofField]) => [
    name,
    decode(found.get(name) ?? NOTHING, ofField, pathOf(name), decoding),
  ]);
  return Object.fromEntries(decoded);
}
