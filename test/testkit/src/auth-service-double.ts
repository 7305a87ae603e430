/**
 * The auth service's `POST /v1/x509` as an msw handler: it refuses an invalid chain and a date that is too far off. The simulator
 * verifies all of a request.
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import { HttpResponse, http } from "msw";
import { jwtOf } from "./jwt.ts";

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

function reasonToRefuse({ headers }: Request, text: string, nowMs: number): string | undefined {
  const { certificate, intermediateCertificates } = JSON.parse(text);
  const leaf = new X509Certificate(fromBase64(certificate));
  const issuers: X509Certificate[] = intermediateCertificates.map(
    (der: string) => new X509Certificate(fromBase64(der)),
  );
  if (!issuers.some(({ publicKey }) => leaf.verify(publicKey))) return "chain";
  return Math.abs(Date.parse(headers.get("date") ?? "") - nowMs) <= 300_000 ? undefined : "date";
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}
