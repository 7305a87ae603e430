import { BrokerError } from "@ocir-broker/errors/broker-error";
import type { CacheEntry } from "@ocir-broker/expiring-cache/cache-report";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it, onTestFinished } from "vitest";
import { createMetrics, type Metrics } from "./metrics.ts";

const HOST = "iad.ocir.io";

function setUp(clock = createFakeClock(), hasIdentity = true): Metrics {
  const metrics = createMetrics(clock, "1.2.3", hasIdentity);
  onTestFinished(() => metrics.close());
  return metrics;
}

/** Samples whose name and labels contain all `parts`. */
async function samples(metrics: Metrics, ...parts: string[]): Promise<string[]> {
  const lines = (await metrics.render()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.filter((line) => parts.every((part) => line.includes(part)));
}

describe("createMetrics", () => {
  it("starts every counter at 0, so that the first event shows as an increase", async () => {
    const metrics = setUp();
    metrics.nameRegistry(HOST);
    const counters = await samples(metrics, "_total");
    expect(counters.filter((line) => !line.endsWith(" 0"))).toEqual([]);
    // Which they are: test/monitoring/metrics.test.ts.
    expect(counters).toHaveLength(81);
  });

  it("counts and times a request under its outcome", async () => {
    const metrics = setUp();
    metrics.requests.served({ outcome: "hit" }, 0.09);
    metrics.requests.served({ outcome: "hit" }, 0.11);
    metrics.requests.served({ outcome: "miss" }, 400);
    expect(await samples(metrics, "requests_total", '"hit"')).toEqual(['ocir_broker_requests_total{outcome="hit"} 2']);
    const [at100us] = await samples(metrics, "duration_seconds_bucket", 'le="0.0001"', '"hit"');
    expect(at100us).toMatch(/ 1$/);
    expect(await samples(metrics, "request_duration_seconds_count", '"miss"')).toHaveLength(1);
    expect(await samples(metrics, "request_duration_seconds_count", '"error"')).toEqual([]);
  });

  it("counts a failure that was answered with the anonymous entry by its code", async () => {
    const metrics = setUp();
    for (const error of [new BrokerError("annotation-unknown", "x"), new Error("made up")])
      metrics.requests.served({ outcome: "anonymous", error }, 1);
    expect(await samples(metrics, "anonymous_responses_total")).toEqual([
      'ocir_broker_anonymous_responses_total{code="annotation-unknown"} 1',
      'ocir_broker_anonymous_responses_total{code="internal"} 1',
    ]);
  });

  it("shows a token's last success after the token has ended, and 0 before the first", async () => {
    const clock = createFakeClock();
    const metrics = setUp(clock);
    const read = (...tokens: Partial<CacheEntry>[]) =>
      metrics.read({
        ...{ isServing: true, isConfigValid: true, sessions: { entries: () => [] } },
        tokens: { entries: () => tokens as CacheEntry[] },
      });
    const unixSeconds = clock.wallMs() / 1_000;
    const obtainedAtMs = clock.monotonicMs();
    const ended = { key: HOST, lastSuccessAtMs: obtainedAtMs };
    const expiresAtMs = obtainedAtMs + 3_600_000;
    const requested = { key: "icn.ocir.io", pinned: true, isAsked: true };
    const neverRequested = { key: "phx.ocir.io", pinned: true, isAsked: false };
    read({ ...ended, obtainedAtMs, expiresAtMs, servableUntilMs: expiresAtMs }, requested, neverRequested);
    expect(await samples(metrics, "token_expiry_timestamp")).toEqual([
      `ocir_broker_token_expiry_timestamp_seconds{registry="${HOST}"} ${unixSeconds + 3_600}`,
    ]);

    const unnamed = { key: "fra.ocir.io", pinned: false, isAsked: true };
    read(ended, requested, neverRequested, unnamed);
    expect(await samples(metrics, "token_expiry_timestamp")).toEqual([]);
    expect(await samples(metrics, "token_last_success")).toEqual([
      `ocir_broker_token_last_success_timestamp_seconds{registry="${HOST}"} ${unixSeconds}`,
      'ocir_broker_token_last_success_timestamp_seconds{registry="icn.ocir.io"} 0',
      'ocir_broker_token_last_success_timestamp_seconds{registry="other"} 0',
    ]);

    read();
    expect(await samples(metrics, "token_last_success")).toEqual([]);
  });

  it("shows no session without an identity, and whether the configuration is valid", async () => {
    const metrics = setUp(createFakeClock(), false);
    const none = { entries: () => [] };
    metrics.read({ isServing: true, isConfigValid: false, sessions: none, tokens: none });
    expect(await samples(metrics, "session_expiry")).toEqual([]);
    expect(await samples(metrics, "config_valid")).toEqual(["ocir_broker_config_valid 0"]);
  });

  it("names only hosts that have answered, and at most 64", async () => {
    const metrics = setUp();
    metrics.upstream.registryAnswered("made-up.ocir.io", "failed", 1);
    expect(await samples(metrics, "made-up")).toEqual([]);
    expect(await samples(metrics, 'upstream_requests_total{upstream="other",result="failed"} 1')).toHaveLength(1);

    for (let index = 0; index < 100; index += 1) metrics.upstream.registryAnswered(`r${index}.ocir.io`, "2xx", 1);
    expect(await samples(metrics, "upstream_requests_total", '"2xx"', "ocir.io")).toHaveLength(64);
    expect(await samples(metrics, 'upstream_requests_total{upstream="other",result="2xx"} 36')).toHaveLength(1);
  });

  it("includes the time of rendering in the file, and of the last written file on the socket", async () => {
    const clock = createFakeClock();
    const metrics = setUp(clock);
    const time = async (): Promise<number> => Number((await samples(metrics, "textfile_timestamp"))[0]?.split(" ")[1]);
    expect(await time()).toBe(0);
    const firstSeconds = clock.wallMs() / 1_000;
    metrics.textfile.rendered();
    expect(await time()).toBe(firstSeconds);
    metrics.textfile.written("success");
    await clock.advance(15_000);
    metrics.textfile.rendered();
    expect(await time()).toBe(firstSeconds + 15);
    metrics.textfile.written("failure");
    expect(await time()).toBe(firstSeconds);
    expect(await samples(metrics, "textfile_writes")).toEqual([
      'ocir_broker_textfile_writes_total{result="success"} 1',
      'ocir_broker_textfile_writes_total{result="failure"} 1',
    ]);
  });
});
