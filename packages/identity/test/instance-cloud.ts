/**
 * The metadata service and the auth service of an instance, without a network. As the real ones, they refuse a request without Oracle's
 * header, and a wrong chain, date, body hash or signature.
 */
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type SendRequest, UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import type { InstanceIdentity } from "@ocir-broker/testkit/instance-identity";

interface Answer {
  /** Default: 200. */
  readonly status?: number;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly serverDateMs?: number;
}

type Answering = (request: UpstreamRequest) => Answer | undefined | Promise<Answer | undefined>;

export interface InstanceCloudOptions {
  /** Answers a request to the metadata service in its place. */
  readonly metadata?: Answering;
  /** Answer the first requests to the auth service, in this order. */
  readonly auth?: readonly Answering[];
  /** Changes the claims of a session. */
  readonly alterClaims?: (claims: Record<string, unknown>) => Record<string, unknown>;
  /** How far the auth service's clock is ahead, in milliseconds. */
  readonly authAheadMs?: number;
}

const SIGNED = "date (request-target) host content-type content-length x-content-sha256";
const REGION_INFO = {
  realmKey: "oc1",
  realmDomainComponent: "oraclecloud.com",
  regionKey: "IAD",
  regionIdentifier: "us-ashburn-1",
};

/** @param identity in the metadata service; a test may replace it in the result. */
export function createInstanceCloud(
  clock: Clock,
  identity: InstanceIdentity | undefined,
  options: InstanceCloudOptions,
) {
  const { alterClaims = (claims) => claims, authAheadMs = 0 } = options;
  const seen = {
    /** Of the requests so far. */
    metadataPaths: [] as string[],
    authUrls: [] as string[],
    /** The reason for each refused request to the auth service. */
    refusals: [] as string[],
    tokens: [] as string[],
  };
  const auth = [...(options.auth ?? [])];
  const cloud: typeof seen & {
    identity: InstanceIdentity | undefined;
    readonly auth: Answering[];
    readonly sendMetadata: SendRequest;
    readonly sendAuth: SendRequest;
  } = {
    identity,
    auth,
    ...seen,
    sendMetadata: sendTo(async (request) => {
      const path = request.url.pathname.replace("/opc/v2", "");
      seen.metadataPaths.push(path);
      return (await options.metadata?.(request)) ?? metadataAnswer(path, request);
    }),
    sendAuth: sendTo(async (request) => {
      seen.authUrls.push(request.url.href);
      return (await auth.shift()?.(request)) ?? authAnswer(request);
    }),
  };

  function sendTo(answer: Answering): SendRequest {
    return async (request) => {
      const sentAtMs = clock.monotonicMs();
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const abort = () => reject(new UpstreamError("aborted", request.url.host));
      request.signal.addEventListener("abort", abort, { once: true });
      const {
        status = 200,
        text = "",
        headers = {},
        serverDateMs,
      } = (await Promise.race([answer(request), aborted])) ?? {};
      return { status, headers, body: Buffer.from(text), sentAtMs, serverDateMs };
    };
  }

  function metadataAnswer(path: string, { headers }: UpstreamRequest): Answer {
    if (headers["authorization"] !== "Bearer Oracle") return { status: 403, text: "no" };
    if (path === "/instance/regionInfo") return { text: JSON.stringify(REGION_INFO) };
    const { certificatePem, keyPem, intermediatePem } = cloud.identity ?? {};
    const documents = { "cert.pem": certificatePem, "key.pem": keyPem, "intermediate.pem": intermediatePem };
    const text = documents[path.replace("/identity/", "") as keyof typeof documents];
    return text === undefined ? { status: 404, text: "not found" } : { text };
  }

  function authAnswer({ headers, body = "" }: UpstreamRequest): Answer {
    const nowMs = clock.wallMs() + authAheadMs;
    const answered = { serverDateMs: Math.floor(nowMs / 1_000) * 1_000 };
    const refusal = reasonToRefuse(headers, body, nowMs);
    if (refusal !== undefined) {
      seen.refusals.push(refusal);
      return { ...answered, status: 401, text: '{"code":"NotAuthenticated"}' };
    }
    const key = createPublicKey({ key: fromBase64(JSON.parse(body).publicKey), format: "der", type: "spki" });
    const iat = Math.floor(nowMs / 1_000);
    const claims = { iat, exp: iat + 1_200, jwk: JSON.stringify(key.export({ format: "jwk" })) };
    const token = `e30.${Buffer.from(JSON.stringify(alterClaims(claims))).toString("base64url")}.c2ln`;
    seen.tokens.push(token);
    return { ...answered, text: JSON.stringify({ token }) };
  }

  return cloud;
}

function reasonToRefuse(headers: UpstreamRequest["headers"], text: string, nowMs: number): string | undefined {
  const field = (name: string): string =>
    new RegExp(`\\b${name}="([^"]*)"`).exec(headers["authorization"] ?? "")?.[1] ?? "";
  const body = JSON.parse(text);
  const certificate = new X509Certificate(fromBase64(body.certificate));
  const intermediates = body.intermediateCertificates.map((der: string) => new X509Certificate(fromBase64(der)));
  const tenancyId = /=opc-(?:tenant|identity):(\S+)/.exec(certificate.subject)?.[1];
  const lines = SIGNED.split(" ").map((name) =>
    name === "(request-target)" ? `${name}: post /v1/x509` : `${name}: ${headers[name]}`,
  );
  if (field("headers") !== SIGNED) return "other headers";
  if (field("keyId") !== `${tenancyId}/fed-x509/${certificate.fingerprint.toLowerCase()}`) return "key id";
  if (!intermediates.some((each: X509Certificate) => certificate.verify(each.publicKey))) return "chain";
  if (headers["x-content-sha256"] !== createHash("sha256").update(text).digest("base64")) return "body hash";
  if (!(Math.abs(Date.parse(headers["date"] ?? "") - nowMs) <= 300_000)) return "date";
  const isSigned = verify(
    "sha256",
    Buffer.from(lines.join("\n")),
    certificate.publicKey,
    fromBase64(field("signature")),
  );
  return isSigned ? undefined : "signature";
}

const fromBase64 = (text: string): Buffer => Buffer.from(text, "base64");
