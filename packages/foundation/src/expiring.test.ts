import { expect, test } from "vitest";
import { retryHintOf } from "./expiring.ts";

test.each<[string, unknown, ReturnType<typeof retryHintOf>]>([
  [
    "an error's own hint",
    Object.assign(new Error(), { retryable: false, retryAfterMs: 7 }),
    { retryable: false, retryAfterMs: 7 },
  ],
  [
    "a hint without a time",
    Object.assign(new Error(), { retryable: true }),
    { retryable: true, retryAfterMs: undefined },
  ],
  [
    "a hint with a strange time",
    Object.assign(new Error(), { retryable: true, retryAfterMs: "7" }),
    { retryable: true, retryAfterMs: undefined },
  ],
  ["an error without one", new Error(), { retryable: true }],
  ["an error with a strange one", Object.assign(new Error(), { retryable: "no" }), { retryable: true }],
  ["what is no error", { retryable: false }, { retryable: true }],
  ["nothing", undefined, { retryable: true }],
])("retryHintOf reads %s", (_what, error, expected) => {
  expect(retryHintOf(error)).toEqual(expected);
});
