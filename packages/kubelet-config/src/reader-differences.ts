/** Detects text that the YAML library accepts but the kubelet's reader refuses or reads differently; all of it is refused. */
import { isCollection, isMap, isScalar, type ParsedNode } from "yaml";
import { isJson } from "./json-text.ts";

type Node = ParsedNode | null;

/** Tags that change nothing, and tags of a text; an unknown tag counts as one. The kubelet refuses most others. */
export function isKnownTag(node: NonNullable<Node>): boolean {
  if (node.tag === undefined) return true;
  if (isScalar(node)) return /^(?:![\w-]+|tag:yaml\.org,2002:str)$/.test(node.tag);
  return node.tag === `tag:yaml.org,2002:${isMap(node) ? "map" : "seq"}`;
}

/** `a:b` and `a:,` in flow style: the kubelet's reader treats the colon as part of the text. */
export function isRunTogether(key: Node, text: string): boolean {
  return isScalar(key) && key.type === "PLAIN" && /^:[^\s]/.test(text.slice(key.range[1], key.range[1] + 2));
}

/** Whether a space separates a value from an anchor or tag, which the kubelet's reader would otherwise extend. */
export function isSetOff({ anchor, tag, range }: NonNullable<Node>, text: string): boolean {
  const before = String(text[range[0] - 1]);
  if (anchor !== undefined && !/^[\w-]+$/.test(anchor)) return false;
  return (anchor === undefined && tag === undefined) || range[0] === range[1] || /\s/.test(before);
}

/** Inside brackets the kubelet's reader treats any question mark as a key indicator. */
export function isFlowTextWithKey(node: NonNullable<Node>, within: readonly Node[], text: string): boolean {
  if (!isScalar(node) || node.type !== "PLAIN" || !text.slice(node.range[0], node.range[1]).includes("?")) return false;
  return within.some((around) => isCollection(around) && around.flow === true);
}

/** The readers disagree about the number of line breaks at the end of such a block scalar. */
export function endsInBlanks(node: NonNullable<Node>, text: string): boolean {
  return isScalar(node) && String(node.type).startsWith("BLOCK") && node.range[1] === text.length && /\n +$/.test(text);
}

export function hasBadEscape(node: NonNullable<Node>, text: string): boolean {
  if (!isScalar(node) || node.type !== "QUOTE_DOUBLE" || isJson(text)) return false;
  return /\\u[Dd][89A-Fa-f]/.test(text.slice(node.range[0], node.range[1]).replaceAll("\\\\", ""));
}
