import { generateKeyPairSync, verify } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import { expect, test } from "vitest";
import type { SigningSession } from "../identity-provider.ts";
import { signWithSession } from "./oci-sdk.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const session: SigningSession = { keyId: new Secret("ST$a.b.c"), privateKey };
const NOON_MS = Date.parse("2026-01-01T12:00:00Z");

test.each([
  ["GET", "https://icn.ocir.io/20180419/docker/token", "icn.ocir.io", "get /20180419/docker/token"],
  ["GET", "https://icn.ocir.io/token?a=1&b=%20x#part", "icn.ocir.io", "get /token?a=1&b=%20x"],
  ["HEAD", "http://127.0.0.1:18080/v2/", "127.0.0.1:18080", "head /v2/"],
] as const)("signWithSession covers x-date, request target and host of %s %s", async (method, url, host, target) => {
  const headers = await signWithSession(session, { method, url: new URL(url) }, NOON_MS);

  const date = "Thu, 01 Jan 2026 12:00:00 GMT";
  expect(headers).toMatchObject({ "x-date": date, date, host });
  const [, signature = ""] =
    /^Signature version="1",keyId="ST\$a\.b\.c",algorithm="rsa-sha256",headers="x-date \(request-target\) host",signature="([^"]+)"$/.exec(
      headers["authorization"] ?? "",
    ) ?? [];
  const signed = `x-date: ${date}\n(request-target): ${target}\nhost: ${host}`;
  expect(verify("sha256", Buffer.from(signed), publicKey, Buffer.from(signature, "base64"))).toBe(true);
});
