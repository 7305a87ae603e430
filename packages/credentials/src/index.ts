export { RepositoryAccess } from "./access/repository-access.ts";
export { type ConfigChanges, changesBetween, reloaded } from "./config/config-changes.ts";
export { durationMs } from "./config/duration.ts";
export { type ConfigKey, describeConfigKeys } from "./config/keys.ts";
export { loadLenientConfig } from "./config/lenient.ts";
export {
  type ConfigSource,
  checkConfig,
  DEFAULT_CONFIG_PATH,
  type Environment,
  loadConfig,
  pathOf as configPathOf,
} from "./config/load.ts";
export { printConfig } from "./config/print.ts";
export { type Config, configJsonSchema, configSchema } from "./config/schema.ts";
export { BrokerError } from "./errors/broker-error.ts";
export { ConfigError } from "./errors/config-error.ts";
export { createNodeCredentials, type NodeCredentials, type NodeCredentialsEvents } from "./node-credentials.ts";
export { createOneShotBroker } from "./one-shot-broker.ts";
export { createDockerCredentials } from "./pulls/docker-credentials.ts";
export { errorAnswer, errorAnswerOf } from "./pulls/error-answer.ts";
export { encodeAnswer, type HttpAnswer, JSON_TYPE, jsonAnswer, textAnswer } from "./pulls/http-answer.ts";
export {
  type AnswerCredentials,
  type CredentialsAnswer,
  createKubeletCredentials,
} from "./pulls/kubelet-credentials.ts";
export { REQUEST_OUTCOMES, type RequestOutcome } from "./pulls/request-outcome.ts";
export { SESSION } from "./tokens/caches.ts";
export { HOME_REGION, isAllowedNow, type Registries } from "./tokens/registries.ts";
export { UPSTREAM_RESULTS, type UpstreamResult, upstreamResult } from "./tokens/upstream-result.ts";
export { createUpstreams, instrumented } from "./tokens/upstreams.ts";
export { createCluster } from "./workloads/cluster.ts";
export { domainFaultOf } from "./workloads/domain-fault.ts";
export { currentEntry } from "./workloads/kubeconfig.ts";
export type { PullTokens } from "./workloads/pull-tokens.ts";
export { createWorkloads } from "./workloads/workloads.ts";
