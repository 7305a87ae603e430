/** Recognises the texts that the kubelet reads as JSON. */

/** The kubelet reads a text as JSON if the first character that is not white space is `{`. */
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
