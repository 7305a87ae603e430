import { expect, it } from "vitest";
import { inheritedFd } from "./inherited-fd.ts";

it.each([
  ["3", 3],
  ["1023", 1023],
  [undefined, undefined],
  ["", undefined],
  ["0", undefined],
  ["2", undefined],
  ["-3", undefined],
  ["03", undefined],
  ["3 ", undefined],
  ["3.5", undefined],
  ["0x3", undefined],
  ["1000000", undefined],
  ["notify", undefined],
])("inheritedFd of %j is %j", (text, descriptor) => {
  expect(inheritedFd(text)).toBe(descriptor);
});
