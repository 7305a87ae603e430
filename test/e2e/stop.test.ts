import { describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { cannotHideNames, startSilentNameserver } from "./silent-nameserver.ts";
import { setStage } from "./stage.ts";

describe("a daemon that receives SIGTERM", () => {
  const skipped = cannotHideNames ? " (skipped: not root)" : "";
  it.skipIf(cannotHideNames)(`stops while a name lookup hangs${skipped}`, async () => {
    const nameserver = await startSilentNameserver();
    const { daemon } = await setStage({ broker: nameserver.around(BROKER), daemon: { prefetch: ["fra.ocir.io"] } });
    await nameserver.asked;
    await daemon.stop();
    expect(daemon.process.signalCode).toBe("SIGTERM");
  });
});
