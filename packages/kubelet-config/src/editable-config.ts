/** A CredentialProviderConfig opened for a change: its list of providers, and the way back to text. */
import { type Document, isMap, isSeq, parseAllDocuments, parseDocument, Scalar, YAMLSeq } from "yaml";
import { isJson, parseText } from "./document.ts";
import { KubeletConfigError } from "./errors.ts";

export interface EditableConfig {
  readonly providers: YAMLSeq;
  /** @throws {KubeletConfigError} `config-not-editable` */
  print(): string;
}

/** We print YAML 1.2 and the kubelet reads YAML 1.1, which would fold these inside quotes. */
const YAML_1_1_LINE_BREAK = /[\u0085\u2028\u2029]/;

/** @throws {KubeletConfigError} `config-not-editable` */
export function openConfig(source: string): EditableConfig {
  const parsed = parseText(source);
  if ("problem" in parsed) throw new KubeletConfigError("config-not-editable", parsed.problem);
  // Not with the kubelet's YAML 1.1: what is written as it was read must keep its spelling, whatever it means.
  const options = { strict: false, uniqueKeys: false, prettyErrors: false };
  const documents: Document[] = [...parseAllDocuments(source, options)];
  // Without any content there may still be comments.
  if (documents.length === 0) documents.push(parseDocument(source, options));
  const providers = openProviders(documents);
  return { providers, print: () => print(source, documents) };
}

/** A text that stays one whatever it looks like, for the kubelet's reader too. */
export function text(value: string): Scalar<string> {
  const scalar = new Scalar(value);
  if (!isPlain(value)) scalar.type = "QUOTE_DOUBLE";
  return scalar;
}

function openProviders([first]: readonly Document[]): YAMLSeq {
  const document = first as Document;
  document.contents ??= document.createNode({});
  const top: unknown = document.contents;
  if (!isMap(top)) throw notEditable("it is not a map of fields");
  if (top.items.filter(({ key }) => String(key) === "providers").length > 1)
    throw notEditable("providers is given twice");
  if (!top.has("apiVersion")) top.set(text("apiVersion"), text("kubelet.config.k8s.io/v1"));
  if (!top.has("kind")) top.set(text("kind"), text("CredentialProviderConfig"));
  const providers: unknown = top.get("providers");
  if (isSeq(providers)) return providers;
  if (providers !== null && providers !== undefined) throw notEditable("providers is no list");
  const created = new YAMLSeq();
  top.set("providers", created);
  return created;
}

function print(source: string, documents: readonly Document[]): string {
  try {
    if (isJson(source)) return printJson(source, documents);
    const printed = printYaml(source, documents);
    if (!YAML_1_1_LINE_BREAK.test(printed)) return printed;
  } catch (cause) {
    // An alias to something that is gone.
    throw new KubeletConfigError("config-not-editable", "another part of it refers to what would be replaced", {
      cause,
    });
  }
  throw notEditable("it has a character that YAML 1.1 takes for a line break and YAML 1.2 does not");
}

function printJson(source: string, [first]: readonly Document[]): string {
  const indent = /^\s*\{\r?\n(?<indent>[ \t]+)/.exec(source)?.groups?.["indent"];
  return JSON.stringify(first?.toJS(), null, indent) + (source.endsWith("\n") ? "\n" : "");
}

function printYaml(source: string, documents: readonly Document[]): string {
  const indentSeq = !/^- /m.test(source);
  const flowCollectionPadding = /[[{] /.test(source);
  const style = { lineWidth: 0, indentSeq, flowCollectionPadding };
  return documents.map((document) => document.toString(style)).join("");
}

function isPlain(value: string): boolean {
  const parsed = /^[\w./-]+$/.test(value) ? parseText(value) : { problem: "" };
  return "tree" in parsed && parsed.tree.type === "string";
}

function notEditable(message: string): KubeletConfigError {
  return new KubeletConfigError("config-not-editable", message);
}
