/** JSON Web Tokens in their compact form. Does not interpret claims. */
import { createHmac, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";

/** RFC 7518 §3.4: the two numbers concatenated, not in ASN.1. */
const ES256_ENCODING = "ieee-p1363";

export type Claims = Readonly<Record<string, unknown>>;

export interface DecodedJwt {
  readonly header: Claims;
  readonly claims: Claims;
  readonly signedText: string;
  readonly signature: Buffer;
}

export async function signRs256(header: Claims, claims: Claims, privateKey: KeyObject): Promise<string> {
  const text = encodeText({ ...header, alg: "RS256" }, claims);
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign("sha256", Buffer.from(text), privateKey, (error, made) => (error === null ? resolve(made) : reject(error)));
  });
  return `${text}.${signature.toString("base64url")}`;
}

export function isRs256(jwt: DecodedJwt, publicKey: KeyObject): boolean {
  return verify("sha256", Buffer.from(jwt.signedText), publicKey, jwt.signature);
}

export function signEs256(header: Claims, claims: Claims, privateKey: KeyObject): string {
  const text = encodeText({ ...header, alg: "ES256" }, claims);
  const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: ES256_ENCODING });
  return `${text}.${signature.toString("base64url")}`;
}

export function isEs256(jwt: DecodedJwt, publicKey: KeyObject): boolean {
  if (jwt.header["alg"] !== "ES256") return false;
  return verify("sha256", Buffer.from(jwt.signedText), { key: publicKey, dsaEncoding: ES256_ENCODING }, jwt.signature);
}

/** With the header of OCIR's tokens. */
export function signHs256(claims: Claims, secret: Buffer): string {
  const text = encodeText({ typ: "JWT", alg: "HS256" }, claims);
  return `${text}.${hmac(text, secret).toString("base64url")}`;
}

export function isHs256(jwt: DecodedJwt, secret: Buffer): boolean {
  const expected = hmac(jwt.signedText, secret);
  return jwt.signature.length === expected.length && timingSafeEqual(jwt.signature, expected);
}

/** Undefined unless the text is three parts of valid base64url, the first two JSON objects. */
export function decodeJwt(token: string): DecodedJwt | undefined {
  const [header, claims, signature, ...rest] = token.split(".").map(decodePart);
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  const headerObject = parseObject(header);
  const claimsObject = parseObject(claims);
  if (headerObject === undefined || claimsObject === undefined) return undefined;
  const signedText = token.slice(0, token.lastIndexOf("."));
  return { header: headerObject, claims: claimsObject, signedText, signature };
}

function encodeText(header: Claims, claims: Claims): string {
  const part = (value: Claims) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}`;
}

function hmac(text: string, secret: Buffer): Buffer {
  return createHmac("sha256", secret).update(text).digest();
}

function decodePart(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, "base64url");
  return bytes.toString("base64url") === part ? bytes : undefined;
}

function parseObject(bytes: Buffer): Claims | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
