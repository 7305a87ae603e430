/** The codes of the identity providers (metadata service, federation, files) and of the token exchange. */
import { ABORTED, CLOCK_SKEW, type ErrorRow, NEXT, permanent, transient } from "@ocir-broker/errors/error-row";

const FILE =
  "check its path, chmod 600 your own file (the daemon's: outside of /home and /root, chown root:ocir-broker-daemon, chmod 640), " +
  "and for a pod's token check automountServiceAccountToken";

const CONFIG =
  "run oci setup config, or correct the file or its path (the daemon's: user.configFile or cliSession.configFile, outside of " +
  "/home and /root)";

const ELSEWHERE = "run it where Oracle provides this identity, or set another identity.provider or OCI_CLI_AUTH";

const DOMAIN = "correct identityDomain.url or OCI_TOKEN_EXCHANGE_DOMAIN_URL: https://idcs-ID.identity.oraclecloud.com";

const GITHUB =
  "add permissions: id-token: write to the job, and leave its ACTIONS_ID_TOKEN_REQUEST_ variables as they are, also in a container";

const CERTIFICATE =
  "check the clock, wait some minutes, because OCI may be replacing the certificate, and reboot the instance if this lasts";

const METADATA =
  "check that this is an OCI instance, and that it reaches 169.254.169.254 without a proxy and through its primary VNIC (iptables -S OUTPUT shows rules that block it)";

const RESTART_JOB = "check the clock, then restart the job or the container";

const TRUST = "check the domain's trust: issuer, keys, audience, and the rule for this subject";

export const FILE_IDENTITY_ERRORS = {
  "api-key-refused": permanent(
    "the registry does not accept the API key",
    "check user and tenancy, and that the user still has this key",
  ),
  "cli-session-expired": permanent("the CLI session has expired", "run oci session authenticate"),
  "cli-session-refused": permanent("the registry does not accept the CLI session", "run oci session authenticate"),
  "github-permission-missing": permanent("GitHub gives this job no token", GITHUB),
  "github-refused": permanent("GitHub's token endpoint gave no token", GITHUB),
  "identity-changed": permanent("the files now name another identity than at the start", "restart the broker"),
  "identity-file-permissions": permanent("other users can read or change the file", FILE),
  "identity-file-unreadable": permanent("the file cannot be read", FILE),
  "identity-variable-invalid": permanent("the variable is not an https URL", DOMAIN),
  "identity-variable-missing": permanent("the variable is not set", "set it in the job, the pod or the container"),
  "key-encrypted": permanent("the key's pass phrase is missing or wrong", "set pass_phrase or OCI_CLI_PASSPHRASE"),
  "key-fingerprint": permanent(
    "the fingerprint does not match the key",
    "copy the configuration snippet of this key from Oracle's Console",
  ),
  "key-invalid": permanent("the file contains no private RSA key in PEM", "name the private key, not the public one"),
  "oci-config-incomplete": permanent("the value is missing", CONFIG),
  "oci-config-invalid": permanent("the file is not a valid configuration of Oracle's command line", CONFIG),
  "oci-config-missing": permanent("the file does not exist", CONFIG),
  "oci-config-unreadable": permanent("the file cannot be read", FILE),
  "oci-profile-missing": permanent("the file has no profile of this name (upper and lower case differ)", CONFIG),
  "oci-region-unknown": permanent("this release does not know the region", "correct the region"),
  "pod-missing": permanent("this is not a pod of a cluster", ELSEWHERE),
  "resource-principal-expired": permanent("the platform has not renewed the resource principal's token", RESTART_JOB),
  "resource-principal-missing": permanent("the platform has not set the variable", ELSEWHERE),
  "resource-principal-mixed": permanent(
    "one of key and pass phrase is a file, and the other a value",
    "use files for both or values for both",
  ),
  "resource-principal-refused": permanent("the registry does not accept the resource principal", RESTART_JOB),
  "resource-principal-version": permanent("only version 2.2 of resource principals is supported", ELSEWHERE),
  "security-token-invalid": permanent(
    "there is no valid security token",
    "run oci session authenticate, or for a resource principal restart the job or the container",
  ),
  "security-token-key": permanent(
    "the security token was issued for another key",
    "set key_file to the key that oci session authenticate wrote",
  ),
  "subject-token-expired": permanent(
    "the token to exchange has expired",
    "check the clock, and that the CI system or kubelet still renews the file",
  ),
  "subject-token-invalid": permanent(
    "the token to exchange is not a JWT",
    "check that the file or variable has only the token",
  ),
  "subject-token-missing": permanent(
    "there is no token to exchange",
    "set OCI_WORKLOAD_IDENTITY_TOKEN_PATH or OCI_WORKLOAD_IDENTITY_TOKEN, or run in a job of GitHub Actions",
  ),
  "subject-token-refused": permanent("the identity domain does not accept this token", TRUST),
  "subject-token-variable-expired": permanent(
    "the token in the variable has expired",
    "push before it expires, or let the CI system renew it in a file: OCI_WORKLOAD_IDENTITY_TOKEN_PATH",
  ),
} as const satisfies Record<string, ErrorRow>;

export const IDENTITY_ERRORS = {
  ...FILE_IDENTITY_ERRORS,
  aborted: ABORTED,
  "certificate-expired": transient("the instance certificate has expired or is not valid yet", CERTIFICATE),
  "certificate-invalid": transient(
    "the instance certificate or its key cannot be used",
    "check that only OCI's metadata service is at 169.254.169.254, then reboot the instance",
  ),
  "certificate-mismatch": transient("the instance certificate and its key do not match", CERTIFICATE),
  "clock-skew": CLOCK_SKEW,
  "federation-invalid": transient("the auth service's response contains no session", NEXT.changingProxy),
  "federation-name-not-resolved": transient("the auth service's name could not be resolved", NEXT.dns),
  "federation-proxy-refused": transient("the proxy refused to connect to the auth service", NEXT.proxySettings),
  "federation-proxy-unreachable": transient("the auth service cannot be reached through the proxy", NEXT.proxyAddress),
  "federation-refused": permanent(
    "the auth service refused this instance",
    "reboot it, because after a move or clone it may still have another instance's state, and recreate it if that does not help",
  ),
  "federation-throttled": transient("the auth service rate-limits requests", NEXT.wait),
  "federation-tls": transient("the auth service's certificate is not trusted", NEXT.trust),
  "federation-unauthorized": transient("the auth service does not accept the instance certificate", CERTIFICATE),
  "federation-unavailable": transient("the auth service returned a server error", NEXT.outage),
  "federation-unreachable": transient("the auth service does not respond", NEXT.network),
  "github-unreachable": transient(
    "GitHub's token endpoint does not respond",
    "try again, and if this lasts allow TCP 443 from the runner, or set proxy.https",
  ),
  "identity-none": permanent(
    "identity.provider is none, so only service accounts get tokens",
    "set identity.provider, or use a service account",
  ),
  "identity-not-ready": transient(
    "the instance has no certificate yet",
    "wait: OCI issues it within minutes of the first boot",
  ),
  "metadata-invalid": transient("the metadata service's response is invalid", NEXT.changingProxy),
  "metadata-not-found": transient("version 2 of the metadata service (/opc/v2) is missing", METADATA),
  "metadata-refused": permanent("the metadata service refuses requests, as it does through a proxy", METADATA),
  "metadata-throttled": transient(
    "the metadata service rate-limits requests",
    "find the client that sends too many (the broker sends at most five a second): ss -tnp dst 169.254.169.254",
  ),
  "metadata-unavailable": transient("the metadata service returned a server error", NEXT.outage),
  "metadata-unreachable": transient("the metadata service does not respond", METADATA),
  "region-unknown": permanent(
    "this release does not know the metadata service's region",
    "check that this is an OCI instance, and upgrade ocir-broker if the region is new",
  ),
  "sdk-failed": transient("the request could not be signed", NEXT.reinstall),
  "tenancy-changed": permanent("this instance's tenancy has changed", "systemctl stop ocir-broker, then start it"),
} as const satisfies Record<string, ErrorRow>;

export type IdentityErrorCode = keyof typeof IDENTITY_ERRORS;

const CLUSTER = "check serviceAccounts.apiServer and serviceAccounts.caFile, then systemctl restart ocir-broker";

const SECRET =
  "set identityDomain.clientSecretFile, or LoadCredential=identity-domain-secret: in a drop-in of ocir-broker.service, and start it";

const ADDRESS = "check serviceAccounts.apiServer or identityDomain.url";

/** `cluster-…` is for OKE's token exchange, `domain-…` for an identity domain's; the others are for both. */
export const TOKEN_EXCHANGE_ERRORS = {
  "cluster-basic": permanent(
    "the cluster refused to exchange a service-account token",
    "use an enhanced cluster, and a policy that admits the node",
  ),
  "cluster-tls": transient("the cluster's certificate is not trusted", CLUSTER),
  "cluster-token-refused": permanent("the cluster does not accept the service-account token", NEXT.audience),
  "cluster-unknown": transient("the cluster's address or certificate authority is not known", CLUSTER),
  "cluster-unreachable": transient(
    "the cluster's token exchange does not respond",
    "allow TCP 12250 from the nodes to the cluster's API endpoint",
  ),
  "domain-client-refused": permanent(
    "the identity domain does not accept the client or node that requests the exchange",
    "check the client's id and secret and the trust's oauthClients, or for a node the policy that grants GET_RPST to its dynamic group",
  ),
  "domain-not-configured": permanent(
    "the configuration of the identity domain is incomplete",
    "set identityDomain.url and, with authorization: client, clientId",
  ),
  "domain-secret-missing": permanent("no client secret was found", SECRET),
  "domain-tls": transient("the identity domain's certificate is not trusted", NEXT.trust),
  "domain-token-refused": permanent("the identity domain does not accept the token", TRUST),
  "domain-unknown": permanent("there is no identity domain at this address", DOMAIN),
  "domain-unreachable": transient(
    "the identity domain does not respond",
    "allow TCP 443 from the nodes to the identity domain, or set proxy.https",
  ),
  "service-account-token-audience": permanent(
    "the service-account token's audience is not serviceAccounts.audience",
    NEXT.audience,
  ),
  "service-account-token-expired": permanent("the service-account token has expired or expires too soon", NEXT.clock),
  "service-account-token-unreadable": permanent(
    "the service-account token lacks Kubernetes' claims",
    NEXT.kubeletConfig,
  ),
  "token-exchange-invalid": transient("the token exchange's response contains no session", ADDRESS),
  "token-exchange-refused": permanent("the token exchange refused the request", ADDRESS),
  "token-exchange-throttled": transient("the token exchange rate-limits requests", NEXT.wait),
  "token-exchange-unavailable": transient("the token exchange returned a server error", NEXT.outage),
} as const satisfies Record<string, ErrorRow>;

export type TokenExchangeErrorCode = keyof typeof TOKEN_EXCHANGE_ERRORS;
