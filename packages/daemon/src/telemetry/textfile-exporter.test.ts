import fs from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createRecordedLog, type LogLine } from "../../test/recorded-log.ts";
import { OngoingFailure } from "./ongoing-failure.ts";
import { createTextfile } from "./textfile-exporter.ts";

let directory: string;
let path: string;
let clock: FakeClock;
let lines: LogLine[];
let results: string[];
let failure: OngoingFailure;

beforeEach(() => {
  directory = temporaryFolder();
  path = join(directory, "ocir_broker.prom");
  clock = createFakeClock();
  results = [];
});

function start(render: () => Promise<string> = async () => `ocir_broker_up ${clock.monotonicMs()}\n`) {
  const recorded = createRecordedLog("info");
  ({ lines } = recorded);
  failure = new OngoingFailure(recorded.log, "metrics file not written");
  const textfile = createTextfile({
    path,
    clock,
    failure,
    render,
    onWritten: (result) => void results.push(result),
  });
  textfile.begin();
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

describe("createTextfile", () => {
  it("writes a world-readable file at once and at each multiple of 15 s, and leaves nothing else in the directory", async () => {
    const before = process.umask(0o077);
    start();
    await written(1);
    process.umask(before);
    expect(fs.readFileSync(path, "utf8")).toBe("ocir_broker_up 1000\n");
    expect(fs.statSync(path).mode & 0o777).toBe(0o644);
    // A reader that has opened the file keeps the whole one.
    const opened = join(temporaryFolder(), "opened");
    fs.linkSync(path, opened);
    await next();
    expect(fs.readFileSync(opened, "utf8")).toBe("ocir_broker_up 1000\n");
    expect(fs.readFileSync(path, "utf8")).toBe("ocir_broker_up 15000\n");
    expect(fs.readdirSync(directory)).toEqual(["ocir_broker.prom"]);
    expect(results).toEqual(["success", "success"]);
    expect(lines).toEqual([]);
  });

  it("stops writing when closed, and leaves the last file unchanged", async () => {
    const textfile = start();
    await written(1);
    await textfile.close();
    await clock.advance(60_000);
    expect(results).toHaveLength(1);
    expect(fs.readFileSync(path, "utf8")).toBe("ocir_broker_up 1000\n");
  });

  it("schedules no further write when it is closed during one", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const closed = start(() => promise).close();
    resolve("ocir_broker_up 1\n");
    await closed;
    expect(results).toEqual(["success"]);
    expect(clock.armed()).toEqual([]);
  });

  it("waits no longer than 1 s for a hanging write when it is closed", async () => {
    const closed = start(() => new Promise(() => undefined)).close();
    await clock.advance(1_000);
    await expect(closed).resolves.toBeUndefined();
  });

  it("starts no write while another is in progress", async () => {
    let renders = 0;
    start(() => {
      renders += 1;
      return new Promise(() => undefined);
    });
    await clock.advance(120_000);
    expect(renders).toBe(1);
  });

  it("logs a missing folder once, counts each failure, and writes as soon as the folder exists", async () => {
    const away = `${directory}-away`;
    fs.renameSync(directory, away);
    start();
    await written(1);
    await next();
    await next();
    expect(results).toEqual(["failure", "failure", "failure"]);
    expect(failure.code).toBe("ENOENT");
    expect(lines).toMatchObject([{ level: "warn", code: "ENOENT", msg: "metrics file not written" }]);
    fs.renameSync(away, directory);
    await next();
    expect(fs.readFileSync(path, "utf8")).toContain("ocir_broker_up");
    expect(results.at(-1)).toBe("success");
    expect([failure.code, lines.length]).toEqual([undefined, 1]);
  });

  it("logs a failure with another cause", async () => {
    fs.rmSync(directory, { recursive: true });
    start();
    await written(1);
    fs.mkdirSync(path, { recursive: true });
    await next();
    expect(lines.map(({ code }) => code)).toEqual(["ENOENT", "EISDIR"]);
    expect(fs.readdirSync(directory)).toEqual(["ocir_broker.prom"]);
  });

  it("replaces the file that a killed process left, and follows no link there", async () => {
    const victim = join(directory, "victim");
    fs.writeFileSync(victim, "precious");
    fs.symlinkSync(victim, `${path}.new`);
    start();
    await written(1);
    expect(fs.readFileSync(victim, "utf8")).toBe("precious");
    expect(fs.readdirSync(directory).sort()).toEqual(["ocir_broker.prom", "victim"]);
  });

  it("reports a failure if the metrics cannot be rendered", async () => {
    start(() => Promise.reject(new Error("no metrics")));
    await written(1);
    expect(results).toEqual(["failure"]);
  });
});
