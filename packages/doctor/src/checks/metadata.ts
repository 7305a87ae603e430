/** Checks that version 2 of the metadata service responds, over IPv4 or IPv6, without a proxy in between. */
import { UpstreamError, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import type { Check, CheckContext } from "../check-context.ts";
import type { DIAGNOSES } from "../diagnoses.ts";
import { finding } from "../finding.ts";

export const checkMetadata: Check = async (context) => {
  const seen = await Promise.all(context.cloud.metadataBaseUrls.map((base) => ask(base, context)));
  const evidence = seen.map((each) => each.evidence).join("; ");
  // Most nodes have only one of the two address families, so the better response counts.
  const best =
    seen.find(({ name }) => name === "metadata-ok") ?? seen.find(({ name }) => name !== "metadata-unreachable");
  return finding(best?.name ?? "metadata-unreachable", evidence);
};

async function ask(
  base: URL,
  { cloud, signal }: CheckContext,
): Promise<{ name: keyof typeof DIAGNOSES; evidence: string }> {
  const get = (path: `/${string}`): Promise<UpstreamResponse> =>
    cloud.sendMetadata({
      method: "GET",
      url: urlBelow(base, path),
      headers: { authorization: "Bearer Oracle" },
      signal,
    });
  try {
    const regionInfo = await get("/instance/regionInfo");
    // An older service has no regionInfo, only the region.
    const response = regionInfo.status === 404 ? await get("/instance/region") : regionInfo;
    const via = response.headers["via"] === undefined ? "" : ", with a Via header";
    return { name: judge(response), evidence: `${base.host} returned status ${response.status}${via}` };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { name: "metadata-unreachable", evidence: `${base.host}: ${error.code}` };
  }
}

function judge({ status, headers, body }: UpstreamResponse): keyof typeof DIAGNOSES {
  if (status === 401 || status === 403 || headers["via"] !== undefined) return "metadata-refused";
  if (status === 404) return "metadata-not-found";
  if (status === 429) return "metadata-throttled";
  if (status >= 500) return "metadata-unavailable";
  return status === 200 && !/^\s*</.test(body.toString()) ? "metadata-ok" : "metadata-invalid";
}
