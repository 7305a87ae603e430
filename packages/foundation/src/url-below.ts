import { withoutTrailingSlashes } from "./trailing-slashes.ts";

/** Appends a path to a base URL, whose own path is kept, with or without slashes at its end. */
export function urlBelow(base: URL, path: `/${string}`): URL {
  return new URL(withoutTrailingSlashes(base.href) + path);
}
