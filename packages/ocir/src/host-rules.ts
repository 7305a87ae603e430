/**
 * Decides which hosts are OCIR. Only these get a signed request or a token.
 *
 * A host must match one of a list of forms as a whole, in lower case, without a port (`withoutDefaultPort` removes 443). A host
 * that only looks like one gets nothing.
 */

export interface HostRuleOptions {
  /** Domains of the realms whose registries count, such as `oraclecloud.com`. */
  readonly realmDomains: Iterable<string>;
  /** Further registry hosts, exactly as images name them: in lower case, with a port if there is one. */
  readonly extraHosts: Iterable<string>;
}

/** `us-ashburn-1`, `us-gov-ashburn-1`. */
const REGION_ID = "[a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+";

/** Region keys and ids, commercial realm only (Oracle's registry prerequisites; all 85 regions of oci-common 2.142.1 fit). */
const SHORT_FORM = new RegExp(`^(?<region>[a-z]{3}|${REGION_ID})\\.ocir\\.io$`);

/** The form in every realm, which GetAccessToken of the Container Registry API 20180419 documents. */
const LONG_FORM = new RegExp(`^ocir\\.(?<region>${REGION_ID})\\.oci\\.(?<realmDomain>[a-z0-9.-]+)$`);

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const REGISTRY_HOST = new RegExp(`^(?=[^:]{1,253}(?::|$))${LABEL}(?:\\.${LABEL})*(?::[1-9][0-9]{0,4})?$`);

/** Such as `oc1`, `us-ashburn-1` and `iad`; all in lower case. */
export interface RegistryRegion {
  readonly id: string;
  readonly key: string;
  readonly realmKey: string;
  readonly realmDomain: string;
}

/** The only realm with short names. */
const COMMERCIAL_REALM = "oc1";
/** The registry host of a region, in the form that images probably use most. */
export function registryHostOf({ id, key, realmKey, realmDomain }: RegistryRegion): string {
  return realmKey === COMMERCIAL_REALM ? `${key}.ocir.io` : `ocir.${id}.oci.${realmDomain}`;
}

/** @returns whether a registry host from parseImage may get a token */
export function createHostRules(options: HostRuleOptions): (registryHost: string) => boolean {
  const realmDomains = new Set(options.realmDomains);
  const extraHosts = new Set(options.extraHosts);

  return (registryHost) => {
    if (extraHosts.has(registryHost) || SHORT_FORM.test(registryHost)) return true;
    const realmDomain = LONG_FORM.exec(registryHost)?.groups?.["realmDomain"];
    return realmDomain !== undefined && realmDomains.has(realmDomain);
  };
}

/** The region's id or key in a registry host of Oracle's form, whether or not there is such a region. */
export function regionNameIn(registryHost: string): string | undefined {
  return (SHORT_FORM.exec(registryHost) ?? LONG_FORM.exec(registryHost))?.groups?.["region"];
}

/** Removes HTTPS's default port: `icn.ocir.io:443` is the registry `icn.ocir.io`. */
export function withoutDefaultPort(registryHost: string): string {
  return registryHost.replace(/:443$/, "");
}

/**
 * Whether a text can be an extra host: a DNS name or an IPv4 address in lower case, with or without a port.
 * Not IPv6: the kubelet cannot match a credentials key with it.
 */
export function isRegistryHost(text: string): boolean {
  return REGISTRY_HOST.test(text) && Number(text.split(":")[1] ?? 0) <= 65_535;
}
