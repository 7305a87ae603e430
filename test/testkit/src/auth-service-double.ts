/**
 * The auth service's `POST /v1/x509` as a strict msw handler: it verifies the signature with the certificate's key over the
 * TypeScript SDK's headers, the body's hash, and the date.
 */
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { HttpResponse, http } from "msw";
import { jwtOf } from "./jwt.ts";

const COVERED = "date (request-target) host content-type content-length x-content-sha256";

/** @param nowMs the service's own time, in epoch milliseconds. @param alterClaims changes the claims of a token */
export function createAuthServiceDouble(
  nowMs: () => number,
  alterClaims = (claims: Record<string, unknown>) => claims,
) {
  /** The reason for each refused request. */
  const refusals: string[] = [];
  /** The issued tokens, whose signatures only differ. */
  const tokens: string[] = [];

  const handler = http.post("*/v1/x509", async ({ request }) => {
    const date = new Date(nowMs()).toUTCString();
    const text = await request.text();
    const refusal = reasonToRefuse(request, text, nowMs());
    if (refusal !== undefined) {
      refusals.push(refusal);
      return HttpResponse.json({ code: "NotAuthenticated", message: "no" }, { status: 401, headers: { Date: date } });
    }
    const key = createPublicKey({ key: fromBase64(JSON.parse(text).publicKey), format: "der", type: "spki" });
    const iat = Math.floor(nowMs() / 1_000);
    const jwk = JSON.stringify({ kid: "asw", use: "sig", alg: "RS256", ...key.export({ format: "jwk" }) });
    const claims = { sub: "ocid1.instance.oc1.iad.test", ttype: "x509", iat, exp: iat + 1_200, jwk };
    const token = jwtOf(alterClaims(claims), `signature-${tokens.length}`);
    tokens.push(token);
    return HttpResponse.json({ token }, { headers: { Date: date } });
  });

  return { handler, refusals, tokens };
}

function reasonToRefuse(request: Request, text: string, nowMs: number): string | undefined {
  const { headers } = request;
  const authorization = headers.get("authorization") ?? "";
  const field = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(authorization)?.[1] ?? "";
  const body = JSON.parse(text);
  const certificate = new X509Certificate(fromBase64(body.certificate));
  const intermediates = body.intermediateCertificates.map((der: string) => new X509Certificate(fromBase64(der)));
  const tenancyId = /=opc-(?:tenant|identity):(\S+)/.exec(certificate.subject)?.[1];
  const lines = COVERED.split(" ").map((name) =>
    name === "(request-target)" ? `${name}: post /v1/x509` : `${name}: ${headers.get(name)}`,
  );

  if (!authorization.startsWith('Signature version="1",')) return "no signature of version 1";
  // As several headers are joined.
  if (authorization.includes(", ")) return "two signatures";
  if (field("algorithm") !== "rsa-sha256" || field("headers") !== COVERED) return "other headers or algorithm";
  if (field("keyId") !== `${tenancyId}/fed-x509/${certificate.fingerprint.toLowerCase()}`) return "key id";
  if (!intermediates.some((intermediate: X509Certificate) => certificate.verify(intermediate.publicKey)))
    return "chain";
  if (headers.get("x-content-sha256") !== createHash("sha256").update(text).digest("base64")) return "body hash";
  if (headers.get("content-length") !== String(Buffer.byteLength(text))) return "length";
  if (!(Math.abs(Date.parse(headers.get("date") ?? "") - nowMs) <= 300_000)) return "date";
  if (body.purpose !== "DEFAULT") return "purpose";
  const signature = fromBase64(field("signature"));
  return verify("sha256", Buffer.from(lines.join("\n")), certificate.publicKey, signature) ? undefined : "signature";
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}
