/** Reads one key of the instance metadata service (v2), as a node's first boot does: it may not be reachable yet. */
import { get } from "node:http";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import type { NodeContext } from "./node-context.ts";

export const METADATA_URLS = ["http://169.254.169.254/opc/v2", "http://[fd00:c1::a9fe:a9fe]/opc/v2"];

const ATTEMPTS = 3;
const PAUSE_MS = 1_000;
const LIMIT_MS = 3_000;
const MAX_BYTES = 64 * 1024;

/** @param key below /instance/: `canonicalRegionName`, `metadata/oke-k8version`. @returns undefined if it is absent. */
export async function readInstanceMetadata(
  key: string,
  { metadataUrls, clock }: Pick<NodeContext, "metadataUrls" | "clock">,
): Promise<string | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) await sleep(PAUSE_MS, clock);
    for (const base of metadataUrls) {
      const { status, body } = await ask(`${base}/instance/${key}`, clock);
      if (status === 200) return body.trim() || undefined;
      if (status === 404) return undefined;
    }
  }
  return undefined;
}

/** Status 0 if there is no whole response. */
function ask(url: string, clock: NodeContext["clock"]): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string }>();
  const none = (): void => resolve({ status: 0, body: "" });
  const request = get(url, { headers: { Authorization: "Bearer Oracle" }, agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
      if (body.length > MAX_BYTES) request.destroy();
    });
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    response.on("error", none);
  });
  request.on("error", none);
  const limit = clock.setTimer(() => {
    none();
    request.destroy();
  }, LIMIT_MS);
  return promise.finally(() => limit.cancel());
}
