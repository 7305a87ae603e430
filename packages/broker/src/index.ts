export { type Broker, type BrokerOptions, startBroker } from "./broker.ts";
export { BrokerError, type BrokerErrorCode } from "./broker-error.ts";
export { type CheckedConfig, checkConfig, DEFAULT_CONFIG_PATH, loadConfig } from "./config/load.ts";
export { printConfig } from "./config/print.ts";
export { type Config, configJsonSchema, configSchema } from "./config/schema.ts";
export type { CredentialsAnswer } from "./credentials.ts";
export { ERROR_TABLE, type ErrorCode, type ErrorRow } from "./error-table.ts";
export type { HealthDetails, HealthStatus, HealthSummary } from "./health.ts";
export { createLog, type Log } from "./log.ts";
