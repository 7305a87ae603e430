/** The registries of the configuration in force; a reload replaces them as a whole. */
import { knownRealmDomains } from "@ocir-broker/identity";
import type { Config } from "../config/schema.ts";
import { createRegistries, hostsNamedIn, type Registries, type RegistriesOptions } from "./registries.ts";

export interface LiveRegistries extends Registries {
  /** @returns the registry hosts whose endpoint has changed. */
  applyConfig(config: Pick<Config, "registries">): string[];
}

export function createLiveRegistries(
  config: Pick<Config, "registries">,
  homeRegion: RegistriesOptions["homeRegion"],
): LiveRegistries {
  let endpoints = config.registries.endpoints;
  let registries = registriesOf(config);

  function registriesOf(of: Pick<Config, "registries">): Registries {
    const realmDomains = knownRealmDomains();
    return createRegistries({
      realmDomains,
      extraHosts: hostsNamedIn(of),
      endpoints: of.registries.endpoints,
      homeRegion,
    });
  }

  return {
    isAllowed: (registryHost, waitMs) => registries.isAllowed(registryHost, waitMs),
    endpointOf: (registryHost) => registries.endpointOf(registryHost),
    applyConfig(next) {
      const before = endpoints;
      endpoints = next.registries.endpoints;
      registries = registriesOf(next);
      const named = new Set([...Object.keys(before), ...Object.keys(endpoints)]);
      return [...named].filter((registryHost) => before[registryHost] !== endpoints[registryHost]);
    },
  };
}
