import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { MARKER, prepareOutputFolder } from "./output-folder.ts";

describe("prepareOutputFolder", () => {
  it.each([
    ["takes an empty folder", ""],
    ["makes a folder", "new/folder"],
  ])("%s, and replaces its files at the end of the next run", (_what, name) => {
    const folder = join(temporaryFolder(), name);
    const make = (file: string) => {
      const output = prepareOutputFolder(folder);
      writeFileSync(join(output.unfinished, file), "");
      return output;
    };
    make("old.deb").finish();
    mkdirSync(join(folder, "old"));
    make("half.deb");
    expect(readdirSync(folder)).toEqual([MARKER, ".unfinished", "old", "old.deb"]);
    make("new.deb").finish();
    expect(readdirSync(folder)).toEqual([MARKER, "new.deb"]);
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
