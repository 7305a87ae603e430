import { expect, test } from "vitest";
import { retryHintOf } from "./expiring.ts";

const hinting = (hint: object) => Object.assign(new Error(), hint);

test.each<[string, unknown, ReturnType<typeof retryHintOf>]>([
  ["a hint", hinting({ retryable: false, retryAfterMs: 7 }), { retryable: false, retryAfterMs: 7 }],
  ["a hint without a time", hinting({ retryable: true }), { retryable: true, retryAfterMs: undefined }],
  ["a time as text", hinting({ retryable: true, retryAfterMs: "7" }), { retryable: true, retryAfterMs: undefined }],
  ["an error without a hint", new Error(), { retryable: true }],
  ["a hint of another type", hinting({ retryable: "no" }), { retryable: true }],
  ["a thrown value that is not an error", { retryable: false }, { retryable: true }],
])("retryHintOf reads %s", (_what, error, expected) => {
  expect(retryHintOf(error)).toEqual(expected);
});
