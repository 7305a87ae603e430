/**
 * Tracks which tokens the daemon reports (`/status`), and until when it should serve them. A token that the daemon must drop is
 * removed here first, so that no call is judged by a token that may be gone.
 */
import { get } from "node:http";

export interface KnownTokens {
  /** Reads the daemon's status; without an answer, nothing changes. */
  look(): Promise<string | undefined>;
  /** Forgets all tokens, because the daemon is being stopped, which drops them. */
  forget(): void;
  /** The daemon has started again. */
  remember(): void;
  /** Call at the start of a call; call the result at its end, to get whether the token was known throughout or the reason why not. */
  watch(registryHost: string): () => "known" | "unknown" | "forgotten";
}

interface Status {
  readonly registries: Readonly<Record<string, { readonly expiresInSeconds?: number }>>;
}

const ASK_LIMIT_MS = 2_000;

/** A rendered page may be a second old and rounds seconds, and a token is not served in its last twentieth. */
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

/** Undefined without an answer in time. */
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
