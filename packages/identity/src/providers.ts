/** The registry of identity providers: one line for each, by the name that the configuration and kept state use. */
import { createCliSession } from "./cli-session/cli-session.ts";
import { createInstancePrincipal } from "./instance-principal/instance-principal.ts";
import { createNoIdentity } from "./no-identity/no-identity.ts";
import type { IdentityProvider, ProviderContext } from "./provider.ts";
import { createResourcePrincipal } from "./resource-principal/resource-principal.ts";
import { createUserPrincipal } from "./user-principal/user-principal.ts";

const PROVIDERS = {
  "instance-principal": createInstancePrincipal,
  user: createUserPrincipal,
  session: createCliSession,
  "resource-principal": createResourcePrincipal,
  none: createNoIdentity,
};

export type ProviderName = keyof typeof PROVIDERS;

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as readonly ProviderName[];

/** The provider of a configuration that names none. */
export const DEFAULT_PROVIDER: ProviderName = "instance-principal";

/** The sections of the configuration that any provider reads. */
export type ProviderSettings = SettingsOf<(typeof PROVIDERS)[ProviderName]>;

export interface NamedProvider extends IdentityProvider {
  readonly name: ProviderName;
}

/** False for `none`, which never has a session. */
export function hasIdentity({ name }: Pick<NamedProvider, "name">): boolean {
  return name !== "none";
}

export function createProvider(
  name: ProviderName,
  settings: ProviderSettings,
  context: ProviderContext,
): NamedProvider {
  return { ...PROVIDERS[name](settings, context), name };
}

/** The intersection of the settings of all providers. */
type SettingsOf<Create extends (settings: never, context: ProviderContext) => IdentityProvider> = (
  Create extends (settings: infer Settings, context: ProviderContext) => IdentityProvider
    ? (settings: Settings) => void
    : never
) extends (settings: infer All) => void
  ? All
  : never;
