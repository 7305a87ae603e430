/**
 * Decides which registry hosts get a token, and at which endpoint each is reached.
 *
 * Most names need no request to decide. A realm unknown to the SDK is learnt from the metadata service, so only a name that
 * may belong to one waits for the home region.
 */

import type { Config } from "@ocir-broker/config/schema";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import { createHostRules } from "@ocir-broker/ocir/host-rules";

export interface Registries {
  /** Rejects if the home region is needed and not available within `waitMs`. */
  isAllowed(registryHost: string, waitMs: number): boolean | Promise<boolean>;
  endpointOf(registryHost: string): URL;
}

export interface LiveRegistries extends Registries {
  /** @returns the registry hosts whose endpoint has changed. */
  applyConfig(config: Registered): string[];
}

type Registered = Pick<Config, "registries">;

/** The only key of the home region's cache. */
export const HOME_REGION = "home-region";

/** `ocir.<region>.oci.<realm domain>`, the form of registry hosts in every realm. */
const LONG_HOST_FORM = /^ocir\.[a-z0-9-]+\.oci\.[a-z0-9.-]+$/;

export function createRegistries(
  config: Registered,
  homeRegion: Pick<ExpiringCache<RegionInfo>, "get">,
): LiveRegistries {
  let endpoints = endpointsOf(config);
  let isKnownHost = hostRulesOf(config);

  async function isHomeRealmHost(registryHost: string, waitMs: number): Promise<boolean> {
    const { entry } = await homeRegion.get(HOME_REGION, { waitMs });
    return createHostRules({ realmDomains: [entry.value.realmDomain], extraHosts: [] })(registryHost);
  }

  return {
    isAllowed(registryHost, waitMs) {
      if (isKnownHost(registryHost)) return true;
      return LONG_HOST_FORM.test(registryHost) && isHomeRealmHost(registryHost, waitMs);
    },
    endpointOf: (registryHost) => new URL(endpoints.get(registryHost) ?? `https://${registryHost}`),
    applyConfig(next) {
      const before = endpoints;
      endpoints = endpointsOf(next);
      isKnownHost = hostRulesOf(next);
      const named = new Set([...before.keys(), ...endpoints.keys()]);
      return [...named].filter((registryHost) => before.get(registryHost) !== endpoints.get(registryHost));
    },
  };
}

/** Decides without waiting: false if the home region is needed and not known yet. */
export async function isAllowedNow(registries: Registries, registryHost: string): Promise<boolean> {
  try {
    return await registries.isAllowed(registryHost, 0);
  } catch {
    return false;
  }
}

function endpointsOf({ registries }: Registered): Map<string, string> {
  return new Map(Object.entries(registries.endpoints));
}

function hostRulesOf({ registries: { extraHosts } }: Registered): (registryHost: string) => boolean {
  return createHostRules({ realmDomains: REALM_DOMAINS, extraHosts });
}
