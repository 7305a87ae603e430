/**
 * Workload identity federation: an identity domain of OCI exchanges a service-account token of any trusted issuer for a session of the
 * service user that the domain's trust names (RFC 8693; oci-go-sdk, common/auth/federation_client.go,
 * tokenExchangeFederationClient). Oracle calls the session's token a UPST; it lives no longer than the service-account token.
 *
 * Never retries, because the cache has the back-off.
 */

import type { Expiring } from "@ocir-broker/foundation/expiring";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isSkewed } from "@ocir-broker/foundation/time/clock-skew";
import type { SendRequest, UpstreamResponse } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import type { TokenExchangeErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import type { SigningSession, TokenExchange } from "../identity-provider.ts";
import { sessionOf, TOKEN_PREFIX } from "../instance-principal/session-token.ts";
import { createSessionKeys } from "../session-keys.ts";
import { signPost } from "../signed-post.ts";
import { postToExchange } from "../token-exchange/exchange-post.ts";
import { TokenExchangeError } from "../token-exchange/token-exchange-error.ts";
import {
  type AuthorizationOptions,
  basicOf,
  type IdentityDomainSettings,
  type SecretOptions,
} from "./authorization.ts";

export interface IdentityDomainOptions extends AuthorizationOptions {
  readonly clock: Clock;
  readonly send: SendRequest;
}

const PATH = "/oauth2/v1/token";

const FORM = "application/x-www-form-urlencoded";

const FAILURES = { tls: "domain-tls", unreachable: "domain-unreachable" } as const;

const responseBody = z.object({ token: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/) });

/** RFC 6749 §5.2: the client is refused, not the token that it presents. */
const clientError = z.object({ error: z.enum(["invalid_client", "unauthorized_client"]) });

export function createIdentityDomain(options: IdentityDomainOptions): TokenExchange {
  const { clock, send, settings, nodeSessions } = options;
  const sessionKeys = createSessionKeys(clock);

  /** Once more if the node's session is refused: its groups, or its key, may have changed since it began. */
  async function ask(url: URL, body: string, signal: AbortSignal): Promise<UpstreamResponse> {
    const post = (headers: Readonly<Record<string, string>>) =>
      postToExchange(send, { url, headers, body, signal }, FAILURES);
    const postSigned = ({ value: { keyId, privateKey } }: Expiring<SigningSession>) =>
      post(signPost({ url, contentType: FORM, body, keyId: keyId.reveal(), privateKey, wallMs: clock.wallMs() }));
    if (settings.authorization === "client" || nodeSessions === undefined)
      return post({ "content-type": FORM, authorization: `Basic ${basicOf(options)}` });
    const live = await nodeSessions.live();
    const response = await postSigned(live);
    if (response.status !== 401 || isSkewed(response.serverDateMs, clock.wallMs())) return response;
    const newer = await nodeSessions.newerThan(live);
    return newer === undefined ? response : postSigned(newer);
  }

  return {
    async exchange(token, signal): Promise<Expiring<SigningSession>> {
      const url = tokenUrlOf(settings);
      const keys = await sessionKeys();
      const body = new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        requested_token_type: "urn:oci:token-type:oci-upst",
        subject_token: token.reveal(),
        subject_token_type: "jwt",
        public_key: keys.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
      }).toString();
      const response = await ask(url, body, signal);
      if (response.status !== 200) throw refusalOf(response, url.host, clock.wallMs());
      const jwt = responseBody.safeParse(parseJson(response.body)).data?.token;
      const session = sessionOf(jwt && `${TOKEN_PREFIX}${jwt}`, response, keys, clock);
      if (session === undefined) throw new TokenExchangeError("token-exchange-invalid", url.host);
      return session;
    },
  };
}

/**
 * Checks what a token exchange needs of the configuration, without a request.
 *
 * @throws the error that every token exchange would fail with.
 */
export function checkDomainSettings(options: SecretOptions): void {
  tokenUrlOf(options.settings);
  if (options.settings.authorization === "client") basicOf(options);
}

function tokenUrlOf({ url }: IdentityDomainSettings): URL {
  if (url === undefined) throw new TokenExchangeError("domain-not-configured", "identityDomain.url");
  return new URL(PATH, url);
}

function refusalOf(response: UpstreamResponse, host: string, wallMs: number): Error {
  const { status, serverDateMs } = response;
  if (status === 401 && isSkewed(serverDateMs, wallMs)) return new IdentityError("clock-skew", host, { response });
  return new TokenExchangeError(codeOf(response), host, { response });
}

function codeOf({ status, body }: UpstreamResponse): TokenExchangeErrorCode {
  if (status === 401 || status === 403) return "domain-client-refused";
  if (status === 404) return "domain-unknown";
  if (status === 429) return "token-exchange-throttled";
  if (status >= 500) return "token-exchange-unavailable";
  if (status !== 400) return "token-exchange-refused";
  const isClient = clientError.safeParse(parseJson(body)).success;
  return isClient ? "domain-client-refused" : "domain-token-refused";
}
