/**
 * Every rule by its code: the kubelet minors in which it stops the kubelet, and the remedy. A rule that is fatal in no minor, or not
 * in this one, is a warning. docs/kubelet-rules.md has the rules' meanings.
 */
import { API_VERSION } from "@ocir-broker/protocol/contract";

/** Minors of Kubernetes 1.x, both inclusive; an open end lasts until the newest. */
export interface FatalMinors {
  readonly from: number;
  readonly to?: number;
}

export interface Rule {
  /** The minors in which the kubelet refuses to start, if that is known. Absent for a lint of ours, which the kubelet does not have. */
  readonly fatal?: FatalMinors | "unknown";
  readonly fix: string;
}

/** The oldest supported minor: the first with credentialprovider.kubelet.k8s.io/v1. */
export const OLDEST_MINOR = 26;
/** The newest minor that the rules were compared with. */
export const NEWEST_MINOR = 37;

/** Kubernetes PR 128062: unknown, duplicate and mis-cased fields. */
const STRICT_MINOR = 32;
/** KEP-4412, alpha in 1.33. */
const TOKEN_ATTRIBUTES_MINOR = 33;

const since = (from: number, fix: string): Rule => ({ fatal: { from }, fix });
const always = (fix: string): Rule => since(OLDEST_MINOR, fix);
const withTokens = (fix: string): Rule => since(TOKEN_ATTRIBUTES_MINOR, fix);

export const RULES = {
  "files-missing": always("write the configuration file before you set the kubelet's flag"),
  "directory-unsupported": {
    fatal: { from: OLDEST_MINOR, to: 33 },
    fix: "put all providers into one file and name that file",
  },
  "not-understood": {
    fatal: "unknown",
    fix: "write it as JSON, or as simple YAML: one document, each text on one line, no anchors, tags or tabs",
  },
  "kind-invalid": always("set kind: CredentialProviderConfig"),
  "api-version-invalid": always("set apiVersion: kubelet.config.k8s.io/v1"),
  "field-type-invalid": always("write a value of that type; put text that looks like a number or a boolean in quotes"),
  "field-unknown": since(STRICT_MINOR, "remove the field"),
  "field-case": since(STRICT_MINOR, "spell the field name as documented"),
  "field-duplicate": since(STRICT_MINOR, "keep one of them"),
  "providers-missing": always("add a provider, or remove the kubelet's --image-credential-provider flags"),
  "provider-name-invalid": always("name the program in the kubelet's --image-credential-provider-bin-dir"),
  "provider-name-duplicate": always("keep one of the providers, or install the program under a second name"),
  "provider-executable-missing": always(
    "install the program and make it executable before the kubelet starts, or remove the provider",
  ),
  "provider-api-version-invalid": always(`set apiVersion: ${API_VERSION}`),
  "match-images-missing": always("add the registry hosts that the provider serves"),
  "match-image-invalid": always("write host, host:port or host/path; globs only in the host"),
  // Go 1.25.8, with which the newest patch releases of 1.34 and 1.35 are built.
  "match-image-brackets": since(34, "use * instead of a character class"),
  "cache-duration-missing": always('set defaultCacheDuration: "0s"'),
  "cache-duration-invalid": always('write it like "10m" or "0s"'),
  "cache-duration-negative": always('set defaultCacheDuration: "0s"'),
  // The gate is off by default in 1.33.
  "token-attributes-disabled": withTokens("remove tokenAttributes, or enable the kubelet's feature gate"),
  "token-attributes-api-version": withTokens(`set the provider's apiVersion: ${API_VERSION}`),
  "token-audience-missing": withTokens("set serviceAccountTokenAudience"),
  "token-require-service-account-missing": withTokens("set requireServiceAccount to true or false"),
  "token-annotation-key-invalid": withTokens("write the key as name or prefix.example.com/name"),
  "token-annotation-key-duplicate": withTokens("keep the key in one place"),
  "token-annotation-keys-forbidden": withTokens("set requireServiceAccount: true, or make the keys optional"),
  "token-cache-type-invalid": since(34, "set cacheType: Token"),
  "provider-missing": { fix: "add it, or images of OCIR are pulled without credentials" },
  "host-form-missing": { fix: "add the missing entry to matchImages, without a port or a path" },
  "cache-duration-positive": {
    fix: 'set defaultCacheDuration: "0s", because responses of another program of this name would be cached',
  },
  "service-account-overlap": { fix: "remove the entry from one of them" },
  "service-account-token-missing": {
    fix: "run ocir-broker node connect --service-accounts AUDIENCE, or remove the entry",
  },
} as const satisfies Record<string, Rule>;

export type FindingCode = keyof typeof RULES;
