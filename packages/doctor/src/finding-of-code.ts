/** Maps each error code of the packages that doctor calls to the finding that reports it; a code without a row does not compile. */
import type { CacheErrorCode } from "@ocir-broker/expiring-cache";
import type { UpstreamErrorCode } from "@ocir-broker/foundation";
import { FILE_IDENTITY_ERRORS, type IdentityErrorCode } from "@ocir-broker/identity";
import type { OcirErrorCode } from "@ocir-broker/ocir";
import type { ForeignRegistryError } from "./cloud.ts";
import type { DIAGNOSES } from "./diagnoses.ts";

type Name = keyof typeof DIAGNOSES;
type Code = CacheErrorCode | IdentityErrorCode | OcirErrorCode | UpstreamErrorCode | ForeignRegistryError["code"];

type FileCode = keyof typeof FILE_IDENTITY_ERRORS;

const FINDING_OF_CODE: Readonly<Record<Code, Name>> = {
  ...rowsOfFiles((code) => code),

  aborted: "out-of-time",
  closed: "out-of-time",
  "fetch-timeout": "out-of-time",
  overloaded: "out-of-time",
  "wait-timeout": "out-of-time",
  "clock-skew": "clock-skew",

  "metadata-invalid": "metadata-invalid",
  "metadata-not-found": "metadata-v2-missing",
  "metadata-refused": "metadata-proxied",
  "metadata-throttled": "metadata-throttled",
  "metadata-unavailable": "metadata-unavailable",
  "metadata-unreachable": "metadata-unreachable",
  "region-unknown": "region-unknown",

  "certificate-expired": "certificate-expired",
  "certificate-invalid": "certificate-invalid",
  "certificate-mismatch": "certificate-mismatch",
  "identity-none": "identity-none",
  "identity-not-ready": "identity-not-ready",
  "tenancy-changed": "certificate-invalid",

  "federation-invalid": "federation-invalid",
  "federation-name-not-resolved": "federation-unreachable",
  "federation-proxy-refused": "proxy-refused",
  "federation-refused": "federation-refused",
  "federation-throttled": "federation-throttled",
  "federation-tls": "tls-untrusted",
  "federation-unauthorized": "federation-unauthorized",
  "federation-unavailable": "federation-unavailable",
  "federation-unreachable": "federation-unreachable",
  "sdk-failed": "sdk-failed",
  "token-key-mismatch": "federation-invalid",

  "image-foreign": "image-foreign",
  "image-invalid": "image-invalid",
  "registry-answer-invalid": "registry-answer-invalid",
  "registry-forbidden": "registry-forbidden",
  "registry-redirected": "registry-answer-invalid",
  "registry-refused": "registry-answer-invalid",
  "registry-status-unexpected": "registry-answer-invalid",
  "registry-throttled": "registry-throttled",
  "registry-unauthorized": "registry-unauthorized",
  "registry-unavailable": "registry-unavailable",
  "token-anonymous": "token-anonymous",
  "expired-on-arrival": "registry-answer-invalid",
  "token-expired": "registry-answer-invalid",

  // Connections to the registry; the identity package has its own codes for the other services.
  "answer-too-large": "registry-answer-invalid",
  "connection-broken": "connection-broken",
  "name-not-found": "registry-unreachable",
  "name-not-resolved": "registry-unreachable",
  "proxy-refused": "proxy-refused",
  refused: "registry-unreachable",
  timeout: "registry-unreachable",
  tls: "tls-untrusted",
  unreachable: "registry-unreachable",
};

/** The subject of an identity error. Those of metadata service and clock are reported by checks of their own. */
const IDENTITY_SUBJECT: Readonly<
  Record<IdentityErrorCode, "certificate" | "clock" | "metadata" | "region" | "session">
> = {
  ...rowsOfFiles(() => "session"),
  aborted: "metadata",
  "certificate-expired": "certificate",
  "certificate-invalid": "certificate",
  "certificate-mismatch": "certificate",
  "clock-skew": "clock",
  "federation-invalid": "session",
  "federation-name-not-resolved": "session",
  "federation-proxy-refused": "session",
  "federation-refused": "session",
  "federation-throttled": "session",
  "federation-tls": "session",
  "federation-unauthorized": "session",
  "federation-unavailable": "session",
  "federation-unreachable": "session",
  "identity-none": "session",
  "identity-not-ready": "certificate",
  "metadata-invalid": "metadata",
  "metadata-not-found": "metadata",
  "metadata-refused": "metadata",
  "metadata-throttled": "metadata",
  "metadata-unavailable": "metadata",
  "metadata-unreachable": "metadata",
  "region-unknown": "region",
  "sdk-failed": "session",
  "tenancy-changed": "certificate",
  "token-key-mismatch": "session",
};

/** Undefined for a code of no package of ours: a bug. */
export function findingOfCode(code: string): Name | undefined {
  return rowOf(FINDING_OF_CODE, code);
}

export function identitySubject(code: string): (typeof IDENTITY_SUBJECT)[IdentityErrorCode] | undefined {
  return rowOf(IDENTITY_SUBJECT, code);
}

function rowsOfFiles<Row extends string>(of: (code: FileCode) => Row): Readonly<Record<FileCode, Row>> {
  const codes = Object.keys(FILE_IDENTITY_ERRORS) as FileCode[];
  return Object.fromEntries(codes.map((code) => [code, of(code)])) as Record<FileCode, Row>;
}

function rowOf<Key extends string, Row>(table: Readonly<Record<Key, Row>>, key: string): Row | undefined {
  return Object.hasOwn(table, key) ? table[key as Key] : undefined;
}
