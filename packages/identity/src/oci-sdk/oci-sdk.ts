/**
 * The only file that imports oci-common, and only its public API: signs requests and knows regions, without I/O.
 *
 * Import it dynamically, because loading takes 45 ms and 9 MiB, which would delay the start. Loading requires a home directory
 * (without reading it) and throws if there is none; the executable sets HOME.
 */
import type { KeyObject } from "node:crypto";
import { DefaultRequestSigner, Region } from "oci-common";
import type { RegionInfo } from "../region-info.ts";

/** The headers of a signed GET or HEAD: `x-date (request-target) host`, as the TypeScript SDK signs them. */
export async function signWithSession(
  keyId: string,
  privateKey: KeyObject,
  request: { readonly method: "GET" | "HEAD"; readonly url: URL },
  wallMs: number,
): Promise<Record<string, string>> {
  const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signer = new DefaultRequestSigner({
    getKeyId: async () => keyId,
    getPrivateKey: () => privateKeyPem,
    getPassphrase: () => null,
  });
  // Sets x-date, because the SDK would use the system's clock; it sends `date` unsigned.
  const date = new Date(wallMs).toUTCString();
  const headers = new Headers({ date, "x-date": date });
  await signer.signHttpRequest({ method: request.method, uri: request.url.href, headers });
  return Object.fromEntries(headers);
}

/** Accepts a region's id or key, in lower case. Reads no file, environment or metadata service. */
export function findRegionByName(name: string): RegionInfo | undefined {
  for (const region of Object.values(Region)) {
    if (!(region instanceof Region) || (region.regionId !== name && region.regionCode !== name)) continue;
    const { realmId: realmKey, secondLevelDomain: realmDomain } = region.realm;
    return { id: region.regionId, key: region.regionCode ?? region.regionId, realmKey, realmDomain };
  }
  return undefined;
}
