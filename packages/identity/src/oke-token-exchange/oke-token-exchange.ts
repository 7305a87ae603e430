/**
 * OKE Workload Identity: the cluster's control plane exchanges a service-account token for a session of that account, on port 12250
 * of the API endpoint (oci-go-sdk, common/auth/federation_client_oke_workload_identity.go). Enhanced clusters only.
 *
 * Never retries, because the cache has the back-off. TLS to the cluster's authority alone, and no proxy: `send` must ensure both.
 */
import { randomUUID } from "node:crypto";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import type { TokenExchangeErrorCode } from "../error-codes.ts";
import type { SigningSession, TokenExchange } from "../identity-provider.ts";
import { sessionOf } from "../instance-principal/session-token.ts";
import { createSessionKeys } from "../session-keys.ts";
import { postToExchange } from "../token-exchange/exchange-post.ts";
import { readServiceAccountClaims } from "../token-exchange/service-account-token.ts";
import { TokenExchangeError } from "../token-exchange/token-exchange-error.ts";

export interface OkeTokenExchangeOptions {
  readonly clock: Clock;
  readonly send: SendRequest;
  /** The token exchange's base URL, `https://<API endpoint>:12250`. */
  readonly endpoint: () => URL;
}

/** Oracle's SDKs send no token that ends sooner. */
const MIN_TOKEN_LIFE_MS = 300_000;

const FAILURES = { tls: "cluster-tls", unreachable: "cluster-unreachable" } as const;

const responseBody = z.object({ token: z.string().regex(/^ST\$[\w-]+\.[\w-]+\.[\w-]+$/) });

export function createOkeTokenExchange({ clock, send, endpoint }: OkeTokenExchangeOptions): TokenExchange {
  const sessionKeys = createSessionKeys(clock);

  return {
    async exchange(token, signal): Promise<Expiring<SigningSession>> {
      const url = new URL("/resourcePrincipalSessionTokens", endpoint());
      if (readServiceAccountClaims(token).expiresAtWallMs - clock.wallMs() < MIN_TOKEN_LIFE_MS)
        throw new TokenExchangeError("service-account-token-expired", "service-account token");
      const keys = await sessionKeys();
      const headers = {
        authorization: `Bearer ${token.reveal()}`,
        "content-type": "application/json",
        "opc-request-id": randomUUID(),
      };
      const body = JSON.stringify({ podKey: keys.publicKey.export({ type: "spki", format: "pem" }).toString() });
      const response = await postToExchange(send, { url, headers, body, signal }, FAILURES);
      if (response.status !== 200) throw new TokenExchangeError(codeOfStatus(response.status), url.host, { response });
      const session = sessionOf(keyIdIn(response.body), response, keys, clock);
      if (session === undefined) throw new TokenExchangeError("token-exchange-invalid", url.host);
      return session;
    },
  };
}

/** The response is a JSON string with the base64 of `{"token":"ST$<jwt>"}`. */
function keyIdIn(body: Buffer): string | undefined {
  const encoded = z.string().safeParse(parseJson(body)).data ?? "";
  return responseBody.safeParse(parseJson(Buffer.from(encoded, "base64"))).data?.token;
}

function codeOfStatus(status: number): TokenExchangeErrorCode {
  if (status === 401) return "cluster-token-refused";
  if (status === 403) return "cluster-basic";
  if (status === 429) return "token-exchange-throttled";
  return status >= 500 ? "token-exchange-unavailable" : "token-exchange-refused";
}
