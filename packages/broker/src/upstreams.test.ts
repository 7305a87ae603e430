import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation";
import { createFakeClock } from "@ocir-broker/testkit";
import { describe, expect, it } from "vitest";
import { observed, upstreamResult } from "./upstreams.ts";

describe("upstreamResult", () => {
  it.each([
    [200, "2xx"],
    [302, "3xx"],
    [400, "4xx"],
    [401, "401"],
    [403, "403"],
    [404, "404"],
    [429, "429"],
    [500, "5xx"],
    [503, "5xx"],
  ])("makes a label of %d: %s", (status, label) => {
    expect(upstreamResult(status)).toBe(label);
  });
});

describe("observed", () => {
  const request = { method: "GET", url: new URL("https://iad.ocir.io") } as UpstreamRequest;

  it("reports what was answered and how long it took, and passes it on", async () => {
    const clock = createFakeClock();
    const seen: unknown[] = [];
    const send = observed(
      async () => {
        await clock.advance(250);
        return { status: 429 } as never;
      },
      clock,
      (...facts) => seen.push(facts),
    );
    expect(await send(request)).toEqual({ status: 429 });
    expect(seen).toEqual([["429", 250]]);
  });

  it("reports that nothing was answered, and passes the error on", async () => {
    const seen: unknown[] = [];
    const error = new UpstreamError("refused", "iad.ocir.io");
    const send = observed(
      () => Promise.reject(error),
      createFakeClock(),
      (...facts) => seen.push(facts),
    );
    await expect(send(request)).rejects.toBe(error);
    expect(seen).toEqual([["failed", 0]]);
  });
});
