import { expect, it } from "vitest";
import { parseJson } from "./parse-json.ts";

it.each<[text: string, value: unknown]>([
  ['{"a":1}', { a: 1 }],
  ['\uFEFF{"a":1}', { a: 1 }],
  ["\uFEFF\uFEFF1", undefined],
  ["secret", undefined],
  ["", undefined],
])("parseJson returns the value of %j, or undefined if invalid", (text, value) => {
  expect(parseJson(text)).toEqual(value);
});
