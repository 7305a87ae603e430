import { expect, test, vi } from "vitest";
import { createEarlyReloads } from "./early-reloads.ts";

test("createEarlyReloads does once what was requested before, and each later request at once", () => {
  const reload = vi.fn<() => void>();
  const reloads = createEarlyReloads();
  reloads.request();
  reloads.request();
  reloads.attach(reload);
  expect(reload).toHaveBeenCalledTimes(1);
  reloads.request();
  expect(reload).toHaveBeenCalledTimes(2);
});

test("createEarlyReloads does nothing that was not requested", () => {
  const reload = vi.fn<() => void>();
  createEarlyReloads().attach(reload);
  expect(reload).not.toHaveBeenCalled();
});
