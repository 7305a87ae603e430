/** The registry of identity providers: one line for each, by the name that the configuration and kept state use. */
import { createCliSession } from "./cli-session/cli-session.ts";
import { IdentityError } from "./identity-error.ts";
import type { IdentityProvider, IdentityProviderContext } from "./identity-provider.ts";
import type { InstancePrincipalSettings } from "./instance-principal/endpoints.ts";
import { createInstancePrincipal } from "./instance-principal/instance-principal.ts";
import type { ProfileSettings } from "./oci-profile/profile.ts";
import { createResourcePrincipal } from "./resource-principal/resource-principal.ts";
import { createUserPrincipal } from "./user-principal/user-principal.ts";
import { createOkeWorkloadIdentity } from "./workload-identity/oke-workload-identity.ts";
import { createWorkloadIdentityFederation } from "./workload-identity/workload-identity-federation.ts";

interface Registered {
  readonly create: (settings: never, context: IdentityProviderContext) => IdentityProvider;
  /**
   * The value of OCI_CLI_AUTH for the same identity (oci-cli, src/oci_cli/cli_root.py). Oracle's command line has none for a federated
   * workload; the value is ours, in its form.
   */
  readonly cliAuth?: string;
}

const IDENTITY_PROVIDERS = {
  "instance-principal": { create: createInstancePrincipal, cliAuth: "instance_principal" },
  user: { create: createUserPrincipal, cliAuth: "api_key" },
  "cli-session": { create: createCliSession, cliAuth: "security_token" },
  "resource-principal": { create: createResourcePrincipal, cliAuth: "resource_principal" },
  "workload-identity-federation": { create: createWorkloadIdentityFederation, cliAuth: "workload_identity_federation" },
  "oke-workload-identity": { create: createOkeWorkloadIdentity, cliAuth: "oke_workload_identity" },
  none: { create: createNoIdentity },
} as const satisfies Readonly<Record<string, Registered>>;

export type IdentityProviderName = keyof typeof IDENTITY_PROVIDERS;

export const IDENTITY_PROVIDER_NAMES = Object.keys(IDENTITY_PROVIDERS) as readonly IdentityProviderName[];

export const DEFAULT_IDENTITY_PROVIDER: IdentityProviderName = "instance-principal";

/** The sections of the configuration that any identity provider reads. */
export interface IdentityProviderSettings extends InstancePrincipalSettings {
  readonly user: ProfileSettings;
  readonly cliSession: ProfileSettings;
}

export interface NamedIdentityProvider extends IdentityProvider {
  readonly name: IdentityProviderName;
}

/** False for `none`, which never has a session. */
export function hasIdentity(name: IdentityProviderName): boolean {
  return name !== "none";
}

/** The identity provider that signs as Oracle's command line does with this OCI_CLI_AUTH; undefined if there is none. */
export function identityProviderOfCliAuth(auth: string): IdentityProviderName | undefined {
  return IDENTITY_PROVIDER_NAMES.find((name) => (IDENTITY_PROVIDERS[name] as Registered).cliAuth === auth);
}

/** Begins the name that stands in the configuration for an unknown value of OCI_CLI_AUTH. */
export const UNKNOWN_CLI_AUTH = "OCI_CLI_AUTH=";

/** The values of OCI_CLI_AUTH that name an identity provider. */
export const CLI_AUTHS = Object.values<Registered>(IDENTITY_PROVIDERS).flatMap(({ cliAuth = [] }) => cliAuth);

export function createIdentityProvider(
  name: IdentityProviderName,
  settings: IdentityProviderSettings,
  context: IdentityProviderContext,
): NamedIdentityProvider {
  return { ...IDENTITY_PROVIDERS[name].create(settings, context), name };
}

export function createNoIdentity(): IdentityProvider {
  async function refuse(): Promise<never> {
    throw new IdentityError("identity-none", "identity.provider");
  }
  return { region: refuse, session: refuse };
}
