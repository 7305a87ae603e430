export { createConfigStatus } from "./config/config-status.ts";
export { type ConfigKey, describeConfigKeys } from "./config/keys.ts";
export { loadLenientConfig } from "./config/lenient.ts";
export {
  type ConfigSource,
  checkConfig,
  DEFAULT_CONFIG_PATH,
  loadConfig,
  pathOf as configPathOf,
} from "./config/load.ts";
export { printConfig } from "./config/print.ts";
export { type Config, configJsonSchema, configSchema } from "./config/schema.ts";
export { createCredentialCore } from "./core/core.ts";
export { type Broker, startBroker } from "./daemon.ts";
export { BrokerError } from "./errors/broker-error.ts";
export { lastConfig } from "./handover/handover.ts";
export { createOneShotBroker } from "./one-shot-broker.ts";
export { errorAnswerOf } from "./pulls/error-answer.ts";
export { superviseBroker } from "./systemd/supervise.ts";
export { createLog, type Log } from "./telemetry/log.ts";
export { SESSION } from "./tokens/caches.ts";
export { HOME_REGION, isAllowedNow } from "./tokens/registries.ts";
export { createUpstreams } from "./tokens/upstreams.ts";
export { createCluster } from "./workloads/cluster.ts";
export { domainFaultOf } from "./workloads/domain-fault.ts";
export { currentEntry } from "./workloads/kubeconfig.ts";
