import { describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { cannotHideNames, startSilentNameserver } from "./silent-nameserver.ts";
import { setStage } from "./stage.ts";

describe("a daemon that is told to stop", () => {
  const skipped = cannotHideNames ? " (skipped: not root)" : "";
  it.skipIf(cannotHideNames)(`ends, while the look-up of a name hangs${skipped}`, async () => {
    const nameserver = await startSilentNameserver();
    const { daemon } = await setStage({
      broker: nameserver.around(BROKER),
      daemon: { prefetch: ["fra.ocir.io"] },
    });
    await nameserver.asked;
    await daemon.stop();
    expect(daemon.process.signalCode).toBe("SIGTERM");
  });
});
