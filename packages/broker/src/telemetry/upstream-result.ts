import type { UpstreamResult } from "./metrics.ts";

/** Converts a status to a label value: significant ones by number, others by their class. */
export function upstreamResult(status: number): UpstreamResult {
  switch (status) {
    case 401:
      return "401";
    case 403:
      return "403";
    case 404:
      return "404";
    case 429:
      return "429";
  }
  if (status >= 500) return "5xx";
  if (status >= 400) return "4xx";
  return status >= 300 ? "3xx" : "2xx";
}
