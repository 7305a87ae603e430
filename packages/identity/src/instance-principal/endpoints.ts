/** The addresses of the two services behind an instance principal: those of the configuration, or Oracle's own. */
import type { RegionInfo } from "../region-info.ts";

/** Sections of the broker's configuration. Its schema has checked them. */
export interface InstancePrincipalSettings {
  readonly metadata: { readonly baseUrl?: string | undefined };
  readonly auth: { readonly endpoint?: string | undefined };
}

/** Oracle's documentation of instance metadata; hosts that have only IPv6 use the second one, as the Python SDK does. */
const METADATA_BASE_URLS: readonly URL[] = [
  new URL("http://169.254.169.254/opc/v2"),
  new URL("http://[fd00:c1::a9fe:a9fe]/opc/v2"),
];

/** Tried in this order. */
export function metadataBaseUrlsOf({
  metadata: { baseUrl },
}: Pick<InstancePrincipalSettings, "metadata">): readonly URL[] {
  return baseUrl === undefined ? METADATA_BASE_URLS : [new URL(baseUrl)];
}

/** Looks up the region only if the settings name no endpoint. */
export async function authUrlOf(
  { auth: { endpoint } }: InstancePrincipalSettings,
  region: () => Promise<RegionInfo>,
): Promise<URL> {
  if (endpoint !== undefined) return new URL(endpoint);
  const { id, realmDomain } = await region();
  return new URL(`https://auth.${id}.${realmDomain}`);
}
