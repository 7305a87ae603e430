/** For tests: changes to the disk that fail, and a process that is killed before one of them. */
import fs from "node:fs";
import type { FileSystem } from "../src/disk.ts";

class Killed extends Error {}

/** @param before is called with the name of each change, its number from 1, and its arguments. */
export function fileSystemThat(before: (name: string, nth: number, ...args: unknown[]) => void): FileSystem {
  let changes = 0;
  const watched = Object.entries(fs).map(([name, real]) => [
    name,
    (...args: unknown[]): unknown => {
      changes += 1;
      before(name, changes, ...args);
      return (real as (...all: unknown[]) => unknown)(...args);
    },
  ]);
  return Object.fromEntries(watched) as unknown as FileSystem;
}

/** A file system that stops for good before its nth change. */
export function killedAt(nth: number): FileSystem {
  const stopping = fileSystemThat((_, change) => {
    if (change >= nth) throw new Killed();
  });
  return { ...stopping, fsyncSync() {} };
}
