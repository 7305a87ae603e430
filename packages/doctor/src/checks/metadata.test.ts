import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { expect, test } from "vitest";
import type { CheckContext } from "../check-context.ts";
import { checkMetadata } from "./metadata.ts";

test.each([
  ["that responds", undefined, "unreachable"],
  ["whose response is better", 403, "returned status 403"],
])("checkMetadata tries IPv6 and IPv4, and accepts the address %s", async (_which, status, ofIpv6) => {
  const sendMetadata = async ({ url: { host } }: UpstreamRequest) => {
    const isIpv6 = host.startsWith("[");
    if (isIpv6 && status === undefined) throw new UpstreamError("unreachable", host);
    return {
      status: isIpv6 ? Number(status) : 200,
      headers: {},
      body: Buffer.from("{}"),
      sentAtMs: 0,
      serverDateMs: undefined,
    };
  };
  const metadataBaseUrls = [new URL("http://[::1]/opc/v2"), new URL("http://192.0.2.1/opc/v2")];
  const cloud: Partial<CheckContext["cloud"]> = { metadataBaseUrls, sendMetadata };
  const found = await checkMetadata({ cloud, signal: new AbortController().signal } as CheckContext);
  const evidence = `[::1]${status === undefined ? ":" : ""} ${ofIpv6}; 192.0.2.1 returned status 200`;
  expect(found).toMatchObject({ name: "metadata-ok", evidence });
});
