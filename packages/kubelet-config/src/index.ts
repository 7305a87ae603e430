export { type Answer, decodeCredentialProviderAnswer } from "./answer.ts";
export { type CheckOptions, checkCredentialProviderConfig, readProviders } from "./checking/check.ts";
export { KUBELET_CONFIG_ERRORS, KubeletConfigError, type KubeletConfigErrorCode } from "./errors.ts";
export type { Finding } from "./finding.ts";
export {
  explainMatch,
  type MatchExplanation,
  type MismatchReason,
  matchesImage,
  type PatternMismatch,
  type ProviderMatch,
} from "./matching/match.ts";
export { REGION_KEYS } from "./matching/region-keys.ts";
export { type MergeOptions, mergeProvider, removeProviders } from "./merging/merge.ts";
export { parseKubeletVersion } from "./minor.ts";
export type { ConfigFile } from "./reading/decode.ts";
export { decodeConfigText } from "./reading/document.ts";
export { type FatalMinors, type FindingCode, NEWEST_MINOR, OLDEST_MINOR, RULES, type Rule } from "./rules.ts";
export { audienceRbac, type WorkloadPolicy, workloadPolicy } from "./service-account-grants.ts";
