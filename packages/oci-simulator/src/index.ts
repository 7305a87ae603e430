export type { ApiKeySettings } from "./auth/api-keys.ts";
export type { ServiceAccountIssuer, WantedServiceAccountToken } from "./cluster/service-accounts.ts";
export type { Controls, UserSession } from "./control.ts";
export type { EndpointName, EndpointPattern, RequestCounts } from "./endpoints.ts";
export type { Fault, Moment } from "./faults.ts";
export { Refusal, type RefusalCode, type RefusalRecord } from "./http/refusal.ts";
export type { IamChange } from "./iam.ts";
export { DEFAULT_REGION, type Instance, type Region } from "./metadata/instance.ts";
export { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.ts";
