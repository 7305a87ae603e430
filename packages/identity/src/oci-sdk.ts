/**
 * The one file that imports oci-common: it builds and signs requests, and knows regions. Nothing here does I/O.
 * Why only this much of it is used: docs/decisions/0003. It is loaded through sdk-loader.ts only.
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import {
  DefaultRequestSigner,
  type FetchHttpClient,
  type HttpRequest,
  InstancePrincipalsAuthenticationDetailsProviderBuilder,
  Region,
  type RequestSigner,
} from "oci-common";
import type { LeafCertificate } from "./leaf-certificate.ts";
import type { RegionInfo } from "./region.ts";

type Builder = InstancePrincipalsAuthenticationDetailsProviderBuilder;
type CertificateSupplier = Builder["leafCertificateSupplier"];
type KeySupplier = Builder["sessionKeySupplier"];

/** As much of the SDK's X509FederationClient as is used here; its own type is not exported. */
interface FederationClient {
  readonly httpClient: FetchHttpClient;
  getSecurityToken(): Promise<string>;
}

export interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * `POST /v1/x509` as the TypeScript SDK sends it, signed with the leaf's key at `wallMs` (epoch).
 * The SDK's client is told that its request was answered, and its request is taken instead of sent: so it has
 * nothing to retry, to log or to time.
 */
export async function buildFederationRequest(
  authUrl: URL,
  leaf: LeafCertificate,
  sessionPublicKey: KeyObject,
  wallMs: number,
): Promise<SignedRequest> {
  const client = createFederationClient(authUrl, leaf, sessionPublicKey);
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

/** Through the builder, but not by its `build()`, which would go to the metadata service for whatever it misses. */
function createFederationClient(authUrl: URL, leaf: LeafCertificate, sessionPublicKey: KeyObject): FederationClient {
  const builder = new InstancePrincipalsAuthenticationDetailsProviderBuilder();
  // Both breakers tick once a second until the process ends, unless they are shut down. None is ever asked.
  for (const breaker of [builder["_circuitBreaker"], builder.authCircuitBreaker.circuit]) breaker.shutdown();
  builder.federationEndpoint = authUrl.href.replace(/\/+$/, "");
  builder.tenancyId = leaf.tenancyId;
  builder.leafCertificateSupplier = supplierOf(leaf.certificate, leaf.privateKey);
  builder["_intermediateCertificateSuppliers"] = leaf.intermediates.map((intermediate) => supplierOf(intermediate));
  return builder["createFederationClient"](keySupplierOf(sessionPublicKey)) as unknown as FederationClient;
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
function supplierOf(certificate: X509Certificate, privateKey?: KeyObject): CertificateSupplier {
  const pair = {
    getCertificate: () => ({
      toString: () => certificate.toString(),
      fingerprint: () => ({ toString: () => certificate.fingerprint.toLowerCase() }),
    }),
    getPrivateKey: () => privateKey && { toBuffer: () => pemOf(privateKey) },
  };
  return { getCertificateAndKeyPair: () => pair } as unknown as CertificateSupplier;
}

function keySupplierOf(publicKey: KeyObject): KeySupplier {
  const pair = { getPublic: () => publicKey.export({ type: "spki", format: "pem" }) };
  return { getKeyPair: () => pair, refreshKeys: () => undefined } as unknown as KeySupplier;
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
