/**
 * Which tokens the daemon has, by its own word (`/status`), and until when it should be able to hand them out.
 * What it is told to forget is forgotten here first, so that a call is never judged by a token that may be gone.
 */
import { get } from "node:http";

export interface KnownTokens {
  /** Asks the daemon; what does not answer tells nothing. */
  look(): Promise<string | undefined>;
  /** From now on nothing is known: the daemon is stopped, which drops its tokens. */
  forget(): void;
  /** The daemon has started again. */
  remember(): void;
  /** Called as a call begins; the result is called at its end, and says if the token was known all along, and if not, why. */
  watch(registryHost: string): () => "known" | "unknown" | "forgotten";
}

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
  let isStopped = false;
  return {
    async look() {
      const asked = epoch;
      const askedAtMs = performance.now();
      const text = await ask(healthSocket, "/status");
      if (text === undefined || isStopped || asked !== epoch) return text;
      for (const [host, { expiresInSeconds }] of Object.entries((JSON.parse(text) as Status).registries)) {
        if (expiresInSeconds === undefined) untilMs.delete(host);
        else untilMs.set(host, askedAtMs + expiresInSeconds * 1_000 - MARGIN_MS - tokenLifeMs * SKEW_SHARE);
      }
      return text;
    },
    forget() {
      epoch += 1;
      isStopped = true;
      untilMs.clear();
    },
    remember() {
      if (isStopped) epoch += 1;
      isStopped = false;
    },
    watch(registryHost) {
      const begun = epoch;
      const endMs = untilMs.get(registryHost) ?? 0;
      const wasForgotten = isStopped;
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
