/**
 * The wiring that daemon, one-shot broker, doctor and tests share: an identity provider, and the caches of home region, session
 * and tokens on top of it. Owns no socket, log or metric; it reports through events.
 */

import type { Config } from "@ocir-broker/config/schema";
import type { IdentityEvent } from "@ocir-broker/identity/identity-event";
import type { IdentityProviderContext } from "@ocir-broker/identity/identity-provider";
import { createIdentityProvider } from "@ocir-broker/identity/identity-providers";
import { type CacheEvents, type CachesOptions, createCaches } from "./tokens/caches.ts";

export type NodeCredentials = ReturnType<typeof createNodeCredentials>;

export interface NodeCredentialsOptions extends CachesOptions, Omit<IdentityProviderContext, "onEvent"> {
  readonly config: Pick<Config, "identity" | "user" | "cliSession" | "metadata" | "auth" | "registries">;
  readonly events?: NodeCredentialsEvents | undefined;
}

export interface NodeCredentialsEvents extends CacheEvents {
  onIdentity(event: IdentityEvent): void;
}

export function createNodeCredentials(options: NodeCredentialsOptions) {
  const context = { ...options, onEvent: options.events?.onIdentity };
  const provider = createIdentityProvider(options.config.identity.provider, options.config, context);
  return { provider, ...createCaches(provider, options) };
}
