/**
 * What an answer looks like, without what it says: the only way from an exchange into a transcript.
 *
 * Nothing is taken out; only what is on a list gets in: kinds, lengths of life, names of headers, fields and claims, a
 * few harmless values, and of sentences the words that are in a vocabulary of ours. Never a token, key or OCID.
 */
import { X509Certificate } from "node:crypto";
import { parseJson, type UpstreamResponse } from "@ocir-broker/foundation";

export type Shape = string | readonly Shape[] | { readonly [name: string]: Shape };

/** Headers whose values say how the service behaves, not for whom. */
const SHOWN_HEADERS: ReadonlySet<string> = new Set([
  "allow",
  "cache-control",
  "connection",
  "content-type",
  "docker-distribution-api-version",
  "retry-after",
  "transfer-encoding",
  "vary",
]);

/** Fields and claims whose values are the same for everybody, or name a region. */
const SHOWN_FIELDS: ReadonlySet<string> = new Set([
  "alg",
  "code",
  "expires_in",
  "iss",
  "ptype",
  "realmDomainComponent",
  "realmKey",
  "regionIdentifier",
  "regionKey",
  "ttype",
  "typ",
]);

/** Words of error messages. A name that a tenancy has chosen is shown only if it is one of these words. */
const VOCABULARY: ReadonlySet<string> = new Set(
  `a access again allowed an and anonymous any are artifact authenticate authenticated authentication authorization
  authorized bad be because been by can cannot client compartment complete contact could credentials denied does error
  errors exceeded exist failed fault for forbidden found from given group has have host id image in incorrect
  information instance internal invalid is it later limit manifest method metadata missing more must name namespace no
  not of on only operation or permission policy principal provided public pull read registry repo repos repository
  request requested requests required resource retry security server service signature tag tenancy tenant than that the
  this to token too try unable unauthorized understood unknown unsupported user userid users valid version was were with
  you your`.split(/\s+/),
);

const NAME = /^[A-Za-z][\w-]{0,40}$/;
const PLAIN_VALUE = /^[\w .,;:/=+*-]{1,80}$/;
const LONG_RUN = /[A-Za-z0-9+/_=-]{30,}/;
const OCID = /^ocid1\.([a-z0-9]+)\./;
const JWT = /^[\w-]+=*\.[\w-]+=*\.[\w-]+=*$/;
const MAX_DEPTH = 6;

export function shapeOfHeaders(headers: UpstreamResponse["headers"]): { readonly [name: string]: Shape } {
  const shown = Object.entries(headers)
    .filter(([name]) => NAME.test(name))
    .map(([name, value = ""]): [string, Shape] => [name, shapeOfHeader(name, value)]);
  return Object.fromEntries(shown.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function shapeOfHeader(name: string, value: string): Shape {
  if (name === "www-authenticate") return shapeOfChallenge(value);
  return SHOWN_HEADERS.has(name) ? plain(value) : "[withheld]";
}

/** `Bearer realm="https://<host>/20180419/docker/token",service=…`: the parameters, and the realm's path. */
function shapeOfChallenge(value: string): Shape {
  const [scheme = ""] = value.split(" ", 1);
  const parameters = [...value.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", text = ""]): [string, Shape] => [
    name,
    name === "realm" ? plain(URL.parse(text)?.pathname ?? "") : text === "" ? "empty" : "string",
  ]);
  return { scheme: plain(scheme), ...Object.fromEntries(parameters.filter(([name]) => NAME.test(name))) };
}

export function shapeOfBody({ body, headers }: Pick<UpstreamResponse, "body" | "headers">): Shape {
  const text = body.toString();
  if (text === "") return "empty";
  if (text.includes("-----BEGIN")) return shapeOfPem(text);
  if (/^\s*<(?:!doctype|html)/i.test(text)) return "html";
  const parsed = parseJson(text);
  if (parsed !== undefined && typeof parsed === "object") return shapeOf(parsed, "", 0);
  return `text of ${headers["content-type"]?.split(";", 1)[0]?.replace(/[^\w/+.-]/g, "") ?? "no type"}`;
}

function shapeOf(value: unknown, name: string, depth: number): Shape {
  if (depth > MAX_DEPTH) return "deeper";
  if (Array.isArray(value)) return value.slice(0, 1).map((item) => shapeOf(item, name, depth + 1));
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, inner]): [string, Shape] => [
      NAME.test(key) ? key : "[withheld]",
      shapeOf(inner, key, depth + 1),
    ]);
    return Object.fromEntries(fields);
  }
  if (typeof value === "string") return shapeOfString(value, name);
  return SHOWN_FIELDS.has(name) && typeof value === "number"
    ? `number ${value}`
    : value === null
      ? "null"
      : typeof value;
}

function shapeOfString(text: string, name: string): Shape {
  if (text === "") return "empty";
  const ocid = OCID.exec(text);
  if (ocid !== null) return `ocid of a ${plain(String(ocid[1]))}`;
  if (JWT.test(text) && text.length > 60) return shapeOfJwt(text);
  if (SHOWN_FIELDS.has(name)) return `string ${plain(text)}`;
  if (name === "message") return `string: ${sentence(text)}`;
  // Who a token is for says whether it is anybody's; a name of our vocabulary is nobody's.
  if (name === "sub" && VOCABULARY.has(text.toLowerCase())) return `string ${text}`;
  return "string";
}

function shapeOfJwt(token: string): Shape {
  const [header, claims] = token.split(".", 2).map((part) => parseJson(Buffer.from(part, "base64url").toString()));
  const { iat, exp } = (claims ?? {}) as { iat?: unknown; exp?: unknown };
  const life = typeof iat === "number" && typeof exp === "number" ? { lifeSeconds: `number ${exp - iat}` } : {};
  return { jwt: { header: shapeOf(header, "", 1), claims: shapeOf(claims, "", 1), ...life } };
}

function shapeOfPem(text: string): Shape {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z ]{1,30})-----[^-]+-----END/g)].map(([, kind = ""]) => kind);
  const certificate = blocks[0] === "CERTIFICATE" ? parseCertificate(text) : undefined;
  if (certificate === undefined) return { pem: blocks };
  const { publicKey, validFromDate, validToDate, subject, issuer } = certificate;
  return {
    pem: blocks,
    lifeHours: `number ${Math.round((validToDate.getTime() - validFromDate.getTime()) / 3_600_000)}`,
    key: `${publicKey.asymmetricKeyType} ${publicKey.asymmetricKeyDetails?.modulusLength ?? ""}`.trim(),
    subject: attributesOf(subject),
    issuer: attributesOf(issuer),
  };
}

/** `OU=opc-tenant:ocid1…` → `OU=opc-tenant`; of any other value only the attribute. */
function attributesOf(name: string): string[] {
  return name.split("\n").flatMap((line) => {
    const [, attribute, kind] = /^([A-Za-z.0-9]{1,20})=(opc-[a-z]{1,30}(?=:))?/.exec(line) ?? [];
    return attribute === undefined ? [] : [kind === undefined ? attribute : `${attribute}=${kind}`];
  });
}

function plain(text: string): string {
  return PLAIN_VALUE.test(text) && !LONG_RUN.test(text) && !text.includes("ocid1") ? text : "[withheld]";
}

function sentence(text: string): string {
  return text
    .split(/\s+/, 40)
    .map((word) => (VOCABULARY.has(word.replace(/[.,;:!?]+$/, "").toLowerCase()) ? word : "…"))
    .join(" ");
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
