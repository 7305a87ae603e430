import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { describe, expect, it } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { createFetchLog } from "./fetch-log.ts";

const KEY = "iad.ocir.io";
const RENEWAL = { key: KEY, reason: "renewal", elapsedMs: 5.4 } as const;
const failed = (code: "timeout" | "tls") =>
  ({ ...RENEWAL, type: "failed", error: new UpstreamError(code, KEY), retryInMs: 499.6 }) as const;
const fetched = { ...RENEWAL, type: "fetched", expiresInMs: 1_000 } as const;

function setUp(what: "session" | "token") {
  const { log, lines } = createRecordedLog();
  return { lines, logFetch: createFetchLog(log, what) };
}

describe("createFetchLog", () => {
  it("warns when an outage begins and when it changes, and logs its end", () => {
    const { lines, logFetch } = setUp("token");
    const outage = [failed("tls"), failed("tls"), failed("timeout"), failed("timeout")];
    for (const event of [fetched, ...outage, fetched, fetched]) logFetch(event);
    expect(lines.map(({ level, msg, recovered }) => [level, msg, recovered])).toEqual([
      ["info", "token fetched", false],
      ["warn", "token not fetched", undefined],
      ["debug", "token not fetched", undefined],
      ["warn", "token not fetched", undefined],
      ["debug", "token not fetched", undefined],
      ["info", "token fetched", true],
      ["info", "token fetched", false],
    ]);
    expect(lines[1]).toMatchObject({ registryHost: KEY, elapsedMs: 5, retryInMs: 500, error: { code: "tls" } });
  });

  it("logs expired and dropped values, and warns again after a drop", () => {
    const { lines, logFetch } = setUp("session");
    logFetch(failed("tls"));
    logFetch({ type: "expired", key: KEY });
    logFetch({ type: "dropped", key: KEY, cause: "idle" });
    logFetch(failed("tls"));
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ["warn", "session not fetched"],
      ["error", "session expired before it was replaced"],
      ["info", "session dropped"],
      ["warn", "session not fetched"],
    ]);
    expect(lines[0]).not.toHaveProperty("registryHost");
  });
});
