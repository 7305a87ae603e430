export { BROKER_ERRORS, type BrokerErrorCode } from "./broker-errors.ts";
export { CACHE_ERRORS, type CacheErrorCode } from "./cache-errors.ts";
export { ERROR_TABLE, type ErrorCode, errorRowOf } from "./catalogue.ts";
export { codeOf, describeError } from "./describe-error.ts";
export {
  CLOCK_SKEW,
  type ErrorText,
  type FetchErrorText,
  NEXT,
  permanent,
  type RequestErrorText,
  transient,
} from "./error-text.ts";
export { FILE_ERRORS, type FileErrorCode } from "./file-errors.ts";
export { FILE_IDENTITY_ERRORS, IDENTITY_ERRORS, type IdentityErrorCode } from "./identity-errors.ts";
export { OCIR_ERRORS, type OcirErrorCode } from "./ocir-errors.ts";
export { PROTOCOL_ERRORS, type ProtocolErrorCode } from "./protocol-errors.ts";
export { UPSTREAM_ERRORS, type UpstreamErrorCode } from "./upstream-errors.ts";
export { WORKLOAD_ERRORS, type WorkloadErrorCode } from "./workload-errors.ts";
