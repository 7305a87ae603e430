export { type Access, isProbeable, probeRepository } from "./access-probe.ts";
export { isEndpointAllowed } from "./endpoint.ts";
export { createHostRules, isRegistryHost, registryHostOf, withoutDefaultPort } from "./host-rules.ts";
export { type ImageName, parseImage, referenceOf } from "./image.ts";
export { imageFaultOf } from "./image-fault.ts";
export { OcirError } from "./ocir-error.ts";
export { fetchBearerToken } from "./token-endpoint.ts";
