/**
 * A node's kubelet, as far as it matters to upstreams: images at boot, some more every hour, and its own back-off
 * when a pull gets no credentials (10 s doubling to 5 min; a pod is looked at again every 10 to 15 s).
 */
import type { Clock, Random } from "@ocir-broker/foundation";

/** Different images of one registry, all at once: the DaemonSets of a node and its first workloads. */
export const IMAGES_AT_BOOT = 10;
export const PULLS_PER_HOUR = 6;

const FIRST_BACK_OFF_MS = 10_000;
const LONGEST_BACK_OFF_MS = 300_000;
const LONGEST_LOOK_MS = 12_500;
const HOUR_MS = 3_600_000;

/** A way to get credentials for one pull; calls back once. */
export type GetCredentials = (done: (isServed: boolean) => void) => void;

export interface Pull {
  readonly askedAtMs: number;
  servedAtMs: number | undefined;
  failures: number;
}

export interface Kubelet {
  boot(getCredentials: GetCredentials): void;
  /** Pulls at random moments, for ever. */
  start(getCredentials: GetCredentials): void;
}

export function createKubelet(options: { clock: Clock; random: Random; onPull: (pull: Pull) => void }): Kubelet {
  const { clock, random, onPull } = options;

  function pull(getCredentials: GetCredentials): void {
    const pull: Pull = { askedAtMs: clock.monotonicMs(), servedAtMs: undefined, failures: 0 };
    onPull(pull);
    const attempt = (): void =>
      getCredentials((isServed) => {
        if (isServed) {
          pull.servedAtMs = clock.monotonicMs();
          return;
        }
        const backOffMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** pull.failures++);
        clock.setTimer(attempt, backOffMs + random() * LONGEST_LOOK_MS);
      });
    attempt();
  }

  function start(getCredentials: GetCredentials): void {
    const untilNextMs = (-Math.log(1 - random()) * HOUR_MS) / PULLS_PER_HOUR;
    clock.setTimer(() => {
      pull(getCredentials);
      start(getCredentials);
    }, untilNextMs);
  }

  return {
    boot(getCredentials) {
      for (let image = 0; image < IMAGES_AT_BOOT; image++) pull(getCredentials);
    },
    start,
  };
}
