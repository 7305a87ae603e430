/**
 * Defines every metric of the broker; docs/metrics.md lists the same set.
 *
 * Label values come from closed unions, and are never an image or an OCID. The only open label, the registry host, is bounded:
 * only hosts that are pinned or have answered get a value, so invented names in images cannot fill it.
 */
import type { Clock } from "@ocir-broker/foundation";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

const REQUEST_OUTCOMES = ["hit", "stale", "miss", "coalesced", "denied", "foreign", "error"] as const;
/** Result of a request; "foreign" is an image of a registry that is not Oracle's. */
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

const FETCH_REASONS = ["miss", "renewal", "refresh"] as const;
type FetchReason = (typeof FETCH_REASONS)[number];

const FETCH_RESULTS = ["success", "failure"] as const;
type FetchResult = (typeof FETCH_RESULTS)[number];

const UPSTREAM_RESULTS = ["2xx", "3xx", "4xx", "401", "403", "404", "429", "5xx", "failed"] as const;
export type UpstreamResult = (typeof UPSTREAM_RESULTS)[number];

/** Times of a token or session that can be served now: wall clock, in seconds. */
export interface ServableTimes {
  readonly expiresAtSeconds: number;
  readonly obtainedAtSeconds: number;
}

/** Values that are read at each scrape. */
export interface Readings {
  isServing(): boolean;
  session(): ServableTimes | undefined;
  tokens(): Iterable<readonly [registryHost: string, times: ServableTimes]>;
  /** For each registry host that has worked, or is pinned and requested: Unix time, undefined before the first success. */
  lastSuccesses(): Iterable<readonly [registryHost: string, atSeconds: number | undefined]>;
}

/** Registries are not among them: their hosts are their names. */
const SERVICES = ["metadata", "auth", "cluster", "domain"] as const;

export interface Metrics {
  /** Gives a registry host its own label value, even if it never answers. */
  nameRegistry(registryHost: string): void;
  requestServed(outcome: RequestOutcome, elapsedMs: number): void;
  tokenFetched(registryHost: string, reason: FetchReason, result: FetchResult): void;
  sessionFetched(reason: FetchReason, result: FetchResult): void;
  /** `kind`: the exchange of a service-account token, or a registry token. */
  workloadFetched(kind: "session" | "token", reason: FetchReason, result: FetchResult): void;
  upstreamAnswered(service: (typeof SERVICES)[number], result: UpstreamResult, elapsedMs: number): void;
  registryAnswered(registryHost: string, result: UpstreamResult, elapsedMs: number): void;
  refreshed(registryHost: string): void;
  /** The metrics file is about to be rendered, with the current time in it. */
  textfileRendered(): void;
  textfileWritten(result: FetchResult): void;
  read(readings: Readings): void;
  render(): Promise<string>;
  close(): void;
}

/** Registry hosts with their own label value; further hosts share one. */
const MAX_REGISTRY_LABELS = 64;
const OTHER = "other";

/** A hit takes tens of microseconds, a cold answer up to the deadline of 15 s. */
const REQUEST_BUCKETS = [
  0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20,
];
const UPSTREAM_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** Interval of the event loop's lag samples; at 10 ms the sampling caused most of the idle CPU time. */
const LAG_SAMPLE_MS = 1_000;

export function createMetrics({ clock, version }: { clock: Clock; version: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const registryLabels = new Set<string>();

  new Gauge({ name: "ocir_broker_build_info", help: "1, with the version.", labelNames: ["version"], registers })
    .labels(version)
    .set(1);
  new Gauge({ name: "ocir_broker_start_time_seconds", help: "When the broker started, Unix time.", registers }).set(
    clock.wallMs() / 1_000,
  );
  const ready = new Gauge({ name: "ocir_broker_ready", help: "1 while a token can be served.", registers });
  const requests = new Counter({
    name: "ocir_broker_requests_total",
    help: "Credential requests by outcome; coalesced ones waited for a fetch that another request had started.",
    labelNames: ["outcome"],
    registers,
  });
  const requestSeconds = new Histogram({
    name: "ocir_broker_request_duration_seconds",
    help: "Time from a credential request's last byte to its answer, by outcome.",
    labelNames: ["outcome"],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const tokenExpiry = new Gauge({
    name: "ocir_broker_token_expiry_timestamp_seconds",
    help: "End of the live token's life, Unix time.",
    labelNames: ["registry"],
    registers,
  });
  const tokenObtained = new Gauge({
    name: "ocir_broker_token_obtained_timestamp_seconds",
    help: "When the live token was obtained, Unix time.",
    labelNames: ["registry"],
    registers,
  });
  const tokenLastSuccess = new Gauge({
    name: "ocir_broker_token_last_success_timestamp_seconds",
    help: "When a token was last fetched, Unix time; stays when the token ends, 0 before the first.",
    labelNames: ["registry"],
    registers,
  });
  const tokenFetches = new Counter({
    name: "ocir_broker_token_fetches_total",
    help: "Token fetches by reason (miss, renewal, refresh) and result (success, failure).",
    labelNames: ["registry", "reason", "result"],
    registers,
  });
  const sessionExpiry = new Gauge({
    name: "ocir_broker_session_expiry_timestamp_seconds",
    help: "End of the node's session's life, whatever the identity provider, Unix time; 0 without one.",
    registers,
  });
  const sessionObtained = new Gauge({
    name: "ocir_broker_session_obtained_timestamp_seconds",
    help: "When the node's session was obtained, Unix time; 0 without one.",
    registers,
  });
  const sessionFetches = new Counter({
    name: "ocir_broker_session_fetches_total",
    help: "Session fetches by reason (miss, renewal, refresh) and result (success, failure).",
    labelNames: ["reason", "result"],
    registers,
  });
  const upstreamRequests = new Counter({
    name: "ocir_broker_upstream_requests_total",
    help: "Requests to metadata, auth, cluster, domain or a registry host by result: a status, its class, or failed without an answer.",
    labelNames: ["upstream", "result"],
    registers,
  });
  const upstreamSeconds = new Histogram({
    name: "ocir_broker_upstream_duration_seconds",
    help: "Time of one exchange with metadata, auth, cluster, domain or a registry host.",
    labelNames: ["upstream"],
    buckets: UPSTREAM_BUCKETS,
    registers,
  });
  const workloadFetches = new Counter({
    name: "ocir_broker_service_account_fetches_total",
    help: "Fetches for service accounts by kind (session, token), reason (miss, renewal) and result (success, failure).",
    labelNames: ["kind", "reason", "result"],
    registers,
  });
  const refreshes = new Counter({
    name: "ocir_broker_access_refreshes_total",
    help: "Times session and token were refreshed because a repository was denied.",
    labelNames: ["registry"],
    registers,
  });
  const textfileWrites = new Counter({
    name: "ocir_broker_textfile_writes_total",
    help: "Attempts at replacing the metrics file by result (success, failure).",
    labelNames: ["result"],
    registers,
  });
  const textfileTime = new Gauge({
    name: "ocir_broker_textfile_timestamp_seconds",
    help: "When the metrics file was last written, Unix time; 0 before the first.",
    registers,
  });
  const lagSeconds = new Histogram({
    name: "ocir_broker_event_loop_lag_seconds",
    help: "How late a timer of one second fired.",
    buckets: LAG_BUCKETS,
    registers,
  });

  // rate() misses the event that creates a counter, so every counter exists from the start.
  for (const outcome of REQUEST_OUTCOMES) requests.inc({ outcome }, 0);
  for (const reason of FETCH_REASONS) {
    for (const result of FETCH_RESULTS) sessionFetches.inc({ reason, result }, 0);
  }
  for (const kind of ["session", "token"]) {
    for (const reason of ["miss", "renewal"]) {
      for (const result of FETCH_RESULTS) workloadFetches.inc({ kind, reason, result }, 0);
    }
  }
  for (const service of SERVICES) nameUpstream(service);
  for (const result of FETCH_RESULTS) textfileWrites.inc({ result }, 0);

  function nameUpstream(upstream: string): void {
    for (const result of UPSTREAM_RESULTS) upstreamRequests.inc({ upstream, result }, 0);
  }

  function nameRegistry(registryHost: string): void {
    if (registryLabels.has(registryHost) || registryLabels.size >= MAX_REGISTRY_LABELS) return;
    registryLabels.add(registryHost);
    nameUpstream(registryHost);
    refreshes.inc({ registry: registryHost }, 0);
    for (const reason of FETCH_REASONS) {
      for (const result of FETCH_RESULTS) tokenFetches.inc({ registry: registryHost, reason, result }, 0);
    }
  }

  function registryLabel(registryHost: string): string {
    return registryLabels.has(registryHost) ? registryHost : OTHER;
  }

  function upstreamAnswered(upstream: string, result: UpstreamResult, elapsedMs: number): void {
    upstreamRequests.labels(upstream, result).inc();
    upstreamSeconds.labels(upstream).observe(elapsedMs / 1_000);
  }

  let textfileAtSeconds = 0;
  let lagTimer = sampleLag();
  function sampleLag() {
    const dueMs = clock.monotonicMs() + LAG_SAMPLE_MS;
    return clock.setTimer(() => {
      lagSeconds.observe(Math.max(clock.monotonicMs() - dueMs, 0) / 1_000);
      lagTimer = sampleLag();
    }, LAG_SAMPLE_MS);
  }

  return {
    nameRegistry,
    requestServed(outcome, elapsedMs) {
      requests.labels(outcome).inc();
      requestSeconds.labels(outcome).observe(elapsedMs / 1_000);
    },
    tokenFetched: (host, reason, result) => tokenFetches.labels(registryLabel(host), reason, result).inc(),
    sessionFetched: (reason, result) => sessionFetches.labels(reason, result).inc(),
    workloadFetched: (kind, reason, result) => workloadFetches.labels(kind, reason, result).inc(),
    upstreamAnswered,
    registryAnswered(host, result, elapsedMs) {
      if (result === "2xx") nameRegistry(host);
      upstreamAnswered(registryLabel(host), result, elapsedMs);
    },
    refreshed: (host) => refreshes.labels(registryLabel(host)).inc(),
    textfileRendered: () => textfileTime.set(clock.wallMs() / 1_000),
    textfileWritten(result) {
      textfileWrites.labels(result).inc();
      if (result === "success") textfileAtSeconds = clock.wallMs() / 1_000;
      textfileTime.set(textfileAtSeconds);
    },
    read(readings) {
      ready.set(readings.isServing() ? 1 : 0);
      const session = readings.session();
      sessionExpiry.set(session?.expiresAtSeconds ?? 0);
      sessionObtained.set(session?.obtainedAtSeconds ?? 0);
      tokenExpiry.reset();
      tokenObtained.reset();
      tokenLastSuccess.reset();
      for (const [host, atSeconds] of readings.lastSuccesses()) {
        // A token from before a restart needs this too: this process may not have contacted its host yet.
        nameRegistry(host);
        tokenLastSuccess.labels(registryLabel(host)).set(atSeconds ?? 0);
      }
      for (const [host, times] of readings.tokens()) {
        const label = registryLabel(host);
        tokenExpiry.labels(label).set(times.expiresAtSeconds);
        tokenObtained.labels(label).set(times.obtainedAtSeconds);
      }
    },
    render: () => registry.metrics(),
    close: () => lagTimer.cancel(),
  };
}
