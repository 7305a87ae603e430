/** Every refusal of ours that the kubelet does not share: message and reason. */

const REASONS: readonly (readonly [message: RegExp, reason: string])[] = [
  [
    /a character that YAML does not allow/,
    "U+2028 and U+2029 are line breaks in YAML 1.1 only; U+FEFF inside a text is invisible",
  ],
  [/a line begins with a tab/, "which tabs are allowed there depends on the place; in block scalars they may be"],
  [/a tag that is not read here/, "tags but those of texts change a value's type, and most stop a kubelet"],
  [/no space behind|a question mark/, "YAML readers disagree about what belongs together"],
  [/the last line holds only spaces/, "YAML readers disagree about the line breaks of a block scalar there"],
  [/a field name is not a text/, "the kubelet turns numbers and booleans into names that no field has"],
  [/reads %YAML 1.1 only/, "the kubelet does not look at directives behind the first document"],
  [
    /it is not valid YAML/,
    "the kubelet's reader is laxer with lines inside quotes and flow style, and stops at the first document's end",
  ],
];

/** Undefined if no reason is known, which is a bug in our rules. */
export function reasonToRefuse(refusal: string): string | undefined {
  return REASONS.find(([message]) => message.test(refusal))?.[1];
}
