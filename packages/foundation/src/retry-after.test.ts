import { expect, test } from "vitest";
import { retryAfterMsOf } from "./retry-after.ts";

const NOON_MS = Date.parse("Thu, 01 Jan 2026 12:00:00 GMT");

test.each([
  ["seconds", "7", NOON_MS, 7_000],
  ["zero", "0", undefined, 0],
  ["more than a day", "999999999999", undefined, 86_400_000],
  ["a date, relative to the response's Date", "Thu, 01 Jan 2026 12:00:30 GMT", NOON_MS, 30_000],
  ["a past date", "Thu, 01 Jan 2026 11:00:00 GMT", NOON_MS, 0],
  ["a date if the response has no Date", "Thu, 01 Jan 2026 12:00:30 GMT", undefined, undefined],
  ["words", "soon", NOON_MS, undefined],
  ["a negative number", "-5s", NOON_MS, undefined],
  ["nothing", undefined, NOON_MS, undefined],
])("retryAfterMsOf reads %s", (_, text, serverDateMs, expected) => {
  expect(retryAfterMsOf({ headers: { "retry-after": text }, serverDateMs })).toBe(expected);
});
