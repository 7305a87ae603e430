import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { checkSums, writeSums } from "./sums.ts";

it("checkSums accepts an unchanged release, and names a folder without one and one that has changed", () => {
  const folder = temporaryFolder();
  expect(() => checkSums(folder)).toThrow(`there is no release in ${folder}: run npm run package first`);
  writeFileSync(join(folder, "file"), "text");
  writeSums(folder);
  checkSums(folder);
  appendFileSync(join(folder, "file"), "more");
  expect(() => checkSums(folder)).toThrow("differ from its SHA256SUMS");
});
