/**
 * Turns a response into its shape, without its content: the only way from a recorded request into a transcript.
 *
 * Works by allow-lists, not by removal: kinds, lifetimes, and the names, values and words of shown-words.ts and
 * shown-values.ts. A token, key, OCID or chosen name never gets in.
 */
import { X509Certificate } from "node:crypto";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";
import {
  certificateAttribute,
  challengeScheme,
  fieldValue,
  headerValue,
  isSmall,
  ocidKind,
  pemKind,
  realmPath,
} from "./shown-values.ts";
import { CHALLENGE_PARAMETERS, HEADER_NAMES, isFieldName, sentence, VOCABULARY } from "./shown-words.ts";

export type Shape = string | readonly Shape[] | { readonly [name: string]: Shape };

const OTHER = "[other]";
const WITHHELD = "[withheld]";
const JWT = /^[\w-]+=*\.[\w-]+=*\.[\w-]+=*$/;
const MAX_DEPTH = 6;
const MAX_PEM_BLOCKS = 10;

export function shapeOfHeaders(headers: UpstreamResponse["headers"]): { readonly [name: string]: Shape } {
  const shown = Object.entries(headers).map(([name, value = ""]): [string, Shape] =>
    HEADER_NAMES.has(name) ? [name, shapeOfHeader(name, value)] : [OTHER, WITHHELD],
  );
  return Object.fromEntries(shown.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function shapeOfHeader(name: string, value: string): Shape {
  return name === "www-authenticate" ? shapeOfChallenge(value) : headerValue(name, value);
}

/** `Bearer realm="https://<host>/20180419/docker/token",service=…`: the parameters, and the realm's path. */
function shapeOfChallenge(value: string): Shape {
  const [scheme = ""] = value.split(" ", 1);
  const parameters = [...value.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", text = ""]): [string, Shape] =>
    CHALLENGE_PARAMETERS.has(name) ? [name, shapeOfParameter(name, text)] : [OTHER, WITHHELD],
  );
  return { scheme: challengeScheme(scheme), ...Object.fromEntries(parameters) };
}

function shapeOfParameter(name: string, text: string): Shape {
  if (name === "realm") return realmPath(URL.parse(text)?.pathname ?? "");
  return text === "" ? "empty" : "string";
}

export function shapeOfBody({ body, headers }: Pick<UpstreamResponse, "body" | "headers">): Shape {
  const text = body.toString();
  if (text === "") return "empty";
  if (text.includes("-----BEGIN")) return shapeOfPem(text);
  if (/^\s*<(?:!doctype|html)/i.test(text)) return "html";
  const parsed = parseJson(text);
  if (parsed !== undefined && typeof parsed === "object") return shapeOf(parsed, "", 0);
  const type = headers["content-type"]?.split(";", 1)[0];
  return `text of ${type === undefined ? "no type" : headerValue("content-type", type)}`;
}

function shapeOf(value: unknown, name: string, depth: number): Shape {
  if (depth > MAX_DEPTH) return "deeper";
  if (Array.isArray(value)) return value.slice(0, 1).map((item) => shapeOf(item, name, depth + 1));
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, inner]): [string, Shape] => [
      isFieldName(key) ? key : WITHHELD,
      shapeOf(inner, key, depth + 1),
    ]);
    return Object.fromEntries(fields);
  }
  if (typeof value === "string") return shapeOfString(value, name);
  if (typeof value === "number") return fieldValue(name, value) ?? "number";
  return value === null ? "null" : typeof value;
}

function shapeOfString(text: string, name: string): Shape {
  if (text === "") return "empty";
  const ocid = ocidKind(text);
  if (ocid !== undefined) return ocid;
  if (JWT.test(text) && text.length > 60) return shapeOfJwt(text);
  if (name === "message") return `string: ${sentence(text)}`;
  // Shows whether a token is anonymous; words of our vocabulary identify nobody.
  if (name === "sub" && VOCABULARY.has(text.toLowerCase())) return `string ${text}`;
  return fieldValue(name, text) ?? "string";
}

function shapeOfJwt(token: string): Shape {
  const { header, claims } = parseJwt(token);
  const { iat, exp } = (claims ?? {}) as { iat?: unknown; exp?: unknown };
  const life = typeof iat === "number" && typeof exp === "number" ? exp - iat : Number.NaN;
  return {
    jwt: {
      header: shapeOf(header, "", 1),
      claims: shapeOf(claims, "", 1),
      ...(isSmall(life) ? { lifeSeconds: `number ${life}` } : {}),
    },
  };
}

function shapeOfPem(text: string): Shape {
  const kinds = [...text.matchAll(/-----BEGIN ([A-Z ]{1,30})-----[^-]+-----END/g)].map(([, kind = ""]) => kind);
  const blocks = kinds.slice(0, MAX_PEM_BLOCKS).map(pemKind);
  const certificate = kinds[0] === "CERTIFICATE" ? resultIfAny(() => new X509Certificate(text)) : undefined;
  if (certificate === undefined) return { pem: blocks };
  const { publicKey, validFromDate, validToDate, subject, issuer } = certificate;
  return {
    pem: blocks,
    lifeHours: `number ${Math.round((validToDate.getTime() - validFromDate.getTime()) / 3_600_000)}`,
    key: `${publicKey.asymmetricKeyType} ${publicKey.asymmetricKeyDetails?.modulusLength ?? ""}`.trim(),
    subject: subject.split("\n").map(certificateAttribute),
    issuer: issuer.split("\n").map(certificateAttribute),
  };
}
