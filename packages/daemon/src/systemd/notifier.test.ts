import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { beforeEach, expect, it, vi } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { createNotifier, type NotifierOptions } from "./notifier.ts";
import type { ServiceMessage } from "./notify-transport.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const PID = 4_711;

let clock: FakeClock;
let heard: ServiceMessage[];
let status: string;
let refusal: (Error & { code: string }) | undefined;
let isFree: boolean;
let recorded: ReturnType<typeof createRecordedLog>;

beforeEach(() => {
  clock = createFakeClock();
  heard = [];
  status = "serving";
  refusal = undefined;
  isFree = true;
  recorded = createRecordedLog("info");
});

async function record(message: ServiceMessage): Promise<void> {
  if (refusal !== undefined) throw refusal;
  heard.push(message);
}

function create(options: Partial<NotifierOptions> = {}) {
  return createNotifier({
    transport: record,
    environment: { WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(PID) },
    pid: PID,
    clock,
    kernelMonotonicUs: () => 123_456n,
    statusText: () => status,
    hasFreeDescriptor: () => isFree,
    log: recorded.log,
    ...options,
  });
}

const withCode = (code: string) => Object.assign(new Error(code), { code });
const PING = ["WATCHDOG=1"];

it("Notifier sends READY only after ready(), and then pings at a third of the watchdog's interval", async () => {
  const notification = create();
  await clock.advance(59_000);
  expect(heard).toEqual([]);
  notification.ready();
  await clock.advance(29_000);
  expect(heard).toEqual([
    { ready: true, status: "serving", fields: PING },
    { status: undefined, fields: PING },
    { status: undefined, fields: PING },
    { status: undefined, fields: PING },
  ]);
  expect(recorded.lines).toEqual([]);
});

it.each([
  ["1200000", 400],
  ["15000000", 5_000],
  ["600000000", 15_000],
])("Notifier with WATCHDOG_USEC=%s checks within 2 s and then at every multiple of %i ms", async (usec, intervalMs) => {
  create({ environment: { WATCHDOG_USEC: usec } }).ready();
  const [firstMs = Number.NaN] = clock.armed();
  expect(firstMs).toBeLessThanOrEqual(2_000);
  await clock.advance(firstMs);
  const [secondMs = Number.NaN] = clock.armed();
  expect((clock.monotonicMs() + secondMs) % intervalMs).toBe(0);
  await clock.advance(secondMs);
  expect(clock.armed()).toEqual([intervalMs]);
});

it.each([
  ["is not set", {}],
  ["interval is not a number", { WATCHDOG_USEC: "soon" }],
  ["is zero", { WATCHDOG_USEC: "0" }],
  ["is for another process", { WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" }],
])("Notifier sends no pings if the watchdog %s, and a status only when it changes", async (_what, environment) => {
  create({ environment }).ready();
  await clock.advance(40_000);
  status = "serving more";
  await clock.advance(40_000);
  expect(heard).toEqual([
    { ready: true, status: "serving", fields: [] },
    { status: "serving more", fields: [] },
  ]);
});

it("Notifier sends no ping while no descriptor is free, and logs it once", async () => {
  create().ready();
  isFree = false;
  await clock.advance(30_000);
  status = "still serving";
  await clock.advance(10_000);
  expect(heard.slice(1)).toEqual([{ status: "still serving", fields: [] }]);
  expect(recorded.lines).toMatchObject([{ code: "EMFILE", msg: "watchdog not notified: no descriptor is free" }]);
  isFree = true;
  await clock.advance(10_000);
  expect(heard.at(-1)).toEqual({ status: undefined, fields: PING });
});

it("Notifier reports the start and end of a reload, without a second timer", async () => {
  const notification = create();
  notification.ready();
  notification.reloading();
  status = "reloaded";
  notification.ready();
  await clock.advance(0);
  expect(heard.slice(1)).toEqual([
    { fields: ["RELOADING=1", "MONOTONIC_USEC=123456"] },
    { ready: true, status: "reloaded", fields: PING },
  ]);
  expect(clock.armed()).toHaveLength(1);
});

it("Notifier retries READY while the manager's queue is full, and keeps the order of messages", async () => {
  refusal = withCode("EAGAIN");
  const notification = create();
  notification.ready();
  notification.reloading();
  await clock.advance(950);
  expect(heard).toEqual([]);
  refusal = undefined;
  await clock.advance(100);
  expect(heard).toMatchObject([{ ready: true }, { fields: ["RELOADING=1", expect.anything()] }]);
  expect(recorded.lines).toMatchObject([{ code: "EAGAIN", msg: "service manager not notified" }]);
});

it("Notifier skips a ping that cannot be sent, logs one line, and sends the next", async () => {
  create().ready();
  await clock.advance(0);
  refusal = withCode("EAGAIN");
  await clock.advance(30_000);
  refusal = undefined;
  await clock.advance(10_000);
  expect(heard).toHaveLength(2);
  expect(recorded.lines).toHaveLength(1);
});

it("Notifier drops READY if the notify socket is missing", async () => {
  refusal = withCode("ENOENT");
  create().ready();
  await clock.advance(5_000);
  refusal = undefined;
  await clock.advance(10_000);
  expect(heard).toEqual([{ status: undefined, fields: PING }]);
  expect(recorded.lines).toMatchObject([{ code: "ENOENT" }]);
});

it("Notifier does not queue pings behind a message that is still being sent", async () => {
  const arrivals: (() => void)[] = [];
  const transport = (message: ServiceMessage) =>
    new Promise<void>((resolve) => void arrivals.push(() => resolve(void heard.push(message))));
  const notification = create({ environment: { WATCHDOG_USEC: "3000000" }, transport });
  notification.ready();
  await clock.advance(10_000);
  expect(arrivals).toHaveLength(1);
  arrivals[0]?.();
  await clock.advance(1_000);
  expect(arrivals).toHaveLength(2);
});

it("Notifier sends nothing without a transport", () => {
  const unused = () => expect.unreachable();
  const sources = { kernelMonotonicUs: unused, statusText: unused, hasFreeDescriptor: unused };
  const notification = create({ transport: undefined, ...sources });
  notification.ready();
  notification.reloading();
  notification.stopping();
  expect(clock.armed()).toEqual([]);
});
