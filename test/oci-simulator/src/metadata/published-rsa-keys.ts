/**
 * RSA 4096, which the issuer of Oracle's instance certificates has, without the two seconds that generating such a key takes: its
 * primes are published (RFC 2409, 1 024 bits, and RFC 3526, 3 072 bits), so it protects nothing.
 */
import { createPrivateKey, createPublicKey, getDiffieHellman, type webcrypto } from "node:crypto";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

export function publishedRsaKeys(): webcrypto.CryptoKeyPair {
  const primeOf = (group: string) => BigInt(`0x${getDiffieHellman(group).getPrime("hex")}`);
  const p = primeOf("modp15");
  const q = primeOf("modp2");
  const e = 65_537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const members = Object.entries(numbers).map(([name, value]) => [name, base64urlOf(value)]);
  const privateKey = createPrivateKey({ key: { kty: "RSA", ...Object.fromEntries(members) }, format: "jwk" });
  return {
    privateKey: privateKey.toCryptoKey(RSA, true, ["sign"]),
    publicKey: createPublicKey(privateKey).toCryptoKey(RSA, true, ["verify"]),
  };
}

/** The number whose product with the smaller `value` is 1, modulo `modulus`, by Euclid's algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  return value === 1n ? 1n : (1n - modulus * inverse(modulus % value, value)) / value + modulus;
}

function base64urlOf(number: bigint): string {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url");
}
