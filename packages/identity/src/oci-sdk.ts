/**
 * The one file that imports oci-common: it builds and signs requests, and knows regions. Nothing here does I/O.
 *
 * Why only this much of it is used, and why not its builder, its HTTP, its refresh: docs/decisions/0003. Loaded
 * through sdk-loader.ts only. The federation client comes first: the SDK's modules are a cycle, and other ways in fail.
 */
import type { KeyObject } from "node:crypto";
import federationClient from "oci-common/lib/auth/X509-federation-client.js";
import circuitBreaker from "oci-common/lib/circuit-breaker.js";
import type { HttpRequest } from "oci-common/lib/http-request.js";
import { Region } from "oci-common/lib/region.js";
import { DefaultRequestSigner, type RequestSigner } from "oci-common/lib/signer.js";
import type { LeafCertificate } from "./leaf-certificate.ts";
import type { RegionInfo } from "./region.ts";

type ClientParameters = ConstructorParameters<typeof federationClient.default>;
type X509CertificateSupplier = ClientParameters[2];
type SessionKeySupplier = ClientParameters[3];

export interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * `POST /v1/x509` as the TypeScript SDK sends it, signed with the leaf's key at `wallMs` (epoch).
 * The SDK's client is told that its request was answered, and its request is taken instead of sent: so it has
 * nothing to retry, to log or to time, and no circuit breaker of its own.
 */
export async function buildFederationRequest(
  authUrl: URL,
  leaf: LeafCertificate,
  sessionPublicKey: KeyObject,
  wallMs: number,
): Promise<SignedRequest> {
  const client = new federationClient.default(
    authUrl.href.replace(/\/+$/, ""),
    leaf.tenancyId,
    supplierOf(leaf.certificate.toString(), leaf.certificate.fingerprint, leaf.privateKey),
    keySupplierOf(sessionPublicKey),
    leaf.intermediates.map((intermediate) => supplierOf(intermediate.toString(), intermediate.fingerprint)),
    "DEFAULT",
    new circuitBreaker.default({ disableClientCircuitBreaker: true }),
  );
  const signer = client.httpClient["signer"];
  const { promise: signed, resolve } = Promise.withResolvers<SignedRequest>();
  client.httpClient.send = async (request: HttpRequest) => {
    resolve(sign(signer, request, wallMs));
    return Response.json({ token: "" });
  };
  const [request] = await Promise.all([signed, client.getSecurityToken()]);
  return request;
}

/** The headers of a signed GET or HEAD: `x-date (request-target) host`, as the TypeScript SDK signs them. */
export async function signWithSession(
  token: string,
  privateKey: KeyObject,
  request: { readonly method: "GET" | "HEAD"; readonly url: URL },
  wallMs: number,
): Promise<Record<string, string>> {
  const privateKeyPem = pemOf(privateKey);
  const signer = new DefaultRequestSigner({
    getKeyId: async () => `ST$${token}`,
    getPrivateKey: () => privateKeyPem,
    getPassphrase: () => null,
  });
  const { headers } = await sign(
    signer,
    { method: request.method, uri: request.url.href, headers: new Headers() },
    wallMs,
  );
  return headers;
}

/** Takes a region's id or its key, in lower case. Asks no file, no environment and no metadata service. */
export function findRegionByName(name: string): RegionInfo | undefined {
  for (const region of Object.values(Region)) {
    if (!(region instanceof Region) || (region.regionId !== name && region.regionCode !== name)) continue;
    const { realmId: realmKey, secondLevelDomain: realmDomain } = region.realm;
    return { id: region.regionId, key: region.regionCode ?? region.regionId, realmKey, realmDomain };
  }
  return undefined;
}

async function sign(signer: RequestSigner, request: HttpRequest, wallMs: number): Promise<SignedRequest> {
  // Both dates are set beforehand, or the SDK would take them from the system's clock.
  const date = new Date(wallMs).toUTCString();
  request.headers.set("date", date);
  request.headers.set("x-date", date);
  await signer.signHttpRequest(request);
  return { headers: Object.fromEntries(request.headers), body: String(request.body ?? "") };
}

/** As much of sshpk's certificate and key as the federation client asks for; its own would be parsed by sshpk. */
function supplierOf(certificatePem: string, sha1Fingerprint: string, privateKey?: KeyObject): X509CertificateSupplier {
  const pair = {
    getCertificate: () => ({
      toString: () => certificatePem,
      fingerprint: () => ({ toString: () => sha1Fingerprint.toLowerCase() }),
    }),
    getPrivateKey: () => privateKey && { toBuffer: () => pemOf(privateKey) },
  };
  return { getCertificateAndKeyPair: () => pair } as unknown as X509CertificateSupplier;
}

function keySupplierOf(publicKey: KeyObject): SessionKeySupplier {
  const pair = { getPublic: () => publicKey.export({ type: "spki", format: "pem" }) };
  return { getKeyPair: () => pair, refreshKeys: () => undefined } as unknown as SessionKeySupplier;
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
