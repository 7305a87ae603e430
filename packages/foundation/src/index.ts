export {
  BOOT_STEP_MS,
  bootMs,
  type Clock,
  createSystemClock,
  holdProcess,
  kernelMonotonicUs,
  type Timer,
} from "./clock.ts";
export { isSkewed } from "./clock-skew.ts";
export {
  type ConnectionLimits,
  createDirectDispatcher,
  createUpstreamDispatcher,
  type ProxySettings,
  type UpstreamDispatcherOptions,
} from "./dispatcher.ts";
export { type Expiring, type RetryHint, retryHintOf } from "./expiring.ts";
export { fileFaultOf } from "./file-fault.ts";
export { parseJson } from "./parse-json.ts";
export { type Random, systemRandom } from "./random.ts";
export { retryAfterMsOf } from "./retry-after.ts";
export { Secret } from "./secret.ts";
export { settledWithin } from "./settled-within.ts";
export { readTrustedCertificates } from "./trusted-certificates.ts";
export {
  createSendRequest,
  type SendRequest,
  UpstreamError,
  type UpstreamErrorCode,
  type UpstreamRequest,
  type UpstreamResponse,
} from "./upstream.ts";
