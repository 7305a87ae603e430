import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemfdStore } from "./memfd-store.ts";

const SIZE = 16 * 1024;
const HEADER_BYTES = 56;

let directory: string;
let path: string;
let fd: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "state-file-"));
  fd = openSync(join(directory, "state"), "w+");
  rmSync(join(directory, "state"));
  path = `/proc/self/fd/${fd}`;
  ftruncateSync(fd, SIZE);
});

afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

/** Reads as the next process does. */
function readAnew() {
  const read = createMemfdStore(fd).read();
  return read.kind === "whole" ? { ...read, payload: read.payload.toString() } : read;
}

function write(...texts: string[]): void {
  const file = createMemfdStore(fd);
  file.read();
  for (const text of texts) file.write(Buffer.from(text));
}

describe("MemfdStore", () => {
  it("is empty before anything was written", () => {
    expect(readAnew()).toEqual({ kind: "empty" });
  });

  it.each([1, 2, 3, 10])("gives the last of %i writes to the next process", (count) => {
    write(...Array.from({ length: count }, (_, index) => `state ${index + 1}`));
    expect(readAnew()).toEqual({ kind: "whole", payload: `state ${count}`, isTorn: false });
  });

  it("goes on over many processes that write once each", () => {
    for (let run = 1; run <= 7; run++) {
      write(`state of run ${run}`);
      expect(readAnew()).toMatchObject({ payload: `state of run ${run}` });
    }
  });

  it("leaves nothing of what it replaced, in the middle or behind a shorter payload", () => {
    write(`${"secret-1 ".repeat(300)}`, `${"secret-2 ".repeat(200)}`, "short");
    expect(readFileSync(path).toString("latin1")).not.toContain("secret");
    write("also short");
    expect(readFileSync(path).toString("latin1").replaceAll("\0", "")).toMatch(/^ocirmem1.{1,50}also short$/s);
  });

  it("erases all that was written, also by an earlier process", () => {
    write("secret");
    createMemfdStore(fd).erase();
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
    expect(readFileSync(path)).toHaveLength(SIZE);
  });

  it("takes the largest payload and none that is larger", () => {
    const file = createMemfdStore(fd);
    expect(file.maxBytes).toBe(SIZE / 2 - HEADER_BYTES);
    write("x".repeat(file.maxBytes));
    expect(() => write("x".repeat(file.maxBytes + 1))).toThrow(RangeError);
    expect(readAnew()).toMatchObject({ payload: "x".repeat(file.maxBytes), isTorn: false });
  });

  it("gives the write before, whatever byte a write was cut at", () => {
    write("the state before");
    const before = readFileSync(path);
    write("the state after");
    const after = readFileSync(path);
    // The second slot gets the payload, then the header; the first slot is erased after both.
    const slot = SIZE / 2;
    const payload = Array.from("the state after", (_, index) => slot + HEADER_BYTES + index);
    const header = Array.from({ length: HEADER_BYTES }, (_, index) => slot + index);
    const inOrder = [...payload, ...header];
    for (let cut = 0; cut < inOrder.length; cut++) {
      const torn = Buffer.from(before);
      for (const at of inOrder.slice(0, cut)) torn[at] = after[at] as number;
      // The header's last byte may equal the byte that it replaces.
      if (torn.subarray(slot).equals(after.subarray(slot))) continue;
      writeFileSync(path, torn);
      expect(readAnew()).toMatchObject({ kind: "whole", payload: "the state before", isTorn: cut > 0 });
    }
  });

  it("gives the newer of two whole writes, which is how a kill before the erasing leaves them", () => {
    write("the state before");
    const before = readFileSync(path);
    write("the state after");
    const after = readFileSync(path);
    before.copy(after, 0, 0, SIZE / 2);
    writeFileSync(path, after);
    expect(readAnew()).toEqual({ kind: "whole", payload: "the state after", isTorn: false });
    write("and the next");
    expect(readAnew()).toEqual({ kind: "whole", payload: "and the next", isTorn: false });
  });

  it("says that a later write was torn", () => {
    write("the state before");
    const bytes = readFileSync(path);
    bytes.write("half of the next sta", SIZE / 2 + HEADER_BYTES);
    writeFileSync(path, bytes);
    expect(readAnew()).toEqual({ kind: "whole", payload: "the state before", isTorn: true });
  });

  it.each([
    ["a mark", 0],
    ["a sequence", 8],
    ["a length", 16],
    ["what is reserved", 20],
    ["a digest", 24],
    ["a payload's first byte", HEADER_BYTES],
    ["a payload's last byte", HEADER_BYTES + "the state".length - 1],
  ])("takes nothing with %s that is not as it was written", (_what, at) => {
    write("before", "the state");
    const bytes = readFileSync(path);
    const start = bytes.indexOf("ocirmem1");
    bytes[start + at] = (bytes[start + at] as number) ^ 0x81;
    writeFileSync(path, bytes);
    expect(readAnew()).toEqual({ kind: "broken" });
  });

  it("is whole after every kill in the middle of writing", async () => {
    ftruncateSync(fd, 2 * 1024 * 1024);
    const script = `
      import { createMemfdStore } from ${JSON.stringify(new URL("memfd-store.ts", import.meta.url).href)};
      const file = createMemfdStore(3);
      file.read();
      for (let number = 1; ; number++) {
        file.write(Buffer.from(String(number % 10).repeat(400_000 + number)));
        if (number === 2) console.log("writing");
      }`;
    for (let kill = 0; kill < 10; kill++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit", fd],
      });
      await once(child.stdout as Readable, "data");
      child.kill("SIGKILL");
      await once(child, "close");
      const read = createMemfdStore(fd).read();
      if (read.kind !== "whole") expect.unreachable(read.kind);
      const text = read.payload.toString();
      expect(text).toBe(text.charAt(0).repeat(text.length));
      expect(text.length).toBeGreaterThan(400_000);
    }
  });

  it("is not made of a file that has a name", () => {
    const named = openSync(join(directory, "named"), "w+");
    expect(() => createMemfdStore(named)).toThrow(TypeError);
    closeSync(named);
  });

  it("takes nothing from random bytes, and can be written to all the same", () => {
    writeFileSync(path, randomBytes(SIZE));
    expect(readAnew()).toEqual({ kind: "broken" });
    write("anew");
    expect(readAnew()).toEqual({ kind: "whole", payload: "anew", isTorn: false });
    expect(readFileSync(path).toString("latin1").replaceAll("\0", "")).toMatch(/^ocirmem1.{1,50}anew$/s);
  });
});
