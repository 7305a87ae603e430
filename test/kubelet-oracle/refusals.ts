/** Every refusal of ours that the kubelet does not share: message and reason. */

const REASONS: readonly (readonly [message: RegExp, reason: string])[] = [
  [/^not-understood/, "outside the subset of YAML that is read"],
  [
    /^field-type-invalid: .*number, not a string/,
    "a number too large for a float64 is a text in the kubelet's YAML reader",
  ],
];

/** Undefined if no reason is known, which is a bug in our rules. */
export function reasonToRefuse(refusal: string): string | undefined {
  return REASONS.find(([message]) => message.test(refusal))?.[1];
}
