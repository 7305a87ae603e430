/**
 * Turns a response into its shape: names of fields, kinds of values, lives, and the few texts that are the same in all tenancies.
 * A token, a key, an OCID or a chosen name never gets in; `withoutNames` of live-run.ts removes names from messages.
 */
import { X509Certificate } from "node:crypto";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";

export type Shape = string | number | boolean | readonly Shape[] | { readonly [name: string]: Shape };

/** Of the connection, or different in each response. */
const IGNORED_HEADERS = "connection content-length date keep-alive transfer-encoding".split(" ");
/** The values of these are the same in all tenancies, but for messages. */
const SHOWN_HEADERS = "allow cache-control content-type docker-distribution-api-version retry-after vary".split(" ");
const SHOWN_FIELDS = "alg code expires_in iss message ptype realmDomainComponent realmKey ttype typ".split(" ");
const FORMS: readonly [form: string, pattern: RegExp][] = [
  ["empty", /^$/],
  ["OCID", /^ocid\d*\./i],
  ["three capitals", /^[A-Z]{3}$/],
  ["three small letters", /^[a-z]{3}$/],
  ["region id", /^[a-z]{2,}(?:-[a-z0-9]+)+-\d+$/],
  ["three parts of 32 hexadecimal digits", /^[\dA-F]{32}(?:\/[\dA-F]{32}){2}$/i],
  ["anonymous", /^anonymous$/],
];
const JWT = /^[\w-]{20,}\.[\w-]{20,}\.[\w-]+$/;
const MAX_DEPTH = 6;
/** The purpose clientAuth. */
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export function shapeOf({ status, headers, body }: UpstreamResponse): Shape {
  return { status, headers: shapeOfHeaders(headers), body: shapeOfBody(body.toString()) };
}

function shapeOfHeaders(headers: UpstreamResponse["headers"]): Shape {
  const shown = Object.entries(headers).flatMap(([name, value = ""]): [string, Shape][] => {
    if (IGNORED_HEADERS.includes(name)) return [];
    if (name === "www-authenticate") return [[name, shapeOfChallenge(value)]];
    return [[name, SHOWN_HEADERS.includes(name) ? value : formOf(value)]];
  });
  return Object.fromEntries(shown);
}

/** `Bearer realm="https://<host>/20180419/docker/token",service=…`: the parameters, and the realm's path. */
function shapeOfChallenge(value: string): Shape {
  const parameters = [...value.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", text = ""]) => [
    name,
    name === "realm" ? (URL.parse(text)?.pathname ?? "no URL") : formOf(text),
  ]);
  return { scheme: /^\w+/.exec(value)?.[0] ?? "", ...Object.fromEntries(parameters) };
}

function shapeOfBody(text: string): Shape {
  if (text.includes("-----BEGIN CERTIFICATE")) return shapeOfCertificate(new X509Certificate(text));
  if (text.includes("-----BEGIN")) return "PEM";
  if (/^\s*<(?:!doctype|html)/i.test(text)) return "HTML";
  const parsed = parseJson(text);
  return typeof parsed === "object" && parsed !== null ? shapeOfValue(parsed, "", 0) : formOf(text);
}

function shapeOfValue(value: unknown, name: string, depth: number): Shape {
  if (depth > MAX_DEPTH) return "deeper";
  if (Array.isArray(value)) return value.slice(0, 1).map((item) => shapeOfValue(item, name, depth + 1));
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, inner]) => [
      /^[\w-]{1,40}$/.test(key) ? key : "another name",
      shapeOfValue(inner, key, depth + 1),
    ]);
    return Object.fromEntries(fields);
  }
  if (typeof value === "string" && JWT.test(value)) return shapeOfJwt(value, depth);
  // Version 1 lists OCIDs of dynamic groups, version 3 short ids.
  if (name === "opc-tag") return /^V\d/.exec(String(value))?.[0] ?? formOf(String(value));
  if (SHOWN_FIELDS.includes(name) && (typeof value === "string" || typeof value === "number"))
    return typeof value === "string" ? value.replaceAll(/ocid\d*\.[\w.-]+/gi, "OCID") : value;
  return typeof value === "string" ? formOf(value) : typeof value;
}

/** A session's token in a key id begins with `ST$`, which is not part of it. */
function shapeOfJwt(token: string, depth = 0): Shape {
  const { header, claims } = parseJwt(token);
  const { iat, exp } = (claims ?? {}) as { iat?: unknown; exp?: unknown };
  const life = typeof iat === "number" && typeof exp === "number" ? { lifeSeconds: exp - iat } : {};
  return { header: shapeOfValue(header, "", depth + 1), claims: shapeOfValue(claims, "", depth + 1), ...life };
}

function formOf(text: string): string {
  return FORMS.find(([, pattern]) => pattern.test(text))?.[0] ?? "text";
}

function shapeOfCertificate(certificate: X509Certificate): Shape {
  const { validFromDate, validToDate, subject, issuer, publicKey, keyUsage } = certificate;
  return {
    lifeMinutes: Math.round((validToDate.getTime() - validFromDate.getTime()) / 60_000),
    key: `${publicKey.asymmetricKeyType} ${publicKey.asymmetricKeyDetails?.modulusLength ?? ""}`.trim(),
    subject: attributesOf(subject),
    issuer: attributesOf(issuer),
    isForClients: keyUsage?.includes(CLIENT_AUTH) ?? false,
  };
}

/** `OU=opc-tenant:ocid1… + CN=…`, one line for each part: the attributes, and the kinds of Oracle's values. */
function attributesOf(name: string): string[] {
  return name
    .split("\n")
    .map((line) =>
      line.replace(/(\w+)=(opc-\w+(?=:))?[^+]*?(?= \+ |$)/g, (_all, attribute, kind) =>
        kind === undefined ? attribute : `${attribute}=${kind}`,
      ),
    );
}
