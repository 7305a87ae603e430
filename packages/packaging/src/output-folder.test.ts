import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { MARKER, prepareOutputFolder } from "./output-folder.ts";

describe("prepareOutputFolder", () => {
  it.each([
    ["takes an empty folder", ""],
    ["makes a folder", "new/folder"],
  ])("%s, and empties it the next time", (_what, name) => {
    const folder = join(temporaryFolder(), name);
    prepareOutputFolder(folder);
    writeFileSync(join(folder, "old.deb"), "");
    mkdirSync(join(folder, "half"));
    prepareOutputFolder(folder);
    expect(readdirSync(folder)).toEqual([MARKER]);
  });

  it("refuses a folder with foreign files, and leaves them unchanged", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "thesis.txt"), "");
    mkdirSync(join(folder, ".git"));
    expect(() => prepareOutputFolder(folder)).toThrow("is not empty, and npm run package did not make it");
    expect(readdirSync(folder)).toEqual([".git", "thesis.txt"]);
  });

  it("refuses a file", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(() => prepareOutputFolder(file)).toThrow("ENOTDIR");
  });
});
