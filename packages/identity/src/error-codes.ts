/** The codes of the identity providers (metadata service, federation, files) and of the token exchange. */
import { ABORTED, CLOCK_SKEW, type ErrorRow, NEXT, permanent, transient } from "@ocir-broker/errors/error-row";

const FOR_DAEMON = "(the daemon's file: outside of /home and /root, chown root:ocir-broker-daemon, chmod 640)";

export const FILE_IDENTITY_ERRORS = {
  "api-key-refused": permanent(
    "the registry does not accept the API key",
    "check user and tenancy, and that the user still has this key",
  ),
  "cli-session-expired": permanent("the CLI session has expired", "run oci session authenticate"),
  "cli-session-refused": permanent("the registry does not accept the CLI session", "run oci session authenticate"),
  "github-permission-missing": permanent(
    "GitHub gives this job no token",
    "add permissions: id-token: write to the job, and pass its ACTIONS_ID_TOKEN_REQUEST_ variables into a container",
  ),
  "github-refused": permanent(
    "GitHub's token endpoint gave no token",
    "add permissions: id-token: write to the job, and do not change the ACTIONS_ID_TOKEN_REQUEST_ variables",
  ),
  "identity-changed": permanent("the files now name another identity than at the start", "restart the broker"),
  "identity-file-permissions": permanent(
    "other users can read or change the file",
    `chmod 600 your own file ${FOR_DAEMON}`,
  ),
  "identity-file-unreadable": permanent(
    "the file cannot be read",
    `check its path and its owner, for a pod's token automountServiceAccountToken ${FOR_DAEMON}`,
  ),
  "identity-variable-invalid": permanent(
    "the variable is not an https URL",
    "correct it: https://idcs-ID.identity.oraclecloud.com",
  ),
  "identity-variable-missing": permanent(
    "the variable is not set",
    "set it, as docs/keyless-ci.md shows for each identity",
  ),
  "key-encrypted": permanent("the key's pass phrase is missing or wrong", "set pass_phrase or OCI_CLI_PASSPHRASE"),
  "key-fingerprint": permanent(
    "the fingerprint does not match the key",
    "copy the configuration snippet of this key from Oracle's Console",
  ),
  "key-invalid": permanent("the file contains no private RSA key in PEM", "name the private key, not the public one"),
  "oci-config-incomplete": permanent(
    "the value is missing",
    "run oci setup config, or add the key to the profile (the daemon's file: user.configFile or cliSession.configFile)",
  ),
  "oci-config-invalid": permanent(
    "the file is not a valid configuration of Oracle's command line",
    "compare it with SDK and CLI Configuration File on docs.oracle.com",
  ),
  "oci-config-missing": permanent(
    "the file does not exist",
    `run oci setup config, or check the file's path ${FOR_DAEMON}`,
  ),
  "oci-config-unreadable": permanent("the file cannot be read", `check its owner and mode ${FOR_DAEMON}`),
  "oci-profile-missing": permanent("the file has no such profile", "check the profile's name, which is case-sensitive"),
  "oci-region-unknown": permanent("this release does not know the region", "correct the region"),
  "pod-missing": permanent(
    "this is not a pod of a cluster",
    "run the program in a pod, or set another identity.provider or OCI_CLI_AUTH",
  ),
  "resource-principal-expired": permanent(
    "the platform has not renewed the resource principal's token",
    "restart the job or the container",
  ),
  "resource-principal-missing": permanent(
    "the platform has not set the variable",
    "run the broker where Oracle provides a resource principal, or set another identity.provider",
  ),
  "resource-principal-mixed": permanent(
    "one of key and pass phrase is a file, and the other is a value",
    "use files for both, or values for both",
  ),
  "resource-principal-refused": permanent(
    "the registry does not accept the resource principal",
    "check the clock, then restart the job or the container",
  ),
  "resource-principal-version": permanent(
    "only version 2.2 of resource principals is supported",
    "set another identity.provider",
  ),
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
    "check that the file or variable has the token alone",
  ),
  "subject-token-missing": permanent(
    "there is no token to exchange",
    "set OCI_WORKLOAD_IDENTITY_TOKEN_PATH or OCI_WORKLOAD_IDENTITY_TOKEN, or run in a job of GitHub Actions",
  ),
  "subject-token-refused": permanent(
    "the identity domain does not accept this token",
    "check the domain's trust: its issuer, keys, audience, and a rule for this subject",
  ),
  "subject-token-variable-expired": permanent(
    "the token in the variable has expired, and a variable gets no new one",
    "push before it expires, or let the CI system keep a token in a file: OCI_WORKLOAD_IDENTITY_TOKEN_PATH",
  ),
} as const satisfies Record<string, ErrorRow>;

export const IDENTITY_ERRORS = {
  ...FILE_IDENTITY_ERRORS,
  aborted: ABORTED,
  "certificate-expired": transient(
    "the instance certificate has expired or is not valid yet",
    "check the clock, and reboot the instance if this lasts (OCI renews the certificate several times a day)",
  ),
  "certificate-invalid": transient(
    "the instance certificate or its key cannot be used",
    "check that only OCI's metadata service is at 169.254.169.254, then reboot the instance",
  ),
  "certificate-mismatch": transient(
    "the instance certificate and its key do not match",
    "wait a minute, because OCI may be replacing it, and reboot the instance if this lasts",
  ),
  "clock-skew": CLOCK_SKEW,
  "federation-invalid": transient("the auth service's response contains no session", NEXT.changingProxy),
  "federation-name-not-resolved": transient("the auth service's name could not be resolved", NEXT.dns),
  "federation-proxy-refused": transient("the proxy refused to connect to the auth service", NEXT.proxySettings),
  "federation-proxy-unreachable": transient("the auth service cannot be reached through the proxy", NEXT.proxyAddress),
  "federation-refused": permanent(
    "the auth service refused this instance",
    "reboot it, because it may have been moved or cloned with another instance's state, and recreate it if that does not help",
  ),
  "federation-throttled": transient("the auth service rate-limits requests", NEXT.wait),
  "federation-tls": transient("the auth service's certificate is not trusted", NEXT.trust),
  "federation-unauthorized": transient(
    "the auth service does not accept the instance certificate",
    "check the clock, then wait some minutes, because OCI may be replacing the certificate",
  ),
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
  "metadata-not-found": transient(
    "version 2 of the metadata service is missing",
    "use a platform image with /opc/v2, and check that nothing else is at 169.254.169.254",
  ),
  "metadata-refused": permanent(
    "the metadata service refuses requests, as it does through a proxy",
    "check that this is an OCI instance, and that it reaches 169.254.169.254 directly from its primary VNIC",
  ),
  "metadata-throttled": transient(
    "the metadata service rate-limits requests",
    "find the client that sends too many (the broker sends at most five a second): ss -tnp dst 169.254.169.254",
  ),
  "metadata-unavailable": transient("the metadata service returned a server error", NEXT.outage),
  "metadata-unreachable": transient(
    "the metadata service does not respond",
    "check that this is an OCI instance, and that nothing blocks 169.254.169.254: iptables -S OUTPUT",
  ),
  "region-unknown": permanent(
    "this release does not know the region that the metadata service names",
    "check that this is an OCI instance, and upgrade ocir-broker if its region is new",
  ),
  "sdk-failed": transient("the request could not be signed", NEXT.reinstall),
  "tenancy-changed": permanent("this instance's tenancy has changed", "systemctl stop ocir-broker, then start it"),
  "token-key-mismatch": transient("the auth service issued the session for another key", NEXT.wait),
} as const satisfies Record<string, ErrorRow>;

export type IdentityErrorCode = keyof typeof IDENTITY_ERRORS;

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
    "use an enhanced cluster, and a policy that admits the node",
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
  ),
  "domain-client-refused": permanent(
    "the identity domain does not accept the client, or the node, that requests the exchange",
    "check the client's id, its secret and the trust's oauthClients, or for a node the policy that grants GET_RPST to its dynamic group",
  ),
  "domain-not-configured": permanent(
    "the configuration of the identity domain is incomplete",
    "set identityDomain.url and, with authorization: client, clientId",
  ),
  "domain-secret-missing": permanent(
    "no client secret was found",
    "set identityDomain.clientSecretFile, or LoadCredential=identity-domain-secret: in a drop-in",
  ),
  "domain-secret-without-daemon": permanent(
    "only the daemon gets the client secret, and no daemon responds",
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
    "allow TCP 443 from the nodes to the identity domain, or set proxy.https",
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
  "token-exchange-throttled": transient("the token exchange rate-limits requests", RETRIED),
  "token-exchange-unavailable": transient("the token exchange returned a server error", RETRIED),
} as const satisfies Record<string, ErrorRow>;

export type TokenExchangeErrorCode = keyof typeof TOKEN_EXCHANGE_ERRORS;
