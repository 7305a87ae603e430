/**
 * The identity of this instance: exchanges its certificate, from the metadata service, for sessions of the auth service.
 *
 * Caches the region for the life of the process, and remembers the tenancy.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { createLimiter } from "@ocir-broker/foundation/time/limiter";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider, IdentityProviderContext, SigningSession } from "../identity-provider.ts";
import type { RegionInfo } from "../region-info.ts";
import { generateSessionKeys } from "../session-keys.ts";
import { authUrlOf, type InstancePrincipalSettings, metadataBaseUrlsOf } from "./endpoints.ts";
import { federate } from "./federation.ts";
import { type LeafCertificate, readLeafCertificate } from "./leaf-certificate.ts";
import { createMetadataService } from "./metadata-service.ts";
import { runLimited } from "./pause.ts";
import { fetchRegion } from "./region.ts";
import { decodeSession, encodeSession } from "./session-record.ts";

export function createInstancePrincipal(
  settings: InstancePrincipalSettings,
  context: IdentityProviderContext,
): IdentityProvider {
  const { clock } = context;
  const metadata = createMetadataService({
    ...context,
    send: context.sendMetadata,
    baseUrls: metadataBaseUrlsOf(settings),
  });
  const federation = { clock, send: context.sendAuth };
  const regions = createLimiter({ clock, concurrency: 1 });
  let knownRegion: RegionInfo | undefined;
  let tenancyId: string | undefined;

  /** One after the other: the region is requested once, and nobody waits for a request that another one's signal ends. */
  async function region(signal: AbortSignal): Promise<RegionInfo> {
    const fetchOnce = async () => (knownRegion ??= await fetchRegion(metadata, signal));
    return knownRegion ?? runLimited(regions, "metadata service", signal, fetchOnce);
  }

  /** Three metadata requests and one POST. Every session has a new key. */
  async function session(signal: AbortSignal): Promise<Expiring<SigningSession>> {
    const authUrl = await authUrlOf(settings, () => region(signal));
    // Generating the key takes 50 to 300 ms in another thread; meanwhile the certificate is read and the SDK loaded.
    const [keys, firstLeaf] = await Promise.all([
      generateSessionKeys(),
      readLeafCertificate(metadata, clock, signal),
      // The SDK will sign requests with the session.
      import("../oci-sdk/oci-sdk.ts"),
    ]);

    async function federateWith(leaf: LeafCertificate): Promise<Expiring<SigningSession>> {
      // An instance never changes its tenancy: another one is a serious error, and gets no session.
      if (tenancyId !== undefined && leaf.tenancyId !== tenancyId)
        throw new IdentityError("tenancy-changed", authUrl.host);
      const fetched = await federate(authUrl, leaf, keys, federation, signal);
      tenancyId = leaf.tenancyId;
      return fetched;
    }

    try {
      return await federateWith(firstLeaf);
    } catch (error) {
      // OCI rotates certificates several times a day and recommends a retry, since ours may have been replaced after it was read.
      if (!(error instanceof IdentityError && error.code === "federation-unauthorized")) throw error;
      return federateWith(await readLeafCertificate(metadata, clock, signal));
    }
  }

  return {
    region,
    session,
    handover: {
      source: JSON.stringify([settings.metadata.baseUrl, settings.auth.endpoint]),
      encodeSession,
      decodeSession,
    },
  };
}
