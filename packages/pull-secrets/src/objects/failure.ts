/** Why a resource has no fresh token: a code of the catalogue, and the texts that a condition and its reason make of it. */
import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/credentials/error-catalogue";
import type { ErrorRow } from "@ocir-broker/errors/error-row";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "../error-codes.ts";

type FailureCode = ErrorCode | PullSecretErrorCode;

export interface Failure {
  readonly code: FailureCode;
  /** A host, or the name of the object that failed or is refused. */
  readonly place: string;
}

const TEXTS: Readonly<Record<FailureCode, ErrorRow>> = { ...ERROR_TABLE, ...PULL_SECRET_ERRORS };

/** The chart mounts no file for a CA. */
const CA = "avoid TLS inspection, or set SSL_CERT_FILE in the chart's value extraEnv to a file of your own image";
const PROXY = "check HTTPS_PROXY and NO_PROXY in the chart's value extraEnv";

/** Advice for the controller, because the catalogue's is for a node. */
const NEXT_HERE: Partial<Record<FailureCode, string>> = {
  "cluster-tls": "exempt TCP 12250 of the API server from TLS inspection",
  "cluster-token-refused": "outside of OKE, set the value identity.domain of the chart ocir-pull-secrets",
  "domain-secret-missing":
    "set client-secret in the Secret that the chart's value identity.domain.clientSecret names, and restart the Deployment",
  "domain-tls": CA,
  "domain-unknown": "correct the chart's value identity.domain.url",
  "domain-unreachable": "allow TCP 443 to the identity domain, or set HTTPS_PROXY in the chart's value extraEnv",
  "federation-tls": CA,
  internal: "see the controller's log",
  "proxy-refused": PROXY,
  "proxy-unreachable": PROXY,
  "registry-foreign": "use Oracle's registry hosts, or name the host in the chart's value registries.extraHosts",
  "registry-refused": "see the controller's log",
  tls: CA,
};

/** Codes that a missing policy may have caused. */
const POLICY_CODES: readonly FailureCode[] = ["registry-forbidden", "registry-unauthorized"];

/** The reason of a condition for an error code: conditions allow no hyphen. */
export function reasonOf(code: FailureCode): string {
  return code
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** The error and what to do. @param policy the statement that pulls need, mentioned if it may be missing. */
export function describeFailure({ code, place }: Failure, policy: string, detail?: string): string {
  const { what, next } = TEXTS[code];
  const advice = (NEXT_HERE[code] ?? next).replace("NAME", place);
  const statement = POLICY_CODES.includes(code) ? `, and check for the policy statement ${policy}` : "";
  return `${place}: ${what}${detail === undefined ? "" : ` (${detail})`}; ${advice}${statement}`;
}

/** A code without a row is an internal error. */
export function failureCodeOf(code: string): FailureCode {
  return Object.hasOwn(TEXTS, code) ? (code as FailureCode) : "internal";
}
