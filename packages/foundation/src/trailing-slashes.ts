/** The text without the slashes at its end. Of slashes alone, one remains. */
export function withoutTrailingSlashes(text: string): string {
  return /^\/?[^/]*(?:\/+[^/]+)*/.exec(text)?.[0] ?? text;
}
