/**
 * Whether two entries of matchImages may serve the same repository. A registry of Oracle has up to three names (`iad.ocir.io`,
 * `us-ashburn-1.ocir.io`, `ocir.us-ashburn-1.oci.oraclecloud.com`), and the author of a pod chooses one. So any two hosts of OCIR
 * count as one registry, and only paths tell its repositories apart. Unreadable entries match nothing.
 */
import { MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import { type ImageUrl, parseImageUrl } from "./image-url.ts";
import { mayMeet } from "./path-match.ts";

export function shareRepository(a: string, b: string): boolean {
  const urlA = parseImageUrl(a.toLowerCase());
  const urlB = parseImageUrl(b.toLowerCase());
  if (urlA === undefined || urlB === undefined || portOf(urlA) !== portOf(urlB)) return false;
  // Each path is a prefix of a repository.
  if (!urlA.path.startsWith(urlB.path) && !urlB.path.startsWith(urlA.path)) return false;
  const areBothOcir = [urlA, urlB].every(({ labels }) =>
    MATCH_IMAGES.some((form) => labelsMeet(labels, form.split("."))),
  );
  return areBothOcir || labelsMeet(urlA.labels, urlB.labels);
}

/** Whether some host may match both. */
export function labelsMeet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, at) => mayMeet(label, String(b[at])));
}

function portOf({ port }: ImageUrl): string {
  return port === "443" ? "" : port;
}
