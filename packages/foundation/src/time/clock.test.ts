import { beforeEach, describe, expect, test, vi } from "vitest";
import { bootMs, createSystemClock, kernelMonotonicUs } from "./clock.ts";

/** The three sources that the clock reads; `awakeMs` and `uptimeMs` drift apart in a suspend, as the kernel's do. */
const system = vi.hoisted(() => ({ awakeMs: 0, uptimeMs: 0, wallMs: 0, uptimeReads: 0 }));

vi.mock("node:os", () => ({
  uptime: () => {
    system.uptimeReads++;
    return Math.floor(system.uptimeMs / 10) / 100;
  },
}));

function run(ms: number): void {
  system.awakeMs += ms;
  system.uptimeMs += ms;
  system.wallMs += ms;
}

function suspend(ms: number): void {
  system.uptimeMs += ms;
  system.wallMs += ms;
}

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(system, { awakeMs: 5_000, uptimeMs: 1_000_000, wallMs: 1_767_225_600_000, uptimeReads: 0 });
  vi.spyOn(performance, "now").mockImplementation(() => system.awakeMs);
  vi.spyOn(Date, "now").mockImplementation(() => system.wallMs);
  return () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  };
});

/** Time passes for the clock and for the timers of this process alike, a tenth of a second at a time. */
function runTimers(ms: number): void {
  for (let left = ms; left > 0; left -= 100) {
    run(Math.min(left, 100));
    vi.advanceTimersByTime(Math.min(left, 100));
  }
}

describe("createSystemClock monotonicMs", () => {
  test("advances with the machine, without reading the uptime every time", () => {
    const clock = createSystemClock();
    const startMs = clock.monotonicMs();
    for (let second = 0; second < 1_000; second++) {
      run(1_000);
      clock.monotonicMs();
    }
    expect(clock.monotonicMs() - startMs).toBe(1_000_000);
    expect(system.uptimeReads).toBe(1);
  });

  test.each([3_600_000, -3_600_000])("does not jump when the wall clock is set by %i ms", (jumpMs) => {
    const clock = createSystemClock();
    const startMs = clock.monotonicMs();
    run(1_000);
    system.wallMs += jumpMs;
    expect(clock.monotonicMs() - startMs).toBe(1_000);
    expect(clock.wallMs()).toBe(system.wallMs);
  });

  test("includes the time of every suspend", () => {
    const clock = createSystemClock();
    const startMs = clock.monotonicMs();
    run(1_000);
    suspend(600_000);
    expect(clock.monotonicMs() - startMs).toBeCloseTo(601_000, -2);
    run(1_000);
    suspend(60_000);
    expect(clock.monotonicMs() - startMs).toBeCloseTo(662_000, -2);
  });

  test("includes the time of a suspend during which the wall clock was set", () => {
    const clock = createSystemClock();
    const startMs = clock.monotonicMs();
    suspend(600_000);
    system.wallMs += 7_200_000;
    expect(clock.monotonicMs() - startMs).toBeCloseTo(600_000, -2);
  });

  test("never decreases", () => {
    const clock = createSystemClock();
    let lastMs = clock.monotonicMs();
    for (let turn = 0; turn < 500; turn++) {
      run((turn * 37) % 900);
      if (turn % 7 === 0) suspend((turn * 91) % 5_000);
      if (turn % 5 === 0) system.wallMs += ((turn * 53) % 4_000) - 2_000;
      const nowMs = clock.monotonicMs();
      expect(nowMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = nowMs;
    }
  });
});

describe("createSystemClock setTimer", () => {
  test.each([0, -5, 1, 4_999, 5_000, 5_001, 60_000])("calls back once after %i ms", (delayMs) => {
    const clock = createSystemClock();
    const callback = vi.fn();
    clock.setTimer(callback, delayMs);
    if (delayMs > 1) {
      runTimers(delayMs - 1);
      expect(callback).not.toHaveBeenCalled();
    }
    runTimers(200);
    runTimers(20_000);
    expect(callback).toHaveBeenCalledOnce();
  });

  test("calls back within 5 s of waking if the time has passed during a suspend", () => {
    const clock = createSystemClock();
    const callback = vi.fn();
    clock.setTimer(callback, 3_600_000);
    runTimers(1_000);
    suspend(3_600_000);
    runTimers(5_000);
    expect(callback).toHaveBeenCalledOnce();
  });

  test("wakes once in 5 s for all timers that end later", () => {
    const clock = createSystemClock();
    for (const delayMs of [0, 700, 1_300]) {
      runTimers(delayMs);
      clock.setTimer(() => {}, 60_000);
    }
    const wokeAtMs = new Set<number>();
    vi.spyOn(performance, "now").mockImplementation(() => {
      wokeAtMs.add(system.awakeMs);
      return system.awakeMs;
    });
    runTimers(15_000);
    expect([...wokeAtMs]).toEqual([10_000, 15_000, 20_000]);
  });

  test("does not call back when cancelled, before its first sleep or after", () => {
    const clock = createSystemClock();
    const callback = vi.fn();
    clock.setTimer(callback, 1_000).cancel();
    const later = clock.setTimer(callback, 10_000);
    runTimers(9_500);
    later.cancel();
    later.cancel();
    runTimers(20_000);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("bootMs advances during a suspend, and ignores the wall clock", () => {
  expect(bootMs()).toBe(1_000_000);
  suspend(60_000);
  run(500);
  system.wallMs -= 3_600_000;
  expect(bootMs()).toBe(1_060_500);
});

test("kernelMonotonicUs is Node's own clock in whole microseconds", () => {
  vi.spyOn(process.hrtime, "bigint").mockReturnValue(5_000_999n);
  expect(kernelMonotonicUs()).toBe(5_000n);
});
