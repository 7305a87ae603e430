/**
 * The wiring that daemon, one-shot broker, doctor and tests share: an identity provider, and the caches of home region, session
 * and tokens on top of it. Owns no socket, log or metric; it reports through events.
 */

import type { Config } from "@ocir-broker/config/schema";
import type { IdentityProviderContext } from "@ocir-broker/identity/identity-provider";
import { createIdentityProvider } from "@ocir-broker/identity/identity-providers";
import { type CachesOptions, createCaches } from "./tokens/caches.ts";

export type NodeCredentials = ReturnType<typeof createNodeCredentials>;

export interface NodeCredentialsOptions extends CachesOptions, IdentityProviderContext {
  readonly config: Pick<Config, "identity" | "user" | "cliSession" | "metadata" | "auth" | "registries">;
}

export function createNodeCredentials(options: NodeCredentialsOptions) {
  const provider = createIdentityProvider(options.config.identity.provider, options.config, options);
  return { provider, ...createCaches(provider, options) };
}
