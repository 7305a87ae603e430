/**
 * Verifies Oracle's request signatures: draft-cavage-http-signatures-08 with Oracle's `version="1"`, RSASSA-PKCS1-v1_5 with
 * SHA-256 (docs.oracle.com: "Request Signatures").
 *
 * Decides whether a request was signed with a key; the services decide whose key that is.
 */
import { createHash, type KeyObject, verify } from "node:crypto";
import type { ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated } from "../http/refusal.ts";

/** Its `headers` are the covered ones, in the signed order, in lower case. */
export type RequestSignature = ReturnType<typeof parseRequestSignature>;

/** The largest difference that Oracle allows between a request's date and its own clock. */
const MAX_SKEW_MS = 300_000;

/** With the comma before the next one. */
const PARAMETER = /([a-zA-Z]+)="([^"]*)"(?:\s*,\s*(?=[a-zA-Z])|$)/y;
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const COVERED_BODY = ["content-length", "content-type", "x-content-sha256"];

/** @throws {Refusal} NotAuthenticated for a header that is not a version 1 signature. */
export function parseRequestSignature(authorization: string | undefined) {
  const scheme = "Signature ";
  if (!authorization?.startsWith(scheme)) throw notAuthenticated("no Signature in Authorization");
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = scheme.length;
  while (PARAMETER.lastIndex < authorization.length) {
    const [, name, value] = PARAMETER.exec(authorization) ?? [];
    if (name === undefined || value === undefined)
      throw notAuthenticated('Authorization is not a list of name="value"');
    if (parameters.has(name)) throw notAuthenticated(`${name} given twice`);
    parameters.set(name, value);
  }
  const { version, algorithm, keyId, headers, signature, ...unknown } = Object.fromEntries(parameters);
  if (version !== "1") throw notAuthenticated('version is not "1"');
  if (algorithm !== "rsa-sha256") throw notAuthenticated("algorithm is not rsa-sha256");
  if (!keyId || !headers || !signature) throw notAuthenticated("keyId, headers or signature missing");
  if (Object.keys(unknown).length > 0) throw notAuthenticated(`unknown parameter ${Object.keys(unknown)[0]}`);
  const bytes = Buffer.from(signature, "base64");
  if (bytes.toString("base64") !== signature) throw notAuthenticated("signature is not clean base64");
  return { keyId, headers: headers.split(" "), signature: bytes };
}

/**
 * Checks a signature completely: covered headers, date, the body's hash and length, and the key. Requests without a body must
 * cover `host`; in others, the SDKs for Go and Python omit it.
 * @throws {Refusal} NotAuthenticated
 */
export function verifyRequestSignature(
  request: ReceivedRequest,
  { headers, signature }: RequestSignature,
  publicKey: KeyObject,
  wallMs: number,
): void {
  const hasBody = request.method === "POST";
  for (const name of ["(request-target)", ...(hasBody ? COVERED_BODY : ["host"])]) {
    if (!headers.includes(name)) throw notAuthenticated(`${name} is not covered`);
  }
  if (new Set(headers).size < headers.length) throw notAuthenticated("a header is covered twice");
  checkDates(request, headers, wallMs);
  const text = headers.map((name) => `${name}: ${coveredValue(request, name)}`).join("\n");
  if (hasBody) checkBody(request);
  if (!verify("sha256", Buffer.from(text), publicKey, signature)) {
    // oracle/terraform-provider-oci#1977
    throw notAuthenticated("signature does not match", "Failed to verify the HTTP(S) Signature");
  }
}

function coveredValue(request: ReceivedRequest, name: string): string {
  if (name === "(request-target)") return `${request.method.toLowerCase()} ${request.target}`;
  const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
  if (value === undefined) throw notAuthenticated(`covered header ${name} is not there`);
  return value;
}

function checkDates(request: ReceivedRequest, headers: readonly string[], wallMs: number): void {
  const dates = headers.filter((name) => name === "date" || name === "x-date");
  if (dates.length === 0) throw notAuthenticated("neither date nor x-date is covered");
  for (const name of dates) {
    const value = coveredValue(request, name);
    const dateMs = Date.parse(value);
    if (!HTTP_DATE.test(value) || Number.isNaN(dateMs)) throw notAuthenticated(`${name} is not an HTTP date`);
    if (Math.abs(dateMs - wallMs) > MAX_SKEW_MS) throw notAuthenticated(`${name} is too far off`);
  }
}

function checkBody(request: ReceivedRequest): void {
  if (request.headers["content-length"] !== String(request.body.length))
    throw notAuthenticated("content-length is not the body's");
  const hash = createHash("sha256").update(request.body).digest("base64");
  if (request.headers["x-content-sha256"] !== hash) throw notAuthenticated("x-content-sha256 is not the body's");
}
