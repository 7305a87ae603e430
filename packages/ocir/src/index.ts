export { type Access, isProbeable, type ProbeOptions, probeRepository } from "./access-probe.ts";
export { isEndpointAllowed } from "./endpoint.ts";
export { OCIR_ERRORS, OcirError, type OcirErrorCode } from "./errors.ts";
export {
  createHostRules,
  type HostRuleOptions,
  isRegistryHost,
  registryHostOf,
  withoutDefaultPort,
} from "./host-rules.ts";
export { type ImageName, parseImage, referenceOf } from "./image.ts";
export { imageFaultOf } from "./image-fault.ts";
export { fetchBearerToken, type SignRequest, type TokenEndpointOptions } from "./token-endpoint.ts";
