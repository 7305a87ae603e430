/** What excuses a call that fails: nothing while a token is known, but for the one case in which nobody can help. */
import { describe, expect, it } from "vitest";
import { createExcuses } from "./excuses.ts";

const REFUSAL = { endpoint: "auth.x509", refuse: true } as const;
const excusesWhile = (token: "known" | "unknown" | "forgotten") => createExcuses({ watch: () => () => token });

describe("a call is excused", () => {
  it("where no good token is known, and where the daemon was told to forget it", () => {
    expect(excusesWhile("unknown").watch("host")()).toBe("no good token known");
    expect(excusesWhile("forgotten").watch("host")()).toBe("told to forget");
  });

  it("that overlaps a time in which there is neither a descriptor nor a cloud without fault", () => {
    const excuses = excusesWhile("known");
    const early = excuses.watch("host");
    const descriptors = excuses.exhausted();
    const fault = excuses.fault(REFUSAL);
    const amidst = excuses.watch("host");
    fault();
    descriptors();
    expect([early(), amidst(), excuses.watch("host")()]).toEqual([
      "no descriptor and a fault",
      "no descriptor and a fault",
      undefined,
    ]);
  });
});

describe("a call is not excused while a token is known", () => {
  it.each([
    ["by a fault alone", (excuses: ReturnType<typeof createExcuses>) => void excuses.fault(REFUSAL)],
    ["by want of descriptors alone", (excuses: ReturnType<typeof createExcuses>) => void excuses.exhausted()],
    [
      "by one after the other",
      (excuses: ReturnType<typeof createExcuses>) => {
        excuses.fault(REFUSAL)();
        excuses.exhausted()();
      },
    ],
    [
      "by want of descriptors and a fault of the access probe, which no answer needs",
      (excuses: ReturnType<typeof createExcuses>) => {
        excuses.exhausted();
        excuses.fault({ endpoint: "registry.manifest", status: 503 });
      },
    ],
  ])("%s", (_what, happen) => {
    const excuses = excusesWhile("known");
    const excuse = excuses.watch("host");
    happen(excuses);
    expect(excuse()).toBeUndefined();
  });
});
