/** The registry of identity providers: one line for each, by the name that the configuration and kept state use. */
import { type CliSessionSettings, createCliSession } from "./cli-session/cli-session.ts";
import type { InstancePrincipalSettings } from "./instance-principal/endpoints.ts";
import { createInstancePrincipal } from "./instance-principal/instance-principal.ts";
import { createNoIdentity } from "./no-identity/no-identity.ts";
import type { IdentityProvider, ProviderContext } from "./provider.ts";
import { createResourcePrincipal } from "./resource-principal/resource-principal.ts";
import { createUserPrincipal, type UserPrincipalSettings } from "./user-principal/user-principal.ts";

interface Registered {
  readonly create: (settings: never, context: ProviderContext) => IdentityProvider;
  /** The value of OCI_CLI_AUTH for the same identity, if Oracle's command line has it (oci-cli, src/oci_cli/cli_root.py). */
  readonly cliAuth?: string;
}

const PROVIDERS = {
  "instance-principal": { create: createInstancePrincipal, cliAuth: "instance_principal" },
  user: { create: createUserPrincipal, cliAuth: "api_key" },
  "cli-session": { create: createCliSession, cliAuth: "security_token" },
  "resource-principal": { create: createResourcePrincipal, cliAuth: "resource_principal" },
  none: { create: createNoIdentity },
} as const satisfies Readonly<Record<string, Registered>>;

export type ProviderName = keyof typeof PROVIDERS;

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as readonly ProviderName[];

/** The provider of a configuration that names none. */
export const DEFAULT_PROVIDER: ProviderName = "instance-principal";

/** The sections of the configuration that any provider reads. */
export type ProviderSettings = InstancePrincipalSettings & UserPrincipalSettings & CliSessionSettings;

export interface NamedProvider extends IdentityProvider {
  readonly name: ProviderName;
}

/** False for `none`, which never has a session. */
export function hasIdentity({ name }: Pick<NamedProvider, "name">): boolean {
  return name !== "none";
}

/** The provider that signs as Oracle's command line does with this OCI_CLI_AUTH; undefined if there is none. */
export function providerOfCliAuth(auth: string): ProviderName | undefined {
  return PROVIDER_NAMES.find((name) => (PROVIDERS[name] as Registered).cliAuth === auth);
}

export function createProvider(
  name: ProviderName,
  settings: ProviderSettings,
  context: ProviderContext,
): NamedProvider {
  return { ...PROVIDERS[name].create(settings, context), name };
}
