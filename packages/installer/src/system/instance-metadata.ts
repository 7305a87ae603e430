/** Reads keys of the instance metadata service for an installation. It may not be reachable yet at a first boot. */
import { createDirectDispatcher } from "@ocir-broker/foundation/dispatcher";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { metadataBaseUrlsOf } from "@ocir-broker/identity/instance-principal/endpoints";
import { createMetadataService, type MetadataPath } from "@ocir-broker/identity/instance-principal/metadata-service";
import type { NodeContext } from "./node-context.ts";

const CONNECT_MS = 2_000;
const REQUEST_MS = 10_000;

/**
 * @param limitMs of all attempts together.
 * @returns undefined if the metadata service does not respond, or does not have the key: `/instance/canonicalRegionName`.
 */
export async function readInstanceMetadata(
  { clock, metadataUrl: baseUrl }: Pick<NodeContext, "clock" | "metadataUrl">,
  key: MetadataPath,
  limitMs: number,
): Promise<string | undefined> {
  const dispatcher = createDirectDispatcher({
    connectMs: CONNECT_MS,
    headersMs: REQUEST_MS,
    bodyMs: REQUEST_MS,
    maxConnectionsPerOrigin: 1,
  });
  const metadata = createMetadataService({
    clock,
    random: systemRandom,
    send: createSendRequest({ dispatcher, clock, totalMs: REQUEST_MS }),
    baseUrls: metadataBaseUrlsOf({ metadata: { baseUrl } }),
  });
  try {
    const [response] = await metadata.read([key], AbortSignal.timeout(limitMs));
    return response?.text.trim() || undefined;
  } catch {
    return undefined;
  } finally {
    await dispatcher.destroy();
  }
}
