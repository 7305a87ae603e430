/** JSON Web Tokens in their compact form. Does not interpret claims. */
import { createHmac, type KeyObject, sign, verify } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";

/** RFC 7518 §3.4: the two numbers concatenated, not in ASN.1. */
const ES256_ENCODING = "ieee-p1363";

export type Claims = Readonly<Record<string, unknown>>;

export type DecodedJwt = NonNullable<ReturnType<typeof decodeJwt>>;

/** With RS256, ES256 or HS256, by the kind of the key. */
export function signJwt(header: Claims, claims: Claims, key: KeyObject): string {
  const parts = [{ ...header, alg: algorithmOf(key) }, claims];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const bytes = Buffer.from(text);
  const signature =
    key.type === "secret" ? hmac(text, key) : sign("sha256", bytes, { key, dsaEncoding: ES256_ENCODING });
  return `${text}.${signature.toString("base64url")}`;
}

export function isSigned({ header, signedText, signature }: DecodedJwt, key: KeyObject): boolean {
  if (header["alg"] !== algorithmOf(key)) return false;
  if (key.type === "secret") return hmac(signedText, key).equals(signature);
  return verify("sha256", Buffer.from(signedText), { key, dsaEncoding: ES256_ENCODING }, signature);
}

/** Undefined unless the text is three parts of valid base64url, the first two JSON objects. */
export function decodeJwt(token: string) {
  const [head, body, signature, ...rest] = token.split(".").map(decodePart);
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined;
  const header = parseObject(head);
  const claims = parseObject(body);
  if (header === undefined || claims === undefined) return undefined;
  return { header, claims, signedText: token.slice(0, token.lastIndexOf(".")), signature };
}

function algorithmOf({ type, asymmetricKeyType }: KeyObject): string {
  if (type === "secret") return "HS256";
  return asymmetricKeyType === "rsa" ? "RS256" : "ES256";
}

function hmac(text: string, key: KeyObject): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function decodePart(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, "base64url");
  return bytes.toString("base64url") === part ? bytes : undefined;
}

function parseObject(bytes: Buffer): Claims | undefined {
  const value: unknown = resultIfAny(() => JSON.parse(bytes.toString()));
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
}
