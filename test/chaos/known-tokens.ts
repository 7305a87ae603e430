/**
 * Which tokens the daemon has, by its own word (`/status`), and until when it should be able to hand them out.
 * What it is told to forget is forgotten here first, so that a call is never judged by a token that may be gone.
 */
import { get } from "node:http";

export interface KnownTokens {
  /** Asks the daemon; what does not answer tells nothing. */
  look(): Promise<string | undefined>;
  /** From now on, and until what made it forget is over, nothing is known. */
  forget(because: Cause): void;
  remember(because: Cause): void;
  /** Begun with a call: whether, at its end, the token was there all along, and if not, whether it was to be forgotten. */
  watch(registryHost: string): () => "known" | "unknown" | "forgotten";
}

/** A stop, until the next start. A start without a configuration that says where the registries are, until it says so. */
export type Cause = "stopped" | "misconfigured";

interface Status {
  readonly registries: Readonly<Record<string, { readonly expiresInSeconds?: number }>>;
}

const ASK_LIMIT_MS = 2_000;

/** A rendered page may be a second old, its seconds are rounded, and a token is not handed out in its last twentieth. */
const MARGIN_MS = 2_500;
const SKEW_SHARE = 0.05;

export function createKnownTokens(healthSocket: string, tokenLifeMs: number): KnownTokens {
  const untilMs = new Map<string, number>();
  let epoch = 0;
  const causes = new Set<Cause>();
  return {
    async look() {
      const asked = epoch;
      const askedAtMs = performance.now();
      const text = await ask(healthSocket, "/status");
      if (text === undefined || causes.size > 0 || asked !== epoch) return text;
      for (const [host, { expiresInSeconds }] of Object.entries((JSON.parse(text) as Status).registries)) {
        if (expiresInSeconds === undefined) untilMs.delete(host);
        else untilMs.set(host, askedAtMs + expiresInSeconds * 1_000 - MARGIN_MS - tokenLifeMs * SKEW_SHARE);
      }
      return text;
    },
    forget(because) {
      epoch += 1;
      causes.add(because);
      untilMs.clear();
    },
    remember(because) {
      if (causes.delete(because)) epoch += 1;
    },
    watch(registryHost) {
      const begun = epoch;
      const endMs = untilMs.get(registryHost) ?? 0;
      const wasForgotten = causes.size > 0;
      return () => {
        if (wasForgotten || epoch !== begun) return "forgotten";
        return performance.now() < endMs ? "known" : "unknown";
      };
    },
  };
}

/** Undefined where nobody answers, or not in time. */
export function ask(socketPath: string, path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const request = get({ socketPath, path, agent: false, timeout: ASK_LIMIT_MS }, (answer) => {
    let text = "";
    answer.on("data", (piece: Buffer) => {
      text += piece.toString();
    });
    answer.on("close", () => resolve(answer.complete ? text : undefined));
  });
  request.on("timeout", () => request.destroy());
  request.on("error", () => resolve(undefined));
  return promise;
}
