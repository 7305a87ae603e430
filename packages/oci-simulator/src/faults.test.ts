import { createFakeClock } from "@ocir-broker/testkit";
import { describe, expect, test } from "vitest";
import { type RawAnswer, send } from "../test/raw-client.ts";
import { sharedSimulator } from "./for-tests.ts";
import { type Fault, startSimulator } from "./index.ts";

const simulator = await sharedSimulator();

/** Long enough for half of an answer to arrive on a busy machine. */
const HANG_MS = 1_000;

function askRegion(from = simulator, readMs?: number): Promise<RawAnswer> {
  const headers = { authorization: "Bearer Oracle" };
  return send(from.metadataUrl, { target: "/opc/v2/instance/regionInfo", headers, ...(readMs && { readMs }) });
}

async function meet(fault: Omit<Fault, "endpoint">, readMs?: number): Promise<RawAnswer> {
  simulator.faults({ endpoint: "metadata.regionInfo", times: 1, ...fault });
  const answer = await askRegion(simulator, readMs);
  expect((await askRegion()).status, "the fault is used up").toBe(200);
  return answer;
}

describe("a fault on the wire:", () => {
  test("status", async () => {
    const { status, text } = await meet({ status: 503 });
    expect([status, text]).toEqual([503, expect.stringContaining("503")]);
  });

  test.each([
    [429, "TOOMANYREQUESTS"],
    [503, "UNAVAILABLE"],
    [500, "UNKNOWN"],
  ])("status %i, below /v2/ in the form of the distribution API", async (status, code) => {
    simulator.faults({ endpoint: "registry.manifest", times: 1, status });
    const answer = await send(simulator.registryUrl, { target: "/v2/ns/repo/manifests/1" });
    expect([answer.status, answer.json.errors[0].code]).toEqual([status, code]);
    expect(answer.headers).toMatchObject({
      "docker-distribution-api-version": "registry/2.0",
      "opc-request-id": expect.any(String),
    });
  });

  test("status, of the auth service and the registry, in the form of Oracle's APIs", async () => {
    for (const [status, code] of [
      [429, "TooManyRequests"],
      [500, "InternalServerError"],
    ] as const) {
      simulator.faults({ endpoint: ["auth.*", "registry.*"], times: 2, status });
      for (const url of [simulator.authUrl, simulator.registryUrl]) {
        const answer = await send(url, { target: "/v1/x509" });
        expect([answer.status, answer.json.code]).toEqual([status, code]);
        expect(answer.headers["opc-request-id"]).toBeDefined();
      }
    }
  });

  test("hang before the headers", async () => {
    const { status, ending } = await meet({ hang: "before-headers" }, HANG_MS);
    expect([status, ending]).toEqual([0, "open"]);
  });

  test("hang in the middle of the body", async () => {
    const { status, headers, body, ending } = await meet({ hang: "mid-body" }, HANG_MS);
    expect([status, ending]).toEqual([200, "open"]);
    expect(body.length).toBe(Math.floor(Number(headers["content-length"]) / 2));
  });

  test("reset before the headers", async () => {
    const { status, ending } = await meet({ reset: "before-headers" });
    expect([status, ending]).toEqual([0, "reset"]);
  });

  test("reset in the middle of the body", async () => {
    expect((await meet({ reset: "mid-body" })).ending).toBe("reset");
  });

  test("truncate: half of the promised body, then an orderly end", async () => {
    const { headers, body, ending } = await meet({ truncate: true });
    expect(ending).toBe("end");
    expect(body.length).toBe(Math.floor(Number(headers["content-length"]) / 2));
  });

  test("html", async () => {
    const { status, headers, text } = await meet({ html: true });
    expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(text).toMatch(/^<html>/);
  });

  test("html with a status", async () => {
    expect(await meet({ html: true, status: 502 })).toMatchObject({
      status: 502,
      text: expect.stringContaining("<h1>502"),
    });
  });

  test("wrongJson", async () => {
    const { headers, json } = await meet({ wrongJson: true });
    expect([headers["content-type"], json]).toEqual(["application/json", undefined]);
  });

  test("wrongShape", async () => {
    expect((await meet({ wrongShape: true })).json).toEqual({ unexpected: [1, null] });
  });

  test("bodyMiB: as many, and still the JSON that was asked for", async () => {
    const { body, json } = await meet({ bodyMiB: 10 });
    expect(body.length).toBe(10 * 1_048_576);
    expect(json.regionKey).toBe("IAD");
  });

  test.each([
    [30, "30"],
    ["Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"],
  ])("retryAfter %s", async (given, seen) => {
    const { status, headers } = await meet({ status: 429, retryAfter: given });
    expect([status, headers["retry-after"]]).toEqual([429, seen]);
  });

  test("dateSkewMs", async () => {
    const startMs = Date.now();
    const { headers } = await meet({ dateSkewMs: -3_600_000 });
    const dateMs = Date.parse(headers["date"] ?? "") + 3_600_000;
    // The header has whole seconds.
    expect(dateMs).toBeGreaterThan(startMs - 1_000);
    expect(dateMs).toBeLessThanOrEqual(Date.now());
  });

  test("contentType", async () => {
    expect((await meet({ contentType: "text/plain" })).headers["content-type"]).toBe("text/plain");
  });

  test("latencyMs, in place of the simulator's own", async () => {
    const clock = createFakeClock();
    const slow = await startSimulator({ clock, latencyMs: 300 });
    const timers = clock.armed().length;
    const ask = async (waitMs: number) => {
      let isAnswered = false;
      const answer = askRegion(slow).then(() => {
        isAnswered = true;
      });
      await clock.untilArmed(timers + 1);
      await clock.advance(waitMs - 1);
      expect(isAnswered).toBe(false);
      await clock.advance(1);
      await answer;
    };
    await ask(300);
    slow.faults({ endpoint: "*", times: 1, latencyMs: 2_000 });
    await ask(2_000);
    await ask(300);
    await slow.close();
  });
});

describe("faults", () => {
  test("wait in line: the oldest that meets a request is taken, each as often as it says", async () => {
    simulator.faults(
      { endpoint: "auth.x509", status: 500 },
      { endpoint: "metadata.regionInfo", times: 2, status: 429 },
      { endpoint: "metadata.*", times: 1, status: 503 },
    );
    const statuses: number[] = [];
    for (let asked = 0; asked < 4; asked++) statuses.push((await askRegion()).status);
    expect(statuses).toEqual([429, 429, 503, 200]);
  });

  test("without times stay until cleared, and clearing lets go of what hangs", async () => {
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    const hanging = [askRegion(), askRegion()];
    await expect.poll(() => simulator.requests()["metadata.regionInfo"], { timeout: 30_000 }).toBe(2);
    simulator.clearFaults();
    expect((await Promise.all(hanging)).map(({ status }) => status)).toEqual([0, 0]);
    expect((await askRegion()).status).toBe(200);
  });

  test("in the middle of an answer without a body come before it", async () => {
    simulator.faults({ endpoint: "*", times: 1, reset: "mid-body" }, { endpoint: "*", times: 1, hang: "mid-body" });
    const headers = { authorization: "Bearer Oracle" };
    const head = { method: "HEAD", target: "/opc/v2/instance/region", headers };
    expect(await send(simulator.metadataUrl, head)).toMatchObject({ status: 0, ending: "reset" });
    expect(await send(simulator.metadataUrl, { ...head, readMs: HANG_MS })).toMatchObject({
      status: 0,
      ending: "open",
    });
  });

  test("are counted as requests like any other", async () => {
    await meet({ status: 500 });
    expect(simulator.requests()["metadata.regionInfo"]).toBe(2);
  });

  test.each<[unknown, string]>([
    [null, "a fault is a JSON object"],
    [[], "a fault is a JSON object"],
    [{}, "endpoint must be"],
    [{ endpoint: "metadata" }, "endpoint must be"],
    [{ endpoint: "metadata.re*" }, "endpoint must be"],
    [{ endpoint: [] }, "endpoint must be"],
    [{ endpoint: ["*", 1] }, "endpoint must be"],
    [{ status: 500 }, "endpoint must be"],
    [{ endpoint: "*" }, "needs something that goes wrong"],
    [{ endpoint: "*", times: 1 }, "needs something that goes wrong"],
    [{ endpoint: "*", times: 0, html: true }, "times must be"],
    [{ endpoint: "*", status: 99 }, "status must be"],
    [{ endpoint: "*", status: "500" }, "status must be"],
    [{ endpoint: "*", latencyMs: -1 }, "latencyMs must be"],
    [{ endpoint: "*", hang: true }, "hang must be"],
    [{ endpoint: "*", reset: "later" }, "reset must be"],
    [{ endpoint: "*", truncate: 1 }, "truncate must be"],
    [{ endpoint: "*", bodyMiB: 1_000 }, "bodyMiB must be"],
    [{ endpoint: "*", retryAfter: "soon" }, "retryAfter must be"],
    [{ endpoint: "*", retryAfter: -1 }, "retryAfter must be"],
    [{ endpoint: "*", dateSkewMs: 0.5 }, "dateSkewMs must be"],
    [{ endpoint: "*", contentType: "a\r\nb" }, "contentType must be"],
    [{ endpoint: "*", refuse: 1 }, "refuse must be"],
    [{ endpoint: "*", token: "stale" }, "token must be"],
    [{ endpoint: "*", latency: 5 }, "unknown field latency"],
    [{ endpoint: "*", toString: 5 }, "unknown field toString"],
  ])("are not queued if malformed: %j", (fault, reason) => {
    expect(() => simulator.faults({ endpoint: "*", status: 500 }, fault as Fault)).toThrow(reason);
    return expect(askRegion()).resolves.toMatchObject({ status: 200 });
  });
});
