/** The controller's metrics. No series for a namespace or a resource: their number has no bound. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { Counter, Gauge, Registry } from "prom-client";
import { EXPIRED } from "./decision/status.ts";
import type { PullSecret } from "./objects/pull-secret.ts";

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(clock: Clock) {
  const registry = new Registry();
  const registers = [registry];
  /** `waiting`: the number of actions that wait for a rate limit. */
  let shown: { resources(): Iterable<PullSecret>; waiting(): number } | undefined;
  new Gauge({
    name: "ocir_pull_secrets_start_time_seconds",
    help: "When the controller started, Unix time.",
    registers,
  }).set(Math.floor(clock.wallMs() / 1_000));
  const fetches = new Counter({
    name: "ocir_pull_secrets_fetches_total",
    help: "Fetches of a resource's tokens by result (success, failure).",
    labelNames: ["result"],
    registers,
  });
  for (const result of ["success", "failure"]) fetches.inc({ result }, 0);
  const leader = new Gauge({
    name: "ocir_pull_secrets_leader",
    help: "1 on the replica that holds the Lease.",
    registers,
  });
  new Gauge({
    name: "ocir_pull_secrets_resources",
    help: "OCIRPullSecrets by the reason of their condition, or Expired if that is out of date. Only on the leader, as all that follow.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const { status } of shown?.resources() ?? []) {
        const { status: isReady, reason = "Pending" } = status?.conditions[0] ?? {};
        // Also if the API server refuses the status that says so.
        const isOver = isReady === "True" && Date.parse(status?.expirationTime ?? "") <= clock.wallMs();
        this.inc({ reason: isOver ? EXPIRED : reason });
      }
    },
  });
  new Gauge({
    name: "ocir_pull_secrets_next_expiry_timestamp_seconds",
    help: "When the first valid token expires, Unix time.",
    registers,
    collect() {
      const expiries = [...(shown?.resources() ?? [])].map(({ status }) => Date.parse(status?.expirationTime ?? ""));
      const live = expiries.filter((atMs) => atMs > clock.wallMs());
      if (live.length > 0) this.set(Math.min(...live) / 1_000);
      else this.remove();
    },
  });
  new Gauge({
    name: "ocir_pull_secrets_queue",
    help: "Resources that wait for a fetch or a write.",
    registers,
    collect() {
      this.set(shown?.waiting() ?? 0);
    },
  });
  return {
    fetched: (isSuccess: boolean) => fetches.inc({ result: isSuccess ? "success" : "failure" }),
    leads: (isLeader: boolean) => leader.set(isLeader ? 1 : 0),
    /** @param next the leader's data; undefined on the other replica. */
    show(next: typeof shown) {
      shown = next;
    },
    render: () => registry.metrics(),
  };
}
