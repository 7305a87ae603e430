import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { configSchema } from "@ocir-broker/config/schema";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { connectionLimits, createUpstreams, instrumented } from "./upstreams.ts";

const simulator = await sharedSimulator({ tls: true });

describe("instrumented", () => {
  const request = { method: "GET", url: new URL("https://iad.ocir.io") } as UpstreamRequest;

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
  ])("returns a response with status %d, and reports it as %s with its duration", async (status, result) => {
    const clock = createFakeClock();
    const seen: unknown[] = [];
    const send = instrumented(
      async () => {
        await clock.advance(250);
        return { status } as never;
      },
      clock,
      (...facts) => seen.push(facts),
    );
    expect(await send(request)).toEqual({ status });
    expect(seen).toEqual([[result, 250]]);
  });

  it("reports a missing response, and rethrows the error", async () => {
    const seen: unknown[] = [];
    const error = new UpstreamError("refused", "iad.ocir.io");
    const send = instrumented(
      () => Promise.reject(error),
      createFakeClock(),
      (...facts) => seen.push(facts),
    );
    await expect(send(request)).rejects.toBe(error);
    expect(seen).toEqual([["failed", 0]]);
  });
});

it.each([
  ["3s", "8s", 3_000],
  ["3s", "2s", 2_000],
])(
  "connectionLimits limits a connection with connectTimeout %s and timeout %s to %i ms",
  (connectTimeout, timeout, ms) => {
    expect(connectionLimits({ connectTimeout, timeout }, 8)).toMatchObject({ connectMs: ms });
  },
);

it("createUpstreams trusts only the CAs of upstream.caFile", async () => {
  const folder = temporaryFolder();
  const systemStore = join(folder, "system.pem");
  const only = join(folder, "only.pem");
  writeFileSync(systemStore, simulator.caCertificate ?? "");
  writeFileSync(only, String(getCACertificates("bundled")[0]));

  async function statusWith(caFile: string | undefined): Promise<number | string> {
    const config = configSchema.parse({ upstream: { caFile } });
    const environment = { SSL_CERT_FILE: systemStore };
    const upstreams = createUpstreams({ config, environment, clock: createSystemClock() });
    const { signal } = new AbortController();
    const url = new URL("/v2/", simulator.registryUrl);
    try {
      return (await upstreams.send({ method: "GET", url, headers: {}, signal })).status;
    } catch (error) {
      return codeOf(error);
    } finally {
      await upstreams.close();
    }
  }

  expect(await statusWith(undefined)).toBe(401);
  expect(await statusWith(systemStore)).toBe(401);
  expect(await statusWith(only)).toBe("tls");
  expect(await statusWith(join(folder, "missing.pem"))).toBe("tls");
});
