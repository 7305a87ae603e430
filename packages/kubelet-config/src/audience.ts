/** The audience of the kubelet's service-account tokens. */

/** Refuses what a shell reads otherwise, and a text that begins with `-`, which is an option whose value was forgotten. */
export function isAudience(text: string): boolean {
  return /^(?!-)[^\s"'`\\]+$/.test(text);
}
