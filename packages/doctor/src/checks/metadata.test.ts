import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { expect, test } from "vitest";
import type { CheckContext } from "../check-context.ts";
import { checkMetadata } from "./metadata.ts";

test("checkMetadata tries IPv6 and IPv4, and accepts the address that responds", async () => {
  const sendMetadata = async ({ url: { host } }: UpstreamRequest) => {
    if (host.startsWith("[")) throw new UpstreamError("unreachable", host);
    return { status: 200, headers: {}, body: Buffer.from("{}"), sentAtMs: 0, serverDateMs: undefined };
  };
  const metadataBaseUrls = [new URL("http://[::1]/opc/v2"), new URL("http://192.0.2.1/opc/v2")];
  const cloud: Partial<CheckContext["cloud"]> = { metadataBaseUrls, sendMetadata };
  const found = await checkMetadata({ cloud, signal: new AbortController().signal } as CheckContext);
  const evidence = "[::1]: unreachable; 192.0.2.1 returned status 200";
  expect(found).toMatchObject({ name: "metadata-ok", evidence });
});
