/** For tests: a process that is killed before one of its changes to the disk. */
import fs from "node:fs";
import type { FileSystem } from "../src/run/disk.ts";

export class Killed extends Error {}

/** A file system that stops for good before its nth change. */
export function killedAt(nth: number): FileSystem {
  let changes = 0;
  const stopping = Object.entries(fs).map(([name, real]) => [
    name,
    (...args: unknown[]): unknown => {
      changes += 1;
      if (changes >= nth) throw new Killed();
      return (real as (...all: unknown[]) => unknown)(...args);
    },
  ]);
  return { ...Object.fromEntries(stopping), fsyncSync() {} } as FileSystem;
}
