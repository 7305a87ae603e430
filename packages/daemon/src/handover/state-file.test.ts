import fs from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { stateFolder } from "../../test/state-folder.ts";
import { createStateFile } from "./state-file.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = stateFolder();
  path = join(directory, "state");
});

const write = (text: string) => createStateFile(path).write(Buffer.from(text));

/** Reads as the next process does. */
function take(): string | undefined {
  return createStateFile(path).take()?.toString();
}

describe("StateFile", () => {
  it("returns the last write to the next process, once, from a single file that only this user can read", () => {
    expect(take()).toBeUndefined();
    for (const text of ["one", "a longer state", "two"]) write(text);
    expect(fs.readdirSync(directory)).toEqual(["state"]);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    expect([take(), take()]).toEqual(["two", undefined]);
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it("removes what cannot be read", () => {
    fs.mkdirSync(path);
    expect(take).toThrow(expect.objectContaining({ code: "EISDIR" }));
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it("leaves the previous file, and no other, if the new one cannot replace it", () => {
    fs.mkdirSync(path);
    expect(() => write("the state")).toThrow(expect.objectContaining({ code: "EISDIR" }));
    expect(fs.readdirSync(directory)).toEqual(["state"]);
  });

  it("overwrites the file that a killed process left, and follows no link there", () => {
    const target = join(directory, "target");
    fs.symlinkSync(target, `${path}.new`);
    write("the state");
    expect(fs.existsSync(target)).toBe(false);
    expect(take()).toBe("the state");
  });

  it("replaces the file instead of writing into it, so that a kill leaves the old or the new state", () => {
    write("the state before");
    fs.linkSync(path, `${path}.before`);
    write("the state after");
    expect(fs.readFileSync(`${path}.before`, "latin1")).toContain("the state before");
    expect(take()).toBe("the state after");
  });
});
