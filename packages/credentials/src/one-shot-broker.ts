/**
 * Answers the one call of a command without a daemon (`ocir-broker get`, the docker credential helper), with a session and a token
 * of its own.
 *
 * It decides as the daemon does. It has no health, metrics or log, because nobody would read them; it fetches nothing ahead,
 * and probes no repository, because its tokens are seconds old.
 */
import { durationMs } from "@ocir-broker/config/duration";
import type { Config } from "@ocir-broker/config/schema";
import { createNodeCredentials, type NodeCredentialsOptions } from "./node-credentials.ts";
import { createDockerCredentials } from "./pulls/docker-credentials.ts";
import { createKubeletCredentials } from "./pulls/kubelet-credentials.ts";
import { createServiceAccounts } from "./service-accounts/service-accounts.ts";
import { createUpstreams } from "./tokens/upstreams.ts";

export interface OneShotBrokerOptions extends Pick<NodeCredentialsOptions, "clock" | "random"> {
  readonly config: Config;
  /** For the system's certificates (SSL_CERT_FILE). */
  readonly environment: NodeJS.ProcessEnv;
  /** Time limit of a response; a shorter `request.deadline` of the configuration has precedence. */
  readonly limitMs: number;
}

export function createOneShotBroker(options: OneShotBrokerOptions) {
  const { config, clock, limitMs } = options;
  const upstreams = createUpstreams(options);
  const deadlineMs = Math.min(durationMs(config.request.deadline), limitMs);
  const credentials = createNodeCredentials({
    ...options,
    deadlineMs,
    sendMetadata: upstreams.sendMetadata,
    sendAuth: upstreams.send,
    sendTo: () => upstreams.send,
  });
  const serviceAccounts = createServiceAccounts({
    ...options,
    ...credentials,
    sendTo: () => upstreams.send,
    sendDomain: upstreams.send,
  });

  return {
    decide: createKubeletCredentials({
      ...credentials,
      pullTokens: serviceAccounts.pullTokens,
      clock,
      deadlineMs,
      access: { ask: () => "unknown", heal: () => Promise.resolve("unknown") },
    }),
    /** For a docker credential helper without a daemon. */
    decideForDocker: createDockerCredentials({
      ...credentials,
      clock,
      deadlineMs,
      settings: config.serviceAccounts,
      hasFailedClosed: () => false,
    }),
    async close(): Promise<void> {
      credentials.close();
      await Promise.all([serviceAccounts.close(), upstreams.close()]);
    },
  };
}
