/** Errors of the token exchange, which turns a pod's service-account token into a session. */
import { type FetchErrorText, NEXT, permanent, transient } from "./error-text.ts";

/** By the kubelet, because the broker fetches nothing for a service account without a pull, or by the controller. */
const RETRIED = "no action needed: it is retried";

const ADDRESS = "check serviceAccounts.apiServer or identityDomain.url";

const AUDIENCE = "set the kubelet's serviceAccountTokenAudience to the API server's own audience";

const TRUST =
  "check the domain's trust: issuer, keys, audience, and the rule that names a service user for this subject";

/** `cluster-…` is for OKE's token exchange, `domain-…` for an identity domain's; the others are for both. */
export const TOKEN_EXCHANGE_ERRORS = {
  "cluster-basic": permanent(
    "the cluster refused to exchange a service-account token",
    "check that the cluster is an enhanced cluster, and that a policy admits the node",
  ),
  "cluster-tls": transient(
    "the cluster's certificate is not trusted",
    "check serviceAccounts.caFile, then systemctl restart ocir-broker",
  ),
  "cluster-token-refused": permanent("the cluster does not accept the service-account token", AUDIENCE),
  "cluster-unknown": transient(
    "the cluster's address or certificate authority is not known",
    "set serviceAccounts.apiServer and serviceAccounts.caFile",
  ),
  "cluster-unreachable": transient(
    "the cluster's token exchange does not respond",
    "allow TCP 12250 from the nodes to the cluster's API endpoint",
    504,
  ),
  "domain-client-refused": permanent(
    "the identity domain does not accept the client, or the node, that requests the token exchange",
    "check client id, client secret and the trust's oauthClients, or the policy that grants GET_RPST to the node's dynamic group",
  ),
  "domain-not-configured": permanent(
    "the configuration of the identity domain is incomplete",
    "set identityDomain.url and, with authorization: client, clientId",
  ),
  "domain-secret-missing": permanent(
    "no client secret was found",
    "set identityDomain.clientSecretFile, or LoadCredential=identity-domain-secret: in a drop-in of the unit",
  ),
  "domain-secret-without-daemon": permanent(
    "only the daemon gets the client secret from systemd, and no daemon responds",
    "start ocir-broker.service, or set identityDomain.clientSecretFile",
  ),
  "domain-tls": transient("the identity domain's certificate is not trusted", NEXT.trust),
  "domain-token-refused": permanent("the identity domain does not accept the token", TRUST),
  "domain-unknown": permanent(
    "there is no identity domain at this address",
    "check identityDomain.url or OCI_TOKEN_EXCHANGE_DOMAIN_URL",
  ),
  "domain-unreachable": transient(
    "the identity domain does not respond",
    "allow TCP 443 from the nodes to the identity domain, or set proxy.https to a proxy that can",
    504,
  ),
  "service-account-token-audience": permanent(
    "the service-account token's audience is not serviceAccounts.audience",
    "use the same audience in the kubelet's entry",
  ),
  "service-account-token-expired": permanent("the service-account token has expired or expires too soon", NEXT.clock),
  "service-account-token-unreadable": permanent(
    "the service-account token lacks Kubernetes' claims",
    NEXT.kubeletConfig,
  ),
  "token-exchange-invalid": transient("the token exchange's response contains no session", ADDRESS),
  "token-exchange-refused": permanent("the token exchange refused the request", ADDRESS),
  "token-exchange-throttled": transient("the token exchange rate-limits requests", RETRIED, 503),
  "token-exchange-unavailable": transient("the token exchange returned a server error", RETRIED, 503),
} as const satisfies Record<string, FetchErrorText>;

export type TokenExchangeErrorCode = keyof typeof TOKEN_EXCHANGE_ERRORS;
