/**
 * When a call that fails proves nothing: no good token was known, the daemon was told to forget it, or it may open no
 * descriptor while the cloud is at fault, so that neither it nor the shim's fallback can help. Nothing else excuses.
 */
import type { Fault } from "@ocir-broker/oci-simulator";
import type { KnownTokens } from "./known-tokens.ts";

export const EXCUSES = ["no good token known", "told to forget", "no descriptor and a fault"] as const;
export type Excuse = (typeof EXCUSES)[number];

export interface Excuses {
  /** While it lasts the daemon may open none. */
  exhausted(): Ended;
  fault(fault: Fault): Ended;
  /** Begun with a call for this registry host, asked at its end. */
  watch(registryHost: string): () => Excuse | undefined;
}

/** To be called once it is over. */
export type Ended = () => void;

export function createExcuses(known: Pick<KnownTokens, "watch">): Excuses {
  let exhausted = 0;
  let faults = 0;
  /** How often both have come together. */
  let helpless = 0;

  const isHelpless = (): boolean => exhausted > 0 && faults > 0;

  function count(begin: () => void, end: () => void): Ended {
    const was = isHelpless();
    begin();
    if (!was && isHelpless()) helpless += 1;
    return end;
  }

  return {
    exhausted: () =>
      count(
        () => exhausted++,
        () => exhausted--,
      ),
    // A probe tells whether a repository may be read: no answer needs it.
    fault: ({ endpoint }) =>
      endpoint === "registry.manifest"
        ? () => {}
        : count(
            () => faults++,
            () => faults--,
          ),
    watch(registryHost) {
      const tokenAtTheEnd = known.watch(registryHost);
      const begun = isHelpless() ? helpless - 1 : helpless;
      return () => {
        const token = tokenAtTheEnd();
        if (token !== "known") return token === "forgotten" ? "told to forget" : "no good token known";
        return helpless > begun ? "no descriptor and a fault" : undefined;
      };
    },
  };
}
