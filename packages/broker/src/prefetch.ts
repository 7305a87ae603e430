/** Pins registry hosts: those that the configuration names, by default the home region's. */
import { hasIdentity } from "@ocir-broker/identity";
import { registryHostOf } from "@ocir-broker/ocir";
import type { Config } from "./config/schema.ts";
import type { CredentialCore } from "./core/core.ts";
import { HOME_REGION } from "./tokens/registries.ts";

/** Pins the hosts of the configuration, or none without an identity to fetch their tokens. Call again after a reload and once the home region is known. */
export function prefetch(
  { registries }: Pick<Config, "registries">,
  { provider, homeRegion, tokens }: Pick<CredentialCore, "provider" | "homeRegion" | "tokens">,
  onPinned: (registryHost: string) => void,
): void {
  if (!hasIdentity(provider)) return;
  const home = homeRegion.peek(HOME_REGION);
  for (const registryHost of registries.prefetch ?? (home === undefined ? [] : [registryHostOf(home.value)])) {
    onPinned(registryHost);
    tokens.pin(registryHost);
  }
}
