import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createFakeClock, createImpatientClock, type FakeClock } from "@ocir-broker/testkit";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "./log.ts";
import { startTextfile } from "./textfile-exporter.ts";

let directory: string;
let path: string;
let clock: FakeClock;
let lines: { level: string; code?: string; msg: string }[];
let results: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "textfile-"));
  path = join(directory, "ocir_broker.prom");
  clock = createFakeClock();
  lines = [];
  results = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

function start(render: () => Promise<string> = async () => `ocir_broker_up ${clock.monotonicMs()}\n`) {
  const textfile = startTextfile({
    path,
    clock,
    log: createLog({ level: "info", environment: {}, stream: { write: (line) => void lines.push(JSON.parse(line)) } }),
    render,
    onWritten: (result) => void results.push(result),
  });
  onTestFinished(() => void textfile.close());
  return textfile;
}

/** Waits for the current write to end and schedule the next one. */
async function written(count: number): Promise<void> {
  while (results.length < count) await setImmediate();
  await clock.untilArmed(1);
}

async function next(): Promise<void> {
  const count = results.length + 1;
  await clock.advance(15_000);
  await written(count);
}

describe("startTextfile", () => {
  it("writes at once and every 15 s, for everyone to read, and leaves nothing else in the directory", async () => {
    const before = process.umask(0o077);
    start();
    await written(1);
    process.umask(before);
    expect(readFileSync(path, "utf8")).toBe("ocir_broker_up 1000\n");
    expect(statSync(path).mode & 0o777).toBe(0o644);
    await next();
    expect(readFileSync(path, "utf8")).toBe("ocir_broker_up 16000\n");
    expect(readdirSync(directory)).toEqual(["ocir_broker.prom"]);
    expect(results).toEqual(["success", "success"]);
    expect(lines).toEqual([]);
  });

  it("stops, and leaves the last file as it is", async () => {
    const textfile = start();
    await written(1);
    await textfile.close();
    await clock.advance(60_000);
    expect(results).toHaveLength(1);
    expect(readFileSync(path, "utf8")).toBe("ocir_broker_up 1000\n");
  });

  it("plans no further write when it is closed in the middle of one", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const closed = start(() => promise).close();
    resolve("ocir_broker_up 1\n");
    await closed;
    expect(results).toEqual(["success"]);
    expect(clock.armed()).toEqual([]);
  });

  it("begins no write while one is under way", async () => {
    let renders = 0;
    start(() => {
      renders += 1;
      return new Promise(() => undefined);
    });
    await clock.advance(120_000);
    expect(renders).toBe(1);
  });

  it("tells of a missing folder once, counts it, and writes as soon as it is there", async () => {
    const away = `${directory}-away`;
    renameSync(directory, away);
    start();
    await written(1);
    await next();
    await next();
    expect(results).toEqual(["failure", "failure", "failure"]);
    expect(lines).toMatchObject([{ level: "warn", code: "ENOENT", msg: "metrics file not written" }]);
    renameSync(away, directory);
    await next();
    expect(readFileSync(path, "utf8")).toContain("ocir_broker_up");
    expect(results.at(-1)).toBe("success");
    expect(lines.slice(1)).toMatchObject([{ level: "info", msg: "metrics file written again" }]);
  });

  it("tells when it fails otherwise than before", async () => {
    rmSync(directory, { recursive: true });
    start();
    await written(1);
    mkdirSync(path, { recursive: true });
    await next();
    expect(lines.map(({ code }) => code)).toEqual(["ENOENT", "EISDIR"]);
    expect(readdirSync(directory)).toEqual(["ocir_broker.prom"]);
  });

  it("takes the place of what a killed process left, and follows no link there", async () => {
    const victim = join(directory, "victim");
    writeFileSync(victim, "precious");
    symlinkSync(victim, `${path}.new`);
    start();
    await written(1);
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(readdirSync(directory).sort()).toEqual(["ocir_broker.prom", "victim"]);
  });

  it("cannot be kept from going on by something that is not a file", async () => {
    mkdirSync(`${path}.new`);
    start();
    await written(1);
    expect(results).toEqual(["failure"]);
    expect(lines).toHaveLength(1);
  });

  it("is unharmed by metrics that cannot be rendered", async () => {
    start(() => Promise.reject(new Error("no metrics")));
    await written(1);
    expect(results).toEqual(["failure"]);
  });

  it("survives a full disk, and leaves the file before whole (skipped where no file system may be mounted)", async (context) => {
    const full = join(directory, "full");
    mkdirSync(full);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", full]).status !== 0) context.skip();
    try {
      path = join(full, "ocir_broker.prom");
      let size = 1_000;
      start(async () => `${"x".repeat(size)}\n`);
      await written(1);
      size = 100_000;
      await next();
      await next();
      expect(results).toEqual(["success", "failure", "failure"]);
      expect(lines).toMatchObject([{ code: "ENOSPC" }]);
      expect(readFileSync(path, "utf8")).toBe(`${"x".repeat(1_000)}\n`);
      expect(readdirSync(full)).toEqual(["ocir_broker.prom"]);
      size = 2_000;
      await next();
      expect(readFileSync(path, "utf8")).toHaveLength(2_001);
    } finally {
      execFileSync("umount", [full]);
    }
  });

  it("shows a reader whole files only, 10 000 reads while it is written", async () => {
    let count = 0;
    const text = (number: number): string => `${`ocir_broker_up ${number}\n`.repeat(500)}# end\n`;
    const textfile = startTextfile({
      path,
      clock: createImpatientClock(),
      log: createLog({ level: "fatal", environment: {} }),
      render: async () => text(++count),
      onWritten: (result) => void results.push(result),
    });
    while (results.length < 1) await setImmediate();
    // At least a hundred writes, since reading may be faster than writing.
    for (let read = 0; read < 10_000 || count <= 100; read += 1) {
      const seen = await readFile(path, "utf8");
      if (seen !== text(Number(/\d+/.exec(seen)?.[0]))) expect.unreachable(`a part of a file: ${seen.length}`);
    }
    await textfile.close();
    expect(new Set(results)).toEqual(new Set(["success"]));
  });
});
