/**
 * The values that a transcript may contain: a strict pattern for each header and field that only matches values common to
 * all tenancies. A tenancy's own value, such as its region, is replaced by a description of its form.
 */
import { knownRealmDomains } from "@ocir-broker/identity/realm-domains";
import { HEADER_NAMES, isErrorCode } from "./shown-words.ts";

/** Returns the value to show, or undefined to withhold it. */
type Show = (text: string) => string | undefined;

const WITHHELD = "[withheld]";

/** Longer values are withheld. */
const MAX_LENGTH = 120;

export function headerValue(name: string, text: string): string {
  return shown(HEADER_VALUES.get(name), text);
}

/** Undefined if this field's values are never shown. */
export function fieldValue(name: string, value: string | number): string | undefined {
  if (typeof value === "number") return NUMBERS.has(name) && isSmall(value) ? `number ${value}` : undefined;
  const show = FIELD_VALUES.get(name);
  return show === undefined ? undefined : `string ${shown(show, value)}`;
}

/** Small enough to be a lifetime in seconds or hours. */
export function isSmall(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 10_000_000;
}

/** The scheme of `Bearer realm="…"`. */
export function challengeScheme(text: string): string {
  return shown(oneOf("Basic", "Bearer", "Digest", "Negotiate", "Signature"), text);
}

/** The realm's path, which shows where tokens are issued. */
export function realmPath(text: string): string {
  return shown(matching(/^\/(?:[0-9]{8}\/)?(?:docker\/)?token$/), text);
}

export function pemKind(text: string): string {
  return shown(oneOf("CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY"), text);
}

/** `OU=opc-tenant:ocid1…` → `OU=opc-tenant`; for any other value only the attribute. */
export function certificateAttribute(line: string): string {
  const [attribute = "", value = ""] = line.split("=", 2);
  const known = shown(oneOf("C", "CN", "DC", "L", "O", "OU", "ST", "serialNumber", "UID"), attribute);
  const kind = /^opc-(?:certtype|compartment|identity|instance|region|service|tag|tenant)(?=:)/.exec(value)?.[0];
  return kind === undefined ? known : `${known}=${kind}`;
}

/** Undefined if the text is not an OCID. */
export function ocidKind(text: string): string | undefined {
  const kind = /^ocid[0-9]*\.([a-z0-9_-]*)\./i.exec(text)?.[1]?.toLowerCase();
  if (kind === undefined) return undefined;
  return OCID_KINDS.has(kind) ? `ocid of a ${kind}` : "ocid";
}

const OCID_KINDS: ReadonlySet<string> = new Set(
  "compartment containerimage containerrepo dynamicgroup group image instance tenancy user".split(" "),
);

const METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)";
const DIRECTIVE =
  "(?:no-cache|no-store|no-transform|must-revalidate|proxy-revalidate|private|public|max-age=[0-9]{1,8}|s-maxage=[0-9]{1,8})";
const DOCKER_MANIFEST = "vnd\\.docker\\.distribution\\.manifest(?:\\.list)?\\.v[12]\\+(?:json|prettyjws)";
const OCI_MANIFEST = "vnd\\.oci\\.image\\.(?:index|manifest)\\.v1\\+json";
const MEDIA_TYPE = `(?:text/(?:plain|html)|application/(?:json|octet-stream|problem\\+json|${DOCKER_MANIFEST}|${OCI_MANIFEST}))`;

const HEADER_VALUES: ReadonlyMap<string, Show> = new Map([
  ["allow", listOf(METHOD)],
  ["cache-control", listOf(DIRECTIVE)],
  ["connection", oneOf("close", "keep-alive", "Close", "Keep-Alive")],
  ["content-type", matching(new RegExp(`^${MEDIA_TYPE}(?:; ?charset=(?:utf-8|iso-8859-1|us-ascii))?$`, "i"))],
  ["docker-distribution-api-version", matching(/^registry\/[0-9]\.[0-9]$/)],
  ["retry-after", matching(/^[0-9]{1,6}$/)],
  ["transfer-encoding", listOf("(?:chunked|gzip|deflate)")],
  ["vary", (text) => (text.split(/, ?/).every((name) => VARIED.has(name.toLowerCase())) ? text : undefined)],
]);

const VARIED: ReadonlySet<string> = new Set([
  ...HEADER_NAMES,
  ..."* accept accept-encoding accept-language authorization cookie origin user-agent".split(" "),
]);

const REALM_DOMAINS: ReadonlySet<string> = new Set(knownRealmDomains());

const FIELD_VALUES: ReadonlyMap<string, Show> = new Map([
  ["alg", matching(/^(?:(?:RS|PS|ES|HS)(?:256|384|512)|none)$/)],
  ["code", (text) => (isErrorCode(text) ? text : undefined)],
  ["iss", oneOf("authService.oracle.com", "ocir", "oci")],
  ["ptype", oneOf("instance", "resource", "service", "user", "workload")],
  ["realmDomainComponent", (text) => (REALM_DOMAINS.has(text) ? text : undefined)],
  ["realmKey", matching(/^oc[0-9]{1,2}$/i)],
  ["regionIdentifier", (text) => (/^[a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+$/.test(text) ? "of a region's form" : undefined)],
  ["regionKey", regionKeyForm],
  ["ttype", oneOf("login", "obo", "res_sp", "saml", "x509")],
  ["typ", oneOf("JWT", "jwt", "at+jwt")],
]);

const NUMBERS: ReadonlySet<string> = new Set(["expires_in"]);

function regionKeyForm(text: string): string | undefined {
  if (/^[A-Z]{3}$/.test(text)) return "of three capitals";
  return /^[a-z]{3}$/.test(text) ? "of three small letters" : undefined;
}

function shown(show: Show | undefined, text: string): string {
  return (text.length <= MAX_LENGTH ? show?.(text) : undefined) ?? WITHHELD;
}

function matching(pattern: RegExp): Show {
  return (text) => (pattern.test(text) ? text : undefined);
}

function oneOf(...texts: string[]): Show {
  return (text) => (texts.includes(text) ? text : undefined);
}

function listOf(item: string): Show {
  return matching(new RegExp(`^${item}(?:, ?${item})*$`, "i"));
}
