/**
 * RSA 4096, which the issuer of Oracle's instance certificates has, without the two seconds that generating such a key takes: its
 * primes are published (RFC 2409, 1 024 bits, and RFC 3526, 3 072 bits), so it protects nothing.
 */
import { createPrivateKey, createPublicKey, getDiffieHellman, type webcrypto } from "node:crypto";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

export function publishedRsaKeys(): webcrypto.CryptoKeyPair {
  const [p, q] = ["modp15", "modp2"].map((group) => BigInt(`0x${getDiffieHellman(group).getPrime("hex")}`)) as [
    bigint,
    bigint,
  ];
  const e = 65_537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const jwk = {
    kty: "RSA",
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64urlOf(value)])),
  };
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  return {
    privateKey: privateKey.toCryptoKey(RSA, true, ["sign"]),
    publicKey: createPublicKey(privateKey).toCryptoKey(RSA, true, ["verify"]),
  };
}

/** The number whose product with `value` is 1, modulo `modulus`, by Euclid's extended algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [remainder, next, factor, nextFactor] = [modulus, value % modulus, 0n, 1n];
  while (next > 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return factor < 0n ? factor + modulus : factor;
}

function base64urlOf(number: bigint): string {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex").toString("base64url");
}
