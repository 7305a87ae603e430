/**
 * Which registry hosts get a token, where each is reached, and which ones are fetched ahead.
 *
 * Most names can be told apart without asking anyone; only a realm that the SDK has never heard of is learnt
 * from the metadata service, so only a name that looks like such a realm's waits for it.
 */

import type { RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { RegionInfo } from "@ocir-broker/identity";
import { createHostRules } from "@ocir-broker/ocir";
import type { Config } from "../config/schema.ts";

export interface Registries {
  /** Rejects if the home region is needed and not available within `waitMs`. */
  isAllowed(registryHost: string, waitMs: number): boolean | Promise<boolean>;
  /** Base URL of a registry host. */
  endpointOf(registryHost: string): URL;
}

export interface RegistriesOptions {
  readonly realmDomains: readonly string[];
  /** Hosts that the configuration names in any place. */
  readonly extraHosts: readonly string[];
  readonly endpoints: Readonly<Record<string, string>>;
  readonly homeRegion: Pick<RefreshAheadCache<RegionInfo>, "get" | "peek">;
}

/** The home region is one value; its cache knows it by this name. */
export const HOME_REGION = "home-region";

/** `ocir.<region>.oci.<realm domain>`, the form that registries of every realm have. */
const LONG_HOST_FORM = /^ocir\.[a-z0-9-]+\.oci\.[a-z0-9.-]+$/;

export function createRegistries(options: RegistriesOptions): Registries {
  const { realmDomains, extraHosts, homeRegion } = options;
  const endpoints = new Map(Object.entries(options.endpoints).map(([host, url]) => [host, new URL(url)]));
  const isKnownHost = createHostRules({ realmDomains, extraHosts });
  let isInHomeRealm: ((registryHost: string) => boolean) | undefined;

  async function isHomeRealmHost(registryHost: string, waitMs: number): Promise<boolean> {
    const { entry } = await homeRegion.get(HOME_REGION, { waitMs });
    isInHomeRealm = createHostRules({ realmDomains: [entry.value.realmDomain], extraHosts: [] });
    return isInHomeRealm(registryHost);
  }

  return {
    isAllowed(registryHost, waitMs) {
      if (isKnownHost(registryHost)) return true;
      if (!LONG_HOST_FORM.test(registryHost)) return false;
      return isInHomeRealm === undefined ? isHomeRealmHost(registryHost, waitMs) : isInHomeRealm(registryHost);
    },
    endpointOf: (registryHost) => endpoints.get(registryHost) ?? new URL(`https://${registryHost}`),
  };
}

/** By what is known already. */
export async function isAllowedNow(registries: Registries, registryHost: string): Promise<boolean> {
  try {
    return await registries.isAllowed(registryHost, 0);
  } catch {
    return false;
  }
}

/** Whatever the configuration names as a registry is one. */
export function hostsNamedIn({ registries }: Pick<Config, "registries">): string[] {
  return [...registries.extraHosts, ...(registries.prefetch ?? []), ...Object.keys(registries.endpoints)];
}
