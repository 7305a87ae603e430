/** Holds the configuration in force, applies the live part of a new one, and pins the registry hosts that it names. */
import { type ConfigChanges, changesBetween, reloaded } from "./config/diff.ts";
import type { Config } from "./config/schema.ts";
import type { CredentialCore } from "./core/core.ts";
import { prefetch } from "./prefetch.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { isAllowedNow } from "./tokens/registries.ts";

export interface AppliedConfig {
  readonly current: Config;
  /** Applies the keys that need no restart. */
  apply(next: Config): ConfigChanges;
  /** Pins the hosts to prefetch. Call again once the home region is known. */
  pinHosts(): void;
}

export interface AppliedConfigOptions {
  readonly config: Config;
  readonly core: CredentialCore;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "nameRegistry">;
}

export function createAppliedConfig({ config, core, log, metrics }: AppliedConfigOptions): AppliedConfig {
  const { registries, tokens } = core;
  let current = config;
  const pinHosts = (): void => prefetch(current, core, metrics.nameRegistry);

  /** Withdraws the token of a host that is no longer allowed, so it gets no signed request either. */
  async function withdrawIfForeign(registryHost: string): Promise<void> {
    if (!(await isAllowedNow(registries, registryHost))) tokens.withdraw(registryHost);
  }

  return {
    get current() {
      return current;
    },
    apply(next) {
      const changes = changesBetween(current, next);
      current = reloaded(current, next);
      log.level = current.log.level;
      for (const registryHost of registries.applyConfig(current)) tokens.invalidate(registryHost);
      for (const { key } of tokens.entries()) void withdrawIfForeign(key);
      pinHosts();
      return changes;
    },
    pinHosts,
  };
}
