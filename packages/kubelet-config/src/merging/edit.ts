/**
 * Reads a CredentialProviderConfig for a change of its list of providers, and writes the changed list with the YAML library's own
 * document, or as JSON. The result is read again: unless it has the wanted values, nothing is returned.
 */
import { isDeepStrictEqual } from "node:util";
import { type Node, parseDocument, visit, type YAMLSeq } from "yaml";
import { KubeletConfigError } from "../kubelet-config-error.ts";
import { isPlainText } from "../plain-text.ts";
import { isJson, parseText, YAML_AS_WRITTEN } from "../reading/document.ts";
import { plainValueOf } from "../tree.ts";

export interface EditableConfig {
  readonly text: string;
  /** Its other fields. */
  readonly fields: object;
  readonly providers: readonly unknown[];
}

const NEW_CONFIG = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: []\n";

/** @throws {KubeletConfigError} `config-not-editable` */
export function readEditableConfig(text: string): EditableConfig {
  const parsed = parseText(text);
  if ("problem" in parsed) {
    throw notEditable(parsed.line === undefined ? parsed.problem : `line ${parsed.line}: ${parsed.problem}`);
  }
  const top = parsed.tree;
  if (top.type === "null") return readEditableConfig((text.trim() === "" ? "" : `${text}\n`) + NEW_CONFIG);
  if (top.type !== "map") throw notEditable("it is not a map of fields");
  const [providers, ...more] = top.fields.filter(({ key }) => key.toLowerCase() === "providers");
  if (more.length > 0) throw notEditable("providers is given twice");
  if (providers?.key !== "providers" || providers.value.type !== "list") throw notEditable("providers is not a list");
  return { text, fields: plainValueOf(top) as object, providers: providers.value.items.map(plainValueOf) };
}

/**
 * @param wanted the new list; an entry that is kept is the same object as before
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function withProviders(config: EditableConfig, wanted: readonly unknown[]): string {
  const { text, fields, providers } = config;
  const edited = isJson(text) ? editJson(text, wanted) : editYaml(text, providers, wanted);
  const result = text.includes("\r\n") ? edited.replaceAll("\n", "\r\n") : edited;
  const parsed = parseText(result);
  if ("tree" in parsed && isDeepStrictEqual(plainValueOf(parsed.tree), { ...fields, providers: wanted })) return result;
  throw notEditable("our entry cannot be changed without changing another part");
}

function editJson(text: string, providers: readonly unknown[]): string {
  const [, indent] = /^\s*\{\r?\n([ \t]+)/.exec(text) ?? [];
  return JSON.stringify({ ...JSON.parse(text), providers }, null, indent) + (text.endsWith("\n") ? "\n" : "");
}

function editYaml(text: string, present: readonly unknown[], wanted: readonly unknown[]): string {
  const document = parseDocument(text.replaceAll("\r\n", "\n"), YAML_AS_WRITTEN);
  const list = document.get("providers") as YAMLSeq;
  const nodes = list.items;
  list.items = wanted.map((entry) => nodes[present.indexOf(entry)] ?? quoted(document.createNode(entry)));
  if (present.length === 0) list.flow = false;
  return document.toString({
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.POSITIVE_INFINITY,
    flowCollectionPadding: false,
    indentSeq: !/^- /m.test(text),
  });
}

/** Puts quotes around what a reader of YAML 1.1 could take for something other than a text. */
function quoted(entry: Node): Node {
  visit(entry, {
    Scalar(key, scalar) {
      if (key === "key") return;
      if (typeof scalar.value === "boolean") scalar.value = String(scalar.value);
      else if (!isPlainText(String(scalar.value))) scalar.type = "QUOTE_DOUBLE";
    },
  });
  return entry;
}

function notEditable(message: string): KubeletConfigError {
  return new KubeletConfigError("config-not-editable", message);
}
