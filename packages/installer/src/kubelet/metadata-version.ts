/** The cluster's Kubernetes version, which OKE gives a node as metadata: for a node on which the kubelet cannot be asked. */
import { createDirectDispatcher } from "@ocir-broker/foundation/dispatcher";
import { systemRandom } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { metadataBaseUrlsOf } from "@ocir-broker/identity/instance-principal/endpoints";
import { createMetadataService } from "@ocir-broker/identity/instance-principal/metadata-service";

const CONNECT_MS = 2_000;
/** Time limit of a request, and of all attempts. */
const REQUEST_MS = 10_000;
const ALL_MS = 30_000;

/** Undefined if the metadata service does not answer, or does not have it. */
export async function readMetadataVersion(clock: Clock, baseUrl: string | undefined): Promise<string | undefined> {
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
    const [{ text }] = await metadata.read(["/instance/metadata/oke-k8version"], AbortSignal.timeout(ALL_MS));
    return text.trim();
  } catch {
    return undefined;
  } finally {
    await dispatcher.destroy();
  }
}
