/** Upstreams' responses: the first byte selects the reader of the other bytes. */
import { generateKeyPairSync } from "node:crypto";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { fetchBearerToken } from "@ocir-broker/ocir/token-endpoint";
import { readLeafCertificate } from "../../../packages/identity/src/instance-principal/leaf-certificate.ts";
import type { MetadataService } from "../../../packages/identity/src/instance-principal/metadata-service.ts";
import { fetchRegion } from "../../../packages/identity/src/instance-principal/region.ts";
import { sessionOf } from "../../../packages/identity/src/instance-principal/session-token.ts";

const NOW_MS = 1_767_225_600_000;
const clock = { monotonicMs: () => 0, wallMs: () => NOW_MS, setTimer: () => ({ cancel: () => undefined }) };
const forever = new AbortController().signal;
const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

export async function fuzz(data: Buffer): Promise<void> {
  const body = data.subarray(1);
  try {
    switch ((data[0] ?? 0) % 6) {
      case 0:
        return await readToken(body);
      case 1:
        return await readToken(tokenResponse(body));
      case 2:
        return readSession(body);
      case 3:
        return readSession(jwtOf(body));
      case 4:
        return void checkRegion(await fetchRegion(metadataOf([body.toString("utf8")]), forever));
      default:
        return void (await readLeafCertificate(metadataOf(body.toString("utf8").split("\0")), clock, forever));
    }
  } catch (error) {
    if (!(error instanceof OcirError) && !(error instanceof IdentityError)) throw error;
  }
}

function tokenResponse(claims: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ token: String(jwtOf(claims)), expires_in: 3_600 }));
}

function jwtOf(claims: Buffer): Buffer {
  return Buffer.from(`e30.${claims.toString("base64url")}.c2ln`);
}

function responseOf(body: Buffer): UpstreamResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body, sentAtMs: 0, serverDateMs: NOW_MS };
}

async function readToken(body: Buffer): Promise<void> {
  const ways = {
    send: async () => responseOf(body),
    sign: async () => ({}),
    clock,
    endpoint: new URL("https://iad.ocir.io"),
  };
  const { value, expiresAtMs } = await fetchBearerToken("iad.ocir.io", ways, forever);
  checkSecret(value);
  if (!(expiresAtMs > 0) || expiresAtMs === Number.POSITIVE_INFINITY) throw new TypeError("a life without an end");
}

function readSession(body: Buffer): void {
  const session = sessionOf(`ST$${body}`, responseOf(body), keys, clock);
  if (session !== undefined && !(session.expiresAtMs > 0)) throw new TypeError("a session that has ended");
}

/** Used unchanged in a header and in JSON. */
function checkSecret(secret: Secret): void {
  if (!/^[\w.=-]+$/.test(secret.reveal())) throw new TypeError("a token with letters of no token");
}

/** Used in host names. */
function checkRegion({ id, key, realmDomain }: { id: string; key: string; realmDomain: string }): void {
  const host = `auth.${id}.${realmDomain}`;
  if (new URL(`https://${host}`).host !== host || !/^[a-z0-9-]+$/.test(key)) throw new TypeError("a region of no host");
}

/** Returns the texts in turn, then always the last one. */
function metadataOf(texts: readonly string[]): MetadataService {
  return {
    read: async (paths: readonly string[]) =>
      paths.map((_path, index) => ({
        text: texts[Math.min(index, texts.length - 1)],
        host: "test",
        serverDateMs: NOW_MS,
      })),
  } as unknown as MetadataService;
}
