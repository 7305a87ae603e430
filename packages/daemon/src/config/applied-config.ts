/** Holds the configuration in force, applies the live part of a new one, and pins the registry hosts that it names. */
import { changesBetween, reloaded } from "@ocir-broker/config/config-changes";
import type { Config } from "@ocir-broker/config/schema";
import type { NodeCredentials } from "@ocir-broker/credentials/node-credentials";
import { HOME_REGION, isAllowedNow } from "@ocir-broker/credentials/tokens/registries";
import { hasIdentity } from "@ocir-broker/identity/identity-providers";
import { registryHostOf } from "@ocir-broker/ocir/host-rules";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics/metrics.ts";

export interface AppliedConfigOptions {
  readonly config: Config;
  readonly credentials: NodeCredentials;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "nameRegistry">;
}

export function createAppliedConfig({ config, credentials, log, metrics }: AppliedConfigOptions) {
  const { provider, homeRegion, registries, tokens } = credentials;
  let current = config;

  /**
   * Pins only the hosts to prefetch: those that the configuration names, by default the home region's; none without an identity.
   * Call again once the home region is known.
   */
  function pinHosts(): void {
    if (!hasIdentity(provider.name)) return;
    const home = homeRegion.peek(HOME_REGION);
    const registryHosts = current.registries.prefetch ?? (home === undefined ? [] : [registryHostOf(home.value)]);
    for (const { key, pinned } of tokens.entries()) if (pinned && !registryHosts.includes(key)) tokens.unpin(key);
    for (const registryHost of registryHosts) {
      metrics.nameRegistry(registryHost);
      tokens.pin(registryHost);
    }
  }

  /** Withdraws the token of a host that is no longer allowed, so it gets no signed request either. */
  async function withdrawIfForeign(registryHost: string): Promise<void> {
    if (!(await isAllowedNow(registries, registryHost))) tokens.withdraw(registryHost);
  }

  return {
    get current(): Config {
      return current;
    },
    /** Applies the keys that need no restart. */
    apply(next: Config) {
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
