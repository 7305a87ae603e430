export { type Broker, type BrokerOptions, startBroker } from "./broker.ts";
export { BrokerError, type BrokerErrorCode } from "./broker-error.ts";
export { type ConfigDetails, createConfigStatus } from "./config/config-status.ts";
export { type ConfigKey, describeConfigKeys } from "./config/keys.ts";
export { type CheckedConfig, checkConfig, DEFAULT_CONFIG_PATH, loadConfig } from "./config/load.ts";
export { printConfig } from "./config/print.ts";
export { type Config, configJsonSchema, configSchema } from "./config/schema.ts";
export { loadUsableConfig, type UsableConfig } from "./config/usable.ts";
export type { CredentialsAnswer } from "./credentials.ts";
export { errorAnswerOf } from "./error-answer.ts";
export { ERROR_TABLE, type ErrorCode, type ErrorRow } from "./error-table.ts";
export { handedOverSockets } from "./handed-over-sockets.ts";
export type { HealthDetails, HealthStatus, HealthSummary } from "./health.ts";
export { createLog, type Log } from "./log.ts";
export { lastConfig } from "./memory/last-config.ts";
export { hostsNamedIn } from "./registries.ts";
export {
  createShortLivedBroker,
  type ShortLivedBroker,
  type ShortLivedBrokerOptions,
} from "./short-lived-broker.ts";
export { type StandIn, type StandInOptions, startStandIn } from "./stand-in.ts";
export { type Supervision, type SupervisionOptions, superviseBroker } from "./supervision/supervise.ts";
