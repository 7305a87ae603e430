/**
 * Decides whether two entries of matchImages can serve the same image or the same registry. A registry of Oracle has up to three
 * names (`iad.ocir.io`, `us-ashburn-1.ocir.io`, `ocir.us-ashburn-1.oci.oraclecloud.com`), and the author of a pod chooses one.
 */
import { type ImageUrl, parseImageUrl } from "./image-url.ts";
import { patternsMeet } from "./path-match.ts";
import { REGION_KEYS } from "./region-keys.ts";

const ANY_KEY = "[a-z][a-z][a-z]";
const ANY_ID = "[a-z][a-z]*-*[0-9]";
const KNOWN_KEYS: ReadonlySet<string> = new Set(REGION_KEYS.values());

/** Whether one image name matches both entries, so that the kubelet calls both. */
export function shareImage(a: string, b: string): boolean {
  return share(a, b, (urlA, urlB) => urlA.port === urlB.port && labelsMeet(urlA.labels, urlB.labels));
}

/**
 * Whether some repository matches both entries, possibly under two names of its registry. In a region that is not known here, any
 * key and any id count as names of one registry. Case and port 443 do not distinguish registries.
 */
export function shareRepository(a: string, b: string): boolean {
  return share(a, b, (urlA, urlB) => {
    const [labelsA, labelsB] = [lowerCase(urlA.labels), lowerCase(urlB.labels)];
    return portOf(urlA) === portOf(urlB) && (labelsMeet(labelsA, labelsB) || namesMeet(labelsA, labelsB));
  });
}

/** Unreadable entries match nothing. Both paths are prefixes of a repository. */
function share(a: string, b: string, hostsMeet: (urlA: ImageUrl, urlB: ImageUrl) => boolean): boolean {
  const [urlA, urlB] = [parseImageUrl(a), parseImageUrl(b)];
  if (urlA === undefined || urlB === undefined) return false;
  return (urlA.path.startsWith(urlB.path) || urlB.path.startsWith(urlA.path)) && hostsMeet(urlA, urlB);
}

function lowerCase(labels: readonly string[]): readonly string[] {
  return labels.map((label) => label.toLowerCase());
}

function portOf({ port }: ImageUrl): string {
  return port === "443" ? "" : port;
}

function labelsMeet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, at) => patternsMeet(label, String(b[at])));
}

/** Whether two labels in different places, or a key and an id, name one region. */
function namesMeet(labelsA: readonly string[], labelsB: readonly string[]): boolean {
  const [a, b] = [regionLabelOf(labelsA), regionLabelOf(labelsB)];
  if (a === undefined || b === undefined || (a.isLong && b.isLong)) return false;
  if (a.isLong !== b.isLong && patternsMeet(a.label, b.label)) return true;
  return (!a.isLong && isKeyOfId(a.label, b.label)) || (!b.isLong && isKeyOfId(b.label, a.label));
}

/** The label with the region in a name of Oracle's registries; the long form has only ids. */
function regionLabelOf(labels: readonly string[]) {
  const [first = "", second = "", third = ""] = labels;
  if (labels.length === 3 && labelsMeet([second, third], ["ocir", "io"])) return { label: first, isLong: false };
  const isLong = labels.length > 3 && labelsMeet([first, third], ["ocir", "oci"]);
  return isLong ? { label: second, isLong } : undefined;
}

function isKeyOfId(key: string, id: string): boolean {
  const isKnown = [...REGION_KEYS].some((known) => patternsMeet(id, known[0]) && patternsMeet(key, known[1]));
  return isKnown || (canBeUnknown(key, ANY_KEY, KNOWN_KEYS) && canBeUnknown(id, ANY_ID, REGION_KEYS));
}

function canBeUnknown(label: string, form: string, known: { has(name: string): boolean }): boolean {
  return patternsMeet(label, form) && !known.has(label);
}
