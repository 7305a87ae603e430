export { type Answer, decodeCredentialProviderAnswer } from "./answer.ts";
export { type CheckOptions, checkCredentialProviderConfig, readProviders } from "./check.ts";
export type { ConfigFile } from "./decode.ts";
export { decodeConfigText } from "./document.ts";
export { KubeletConfigError, type KubeletConfigErrorCode } from "./errors.ts";
export type { Finding } from "./finding.ts";
export {
  explainMatch,
  type MatchExplanation,
  type MismatchReason,
  matchesImage,
  type PatternMismatch,
  type ProviderMatch,
} from "./match.ts";
export { type MergeOptions, mergeProvider, removeProvider } from "./merge.ts";
export { parseKubeletVersion } from "./minor.ts";
export { MATCH_IMAGES, PROVIDER_API_VERSION, PROVIDER_NAME } from "./our-provider.ts";
export { type FatalMinors, type FindingCode, RULES, type Rule } from "./rules.ts";
