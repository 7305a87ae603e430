export {
  type ClientCertificate,
  createDirectDispatcher,
  createUpstreamDispatcher,
  parseProxyUrl,
} from "./dispatcher.ts";
export { type Expiring, retryHintOf } from "./expiring.ts";
export { FetchError, type FetchErrorOptions } from "./fetch-error.ts";
export { fileFaultOf } from "./file-fault.ts";
export { parseJson } from "./parse-json.ts";
export { parseJwt } from "./parse-jwt.ts";
export { type Random, systemRandom } from "./random.ts";
export { type ReadOptions, readRegularFile } from "./regular-file.ts";
export { resultIfAny } from "./result-if-any.ts";
export { retryAfterMsOf } from "./retry-after.ts";
export { Secret } from "./secret.ts";
export {
  BOOT_STEP_MS,
  bootMs,
  type Clock,
  createSystemClock,
  holdProcess,
  kernelMonotonicUs,
  type Timer,
} from "./time/clock.ts";
export { isSkewed } from "./time/clock-skew.ts";
export { createLimiter, type Limiter } from "./time/limiter.ts";
export { settledWithin } from "./time/settled-within.ts";
export { sleep } from "./time/sleep.ts";
export { readTrustedCertificates } from "./trusted-certificates.ts";
export { absolutePathOf, distrustOf } from "./trusted-path.ts";
export {
  createSendRequest,
  MAX_BODY_BYTES,
  type SendRequest,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from "./upstream.ts";
export { urlBelow } from "./url-below.ts";
