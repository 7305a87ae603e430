/**
 * The fallback broker: answers one call, and the calls made in the same seconds, with session and tokens as the daemon has them.
 *
 * No health, metrics or log, for nobody would read them; nothing is fetched ahead; and no repository is probed, since
 * what is answered with was fetched a moment ago. What it answers, it answers as the daemon does.
 */
import type { Clock, Random } from "@ocir-broker/foundation";
import { durationMs } from "../config/duration.ts";
import type { Config } from "../config/schema.ts";
import { createCredentialCore } from "../core/core.ts";
import { type AnswerCredentials, createCredentials } from "../pulls/kubelet-request.ts";
import { createUpstreams } from "../tokens/upstreams.ts";

export interface FallbackBroker {
  readonly answer: AnswerCredentials;
  close(): Promise<void>;
}

export interface FallbackBrokerOptions {
  readonly config: Config;
  /** For the system's certificates (SSL_CERT_FILE). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Longest that an answer may take, milliseconds; the configuration's `request.deadline` where that is less. */
  readonly limitMs: number;
}

export function createFallbackBroker(options: FallbackBrokerOptions): FallbackBroker {
  const { config, environment, clock, random, limitMs } = options;
  const upstreams = createUpstreams({ config, environment, clock });
  const deadlineMs = Math.min(durationMs(config.request.deadline), limitMs);
  const core = createCredentialCore({
    config,
    clock,
    random,
    deadlineMs,
    sendMetadata: upstreams.sendMetadata,
    sendAuth: upstreams.send,
    sendTo: () => upstreams.send,
  });
  return {
    answer: createCredentials({
      ...core,
      clock,
      deadlineMs,
      access: { ask: () => "unknown", heal: () => Promise.resolve("unknown") },
    }),
    async close() {
      core.close();
      await upstreams.close();
    },
  };
}
