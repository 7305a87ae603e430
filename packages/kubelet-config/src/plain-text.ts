/** Types of unquoted text in the kubelet's YAML 1.1 reader: `yes` is a boolean there. */
import type { ScalarTree } from "./tree.ts";

const BOOLEAN = /^(?:[yn]|yes|no|true|false|on|off|Y|N|Yes|No|True|False|On|Off|YES|NO|TRUE|FALSE|ON|OFF)$/;
const NULL = /^(?:|~|null|Null|NULL)$/;
const OTHER_BASE = /^[-+]?(?:0x[0-9a-f]{1,16}|0b[01]{1,64}|0o[0-7]+)$/i;
const DECIMAL = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?$/i;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** Resolves unquoted text as the YAML library of Kubernetes does. Dates stay texts there; a number too large for it counts as one. */
export function typeOfPlain(text: string): ScalarTree["type"] {
  if (NULL.test(text)) return "null";
  if (BOOLEAN.test(text)) return "boolean";
  const digits = /^[-+.0-9]/.test(text) ? text.replaceAll("_", "") : "";
  return OTHER_BASE.test(digits) || DECIMAL.test(digits) || NOT_FINITE.test(text) ? "number" : "string";
}

/** Whether a text needs no quotes in any reader: a cautious guess, which adds needless quotes at worst. */
export function isPlainText(text: string): boolean {
  return /^(?:-{1,2}(?=[a-z0-9]))?[a-z0-9/][\w./-]*$/i.test(text) && typeOfPlain(text) === "string";
}
