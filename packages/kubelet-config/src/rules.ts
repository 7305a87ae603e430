/**
 * Every rule by its code: its meaning, the kubelet minors in which it stops the kubelet, and the remedy.
 * A rule that is fatal in no minor, or not in this one, is a warning. docs/kubelet-rules.md is this table for people.
 */
import {
  API_VERSION,
  API_VERSIONS,
  MATCH_IMAGES,
  PROVIDER_NAME,
  SERVICE_ACCOUNT_PROVIDER_NAME,
} from "@ocir-broker/protocol";

/** Minors of Kubernetes 1.x, both inclusive; an open end lasts until the newest. */
export interface FatalMinors {
  readonly from: number;
  readonly to?: number;
}

export interface Rule {
  readonly rule: string;
  /** The minors in which the kubelet refuses to start, if that is known. Absent for a lint of ours, which the kubelet does not have. */
  readonly fatal?: FatalMinors | "unknown";
  readonly fix: string;
}

/** The oldest supported minor: the first with credentialprovider.kubelet.k8s.io/v1. */
export const OLDEST_MINOR = 26;
/** The newest minor that the rules were compared with. */
export const NEWEST_MINOR = 37;

const ALWAYS: FatalMinors = { from: OLDEST_MINOR };
/** Kubernetes PR 128062: unknown, duplicate and mis-cased fields. */
const STRICT: FatalMinors = { from: 32 };
/** KEP-4412, alpha in 1.33. */
const TOKEN_ATTRIBUTES: FatalMinors = { from: 33 };

export const RULES = {
  "files-missing": {
    rule: "a directory holds at least one .json, .yaml or .yml file",
    fatal: ALWAYS,
    fix: "write the configuration file before the kubelet's flag names it",
  },
  "directory-unsupported": {
    rule: "only one file is read, not a directory",
    fatal: { from: OLDEST_MINOR, to: 33 },
    fix: "put all providers into one file and name that file",
  },
  "not-understood": {
    rule: "the file is JSON, or YAML in the form below",
    fatal: "unknown",
    fix: "write it as JSON, or as simple YAML: one document, each text on one line, no anchors, tags or tabs",
  },
  "kind-invalid": {
    rule: "kind is CredentialProviderConfig",
    fatal: ALWAYS,
    fix: "set kind: CredentialProviderConfig",
  },
  "api-version-invalid": {
    rule: "apiVersion is kubelet.config.k8s.io/v1, v1beta1 or v1alpha1",
    fatal: ALWAYS,
    fix: "set apiVersion: kubelet.config.k8s.io/v1",
  },
  "field-type-invalid": {
    rule: "each value has its field's type; unquoted yes, no, on, off, y, n and numbers are not strings",
    fatal: ALWAYS,
    fix: "write a value of that type; put text that looks like a number or a boolean in quotes",
  },
  "field-unknown": {
    rule: "only fields that this minor and apiVersion know",
    fatal: STRICT,
    fix: "remove the field",
  },
  "field-case": {
    rule: "field names in exactly their spelling, upper and lower case included",
    fatal: STRICT,
    fix: "spell the field name as documented",
  },
  "field-duplicate": {
    rule: "no field is given twice",
    fatal: STRICT,
    fix: "keep one of them",
  },
  "providers-missing": {
    rule: "at least one provider",
    fatal: ALWAYS,
    fix: "add a provider, or take the kubelet's --image-credential-provider flags away",
  },
  "provider-name-invalid": {
    rule: "name is the file name of a program: not empty, no /, no space, not . or ..",
    fatal: ALWAYS,
    fix: "name the program in the kubelet's --image-credential-provider-bin-dir",
  },
  "provider-name-duplicate": {
    rule: "each provider's name only once, over all files",
    fatal: ALWAYS,
    fix: "keep one of the providers, or install the program under a second name",
  },
  "provider-executable-missing": {
    rule: "an executable of that name is in the bin directory",
    fatal: ALWAYS,
    fix: "install the program and make it executable before the kubelet starts, or remove the provider",
  },
  "provider-api-version-invalid": {
    rule: `the provider's apiVersion is one of ${API_VERSIONS.join(", ")}`,
    fatal: ALWAYS,
    fix: `set apiVersion: ${API_VERSION}`,
  },
  "match-images-missing": {
    rule: "at least one entry in matchImages",
    fatal: ALWAYS,
    fix: "add the registry hosts that the provider serves",
  },
  "match-image-invalid": {
    rule: "each entry of matchImages is a URL when https:// is put before it: no glob in the port",
    fatal: ALWAYS,
    fix: "write host, host:port or host/path; globs only in the host",
  },
  "match-image-brackets": {
    rule: "no brackets or second colon in a host, except for an IPv6 address (Go 1.25.8; patch releases of older minors too)",
    fatal: { from: 36 },
    fix: "use * instead of a character class",
  },
  "cache-duration-missing": {
    rule: "defaultCacheDuration is given",
    fatal: ALWAYS,
    fix: 'set defaultCacheDuration: "0s"',
  },
  "cache-duration-invalid": {
    rule: "defaultCacheDuration is a Go duration in a string, with units ns, us, ms, s, m, h",
    fatal: ALWAYS,
    fix: 'write it like "10m" or "0s"',
  },
  "cache-duration-negative": {
    rule: "defaultCacheDuration is not negative",
    fatal: ALWAYS,
    fix: 'set defaultCacheDuration: "0s"',
  },
  "token-attributes-disabled": {
    rule: "tokenAttributes only with the gate KubeletServiceAccountTokenForCredentialProviders (off in 1.33)",
    fatal: TOKEN_ATTRIBUTES,
    fix: "remove tokenAttributes, or turn the kubelet's feature gate on",
  },
  "token-attributes-api-version": {
    rule: `tokenAttributes only with the provider's apiVersion ${API_VERSION}`,
    fatal: TOKEN_ATTRIBUTES,
    fix: `set the provider's apiVersion: ${API_VERSION}`,
  },
  "token-audience-missing": {
    rule: "serviceAccountTokenAudience is not empty",
    fatal: TOKEN_ATTRIBUTES,
    fix: "set serviceAccountTokenAudience",
  },
  "token-require-service-account-missing": {
    rule: "requireServiceAccount is given",
    fatal: TOKEN_ATTRIBUTES,
    fix: "set requireServiceAccount to true or false",
  },
  "token-annotation-key-invalid": {
    rule: "annotation keys are qualified names (case does not count)",
    fatal: TOKEN_ATTRIBUTES,
    fix: "write the key as name or prefix.example.com/name",
  },
  "token-annotation-key-duplicate": {
    rule: "no annotation key twice, nor both required and optional",
    fatal: TOKEN_ATTRIBUTES,
    fix: "keep the key in one place",
  },
  "token-annotation-keys-forbidden": {
    rule: "required annotation keys only with requireServiceAccount: true",
    fatal: TOKEN_ATTRIBUTES,
    fix: "set requireServiceAccount: true, or make the keys optional",
  },
  "token-cache-type-invalid": {
    rule: "cacheType is Token or ServiceAccount",
    fatal: { from: 34 },
    fix: "set cacheType: Token",
  },
  "match-image-scheme": {
    rule: "an entry with a scheme matches no image",
    fix: "remove https://",
  },
  "match-image-cut": {
    rule: "the kubelet cuts an entry at ? and #, as in any URL: ? is no glob",
    fix: "use * instead",
  },
  "match-image-path-glob": {
    rule: "the path is a plain prefix: a glob in it matches no image",
    fix: "remove the path from the first glob on; host/ already matches every repository",
  },
  "match-image-upper-case": {
    rule: "upper and lower case differ, and image names are written in lower case",
    fix: "write the entry in lower case",
  },
  "match-image-host-missing": {
    rule: "an entry without a host matches no image",
    fix: "begin the entry with the registry host",
  },
  "match-image-port": {
    rule: "ports must be equal: an entry with a port matches no image that does not spell it, and the other way round",
    fix: "remove the port, unless images are written with it",
  },
  "provider-missing": {
    rule: `the provider ${PROVIDER_NAME} is configured`,
    fix: "add it, or images of OCIR are pulled without credentials",
  },
  "host-form-missing": {
    rule: `our provider covers both forms of OCIR's hosts: ${MATCH_IMAGES.join(" and ")}`,
    fix: "add the missing entry to matchImages",
  },
  "cache-duration-positive": {
    rule: 'our provider disables caching in its answers, so its defaultCacheDuration is "0s" too',
    fix: 'set defaultCacheDuration: "0s": harmless with our program, but another under its name would be cached',
  },
  "service-account-overlap": {
    rule: `no repository matches both ${PROVIDER_NAME} and ${SERVICE_ACCOUNT_PROVIDER_NAME}, under any name of its registry: a pod could pull with the node's identity`,
    fix: "remove the entry from one of them",
  },
  "service-account-token-missing": {
    rule: `${SERVICE_ACCOUNT_PROVIDER_NAME} has tokenAttributes: without them the kubelet sends no token, and every pod gets the node's identity`,
    fix: "write the entry with ocir-broker kubelet-config merge --service-accounts AUDIENCE, or remove it",
  },
  "provider-overlap": {
    rule: "no other provider matches the same images as ours: all that match are run one after the other",
    fix: "remove the entry from the other provider, unless both are meant to be asked",
  },
} as const satisfies Record<string, Rule>;

export type FindingCode = keyof typeof RULES;
