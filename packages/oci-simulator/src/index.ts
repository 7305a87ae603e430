export type { ApiKeySettings } from "./auth/api-keys.ts";
export type { EndpointPattern } from "./endpoints.ts";
export type { Fault } from "./http/faults.ts";
export type { RefusalRecord } from "./http/refusal.ts";
export type { IamChange } from "./iam.ts";
export type { WantedServiceAccountToken } from "./service-accounts.ts";
export { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.ts";
