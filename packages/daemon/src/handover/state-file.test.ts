import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { stateFolder } from "../../test/state-folder.ts";
import { createStateFile, MAX_STATE_BYTES } from "./state-file.ts";

const isRoot = process.geteuid?.() === 0;

let directory: string;
let path: string;

beforeEach(() => {
  directory = stateFolder();
  path = join(directory, "state");
});

const write = (text: string) => createStateFile(path).write(Buffer.from(text));

/** Reads as the next process does. */
function read(): unknown {
  return createStateFile(path).read(String);
}

describe("StateFile", () => {
  it("returns the last write to the next process, from a single file that only this user can read", () => {
    expect(read()).toBeUndefined();
    for (const text of ["one", "a longer state", "two"]) write(text);
    expect(read()).toBe("two");
    expect(fs.readdirSync(directory)).toEqual(["state"]);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    expect(fs.readFileSync(path).subarray(32).toString()).toBe("two");
  });

  it("is read by one process at most if that process is killed, and again if it is not", () => {
    write("one");
    const killed = createStateFile(path).read(() => fs.readdirSync(directory));
    expect(killed).toEqual(["state.reading"]);
    expect([read(), read()]).toEqual(["one", "one"]);
    fs.renameSync(path, `${path}.reading`);
    expect(read()).toBeUndefined();
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it("accepts the largest payload, and none that is larger", () => {
    const largest = "x".repeat(MAX_STATE_BYTES);
    write(largest);
    expect(read()).toBe(largest);
    expect(() => write(`${largest}x`)).toThrow(RangeError);
    expect(read()).toBe(largest);
  });

  it.each([
    ["its first byte", (bytes: Buffer) => Buffer.concat([Buffer.from([0xff]), bytes.subarray(1)])],
    ["its last byte", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([0xff])])],
    ["one more byte", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")])],
    ["one byte less", (bytes: Buffer) => bytes.subarray(0, -1)],
    ["half of it", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["nothing", () => Buffer.alloc(0)],
  ])("ignores a file that was changed: %s", (_what, change) => {
    write("the state");
    fs.writeFileSync(path, change(fs.readFileSync(path)));
    expect(read()).toEqual({ error: "state-broken" });
    write("new");
    expect(read()).toBe("new");
  });

  it.each<[string, () => unknown]>([
    ["a link to a valid state", () => fs.symlinkSync(`${path}.valid`, path)],
    ["a dangling link", () => fs.symlinkSync("/nowhere", path)],
    ["a FIFO", () => execFileSync("mkfifo", [path])],
    ["a directory", () => fs.mkdirSync(path)],
    ["a socket", () => onTestFinished(listenAt(path))],
    ["too large", () => fs.writeFileSync(path, Buffer.alloc(MAX_STATE_BYTES + 33))],
  ])("ignores a file that is %s", (_what, make) => {
    createStateFile(`${path}.valid`).write(Buffer.from("the state"));
    make();
    expect(read()).toEqual({ error: "state-foreign" });
  });

  it.skipIf(!isRoot)(`ignores another user's file${isRoot ? "" : " (skipped: needs root)"}`, () => {
    write("the state");
    fs.chownSync(path, 65_534, 65_534);
    expect(read()).toEqual({ error: "state-foreign" });
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
    expect(read()).toBe("the state");
  });

  it("replaces the file instead of writing into it, so that a kill leaves the old or the new state", () => {
    write("the state before");
    fs.linkSync(path, `${path}.before`);
    write("the state after");
    expect(fs.readFileSync(`${path}.before`, "latin1")).toContain("the state before");
    expect(read()).toBe("the state after");
  });
});

function listenAt(socketPath: string): () => void {
  const server = createServer().listen(socketPath);
  return () => void server.close();
}
