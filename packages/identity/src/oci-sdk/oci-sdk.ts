/**
 * The only file that imports oci-common, and only its public API: signs requests, knows regions and parses profiles, without I/O.
 *
 * Import it dynamically, because loading takes 4 MiB and would delay the start. Loading requires a home directory
 * (without reading it) and throws if there is none; the executable sets HOME.
 */
import { ConfigFileReader, DefaultRequestSigner, Region } from "oci-common";
import type { SigningSession } from "../identity-provider.ts";
import type { RegionInfo } from "../region-info.ts";

/**
 * The headers of a signed GET or HEAD, `host` included (draft-cavage-http-signatures-08): `x-date (request-target) host`, as the
 * TypeScript SDK signs them. OCI answers 401 if `wallMs`, the time of signing, is more than 5 minutes off.
 */
export async function signWithSession(
  { keyId, privateKey }: SigningSession,
  request: { readonly method: "GET" | "HEAD"; readonly url: URL },
  wallMs: number,
): Promise<Record<string, string>> {
  const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signer = new DefaultRequestSigner({
    getKeyId: async () => keyId.reveal(),
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

/**
 * The profiles of a `~/.oci/config`, by name, keys in lower case. Undefined if the text cannot be parsed; the reader's error
 * quotes the line, which may hold a pass phrase.
 */
export function parseProfiles(text: string): Readonly<Record<string, Readonly<Record<string, string>>>> | undefined {
  // Without a [DEFAULT] the reader prints to stdout, which belongs to the caller; a repeated header continues its profile. The
  // Python SDK's reader also has comments that start with a semicolon.
  const lines = text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .filter((line) => !/^\s*;/.test(line));
  try {
    const { profileCredentials } = ConfigFileReader.parse(["[DEFAULT]", ...lines].join("\n"), null);
    return Object.fromEntries(
      Array.from(profileCredentials.configurationsByProfile, ([profile, values]) => [
        profile,
        Object.fromEntries(Array.from(values, ([key, value]) => [key.toLowerCase(), value])),
      ]),
    );
  } catch {
    return undefined;
  }
}
