/** Which texts the kubelet reads as JSON. */

/** The kubelet takes the JSON way when the first character that is no white space is `{`. */
export function isJson(text: string): boolean {
  return /^[[\s\u0085]--\uFEFF]*\{/v.test(text);
}

export function isValidJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
