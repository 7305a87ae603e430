/**
 * Decides which registry hosts get a token, and at which endpoint each is reached.
 *
 * Most names need no request to decide. A realm unknown to the SDK is learnt from the metadata service, so only a name that
 * may belong to one waits for the home region.
 */

import type { RefreshAheadCache } from "@ocir-broker/expiring-cache";
import { knownRealmDomains, type RegionInfo } from "@ocir-broker/identity";
import { createHostRules } from "@ocir-broker/ocir";
import type { Config } from "../config/schema.ts";

export interface Registries {
  /** Rejects if the home region is needed and not available within `waitMs`. */
  isAllowed(registryHost: string, waitMs: number): boolean | Promise<boolean>;
  /** Base URL of a registry host. */
  endpointOf(registryHost: string): URL;
}

/** The registries of the configuration in force; a reload replaces them as a whole. */
export interface LiveRegistries extends Registries {
  /** @returns the registry hosts whose endpoint has changed. */
  applyConfig(config: Registered): string[];
}

type Registered = Pick<Config, "registries">;
type HomeRegion = Pick<RefreshAheadCache<RegionInfo>, "get" | "peek">;

/** The only key of the home region's cache. */
export const HOME_REGION = "home-region";

/** `ocir.<region>.oci.<realm domain>`, the form of registry hosts in every realm. */
const LONG_HOST_FORM = /^ocir\.[a-z0-9-]+\.oci\.[a-z0-9.-]+$/;

export function createLiveRegistries(config: Registered, homeRegion: HomeRegion): LiveRegistries {
  let endpoints = config.registries.endpoints;
  let registries = createRegistries(config, homeRegion);
  return {
    isAllowed: (registryHost, waitMs) => registries.isAllowed(registryHost, waitMs),
    endpointOf: (registryHost) => registries.endpointOf(registryHost),
    applyConfig(next) {
      const before = endpoints;
      endpoints = next.registries.endpoints;
      registries = createRegistries(next, homeRegion);
      const named = new Set([...Object.keys(before), ...Object.keys(endpoints)]);
      return [...named].filter((registryHost) => before[registryHost] !== endpoints[registryHost]);
    },
  };
}

function createRegistries(config: Registered, homeRegion: HomeRegion): Registries {
  const endpoints = new Map(Object.entries(config.registries.endpoints).map(([host, url]) => [host, new URL(url)]));
  const isKnownHost = createHostRules({ realmDomains: knownRealmDomains(), extraHosts: hostsNamedIn(config) });
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

/** Decides without waiting: false if the home region is needed and not known yet. */
export async function isAllowedNow(registries: Registries, registryHost: string): Promise<boolean> {
  try {
    return await registries.isAllowed(registryHost, 0);
  } catch {
    return false;
  }
}

/** Every host that the configuration names as a registry. */
function hostsNamedIn({ registries }: Registered): string[] {
  return [...registries.extraHosts, ...(registries.prefetch ?? []), ...Object.keys(registries.endpoints)];
}
