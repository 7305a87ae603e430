/** Random histories of one resource (100 000 in the long run): outages, restarts, changed resources, conflicts, accounts that come and go. */
import { renewAtMs } from "@ocir-broker/expiring-cache/renewal-policy";
import { Secret } from "@ocir-broker/foundation/secret";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { expect, it } from "vitest";
import { type Action, decide } from "../src/decision/decide.ts";
import {
  type Attempt,
  type GateName,
  LONGEST_BACK_OFF_MS,
  type Progress,
  progressAfter,
  progressFor,
} from "../src/decision/progress.ts";
import type { Rules } from "../src/decision/rules.ts";
import { CONTROLLER_SUBJECT } from "../src/objects/issued-token.ts";
import { type PullSecret, serviceAccountOf } from "../src/objects/pull-secret.ts";
import type { KnownSecret, SecretContent } from "../src/objects/secret-content.ts";
import { rulesFor } from "./invented-tokens.ts";

const HISTORIES = process.env["OCIR_BROKER_LONG_RUN"] === "1" ? 100_000 : 10_000;
const EVENTS = 12;
const FORMAT_LISTS: readonly PullSecret["formats"][] = [[], ["CDI"], ["CDI", "ArgoCD"]];
const START_MS = 1_767_225_600_000;
const HOSTS = ["iad.ocir.io", "fra.ocir.io"];
const LIVES_MS = [180_000, 600_000, 3_600_000];
const GAPS_MS = [200, 3_000, 20_000, 60_000, 400_000, 2_400_000];
/** The second is as long as an upstream may demand. */
const RETRY_AFTERS_MS = [20_000, 86_400_000];
/** Share of a token's life. */
const LATEST_RENEWAL = 0.55;
/** Of one fetch. */
const LONGEST_FETCH_MS = 2_000;
/** Fetch, apply, and both again after a failure that a wait follows. */
const SLACK_MS = 2 * LONGEST_BACK_OFF_MS + 2 * LONGEST_FETCH_MS;
/** Share of the time until its renewal, before which a token need not be fetched with another one. */
const SOON = 0.1;
const FOREIGN: KnownSecret = { kind: "foreign", why: "it is immutable" };

const EVERYWHERE = rulesFor("ocir-pull", "other");
const LISTED: Rules = { ...EVERYWHERE, identity: { kind: "controller", namespaces: new Set(["shop"]) } };
const UNLISTED: Rules = { ...EVERYWHERE, identity: { kind: "controller", namespaces: new Set(["else"]) } };

interface World {
  /** `partly`: for one of the registries. */
  cloud: "up" | "down" | "partly" | "throttling";
  isApiUp: boolean;
  /** Whether a quota or a policy of the namespace allows Secrets. */
  isWritable: boolean;
  resource: PullSecret | undefined;
  /** In the cluster. */
  secret: KnownSecret | undefined;
  /** What the watch has shown so far. */
  seen: KnownSecret | undefined;
  /** Undefined for a new leader. */
  progress: Progress | undefined;
  /** By the chart's values. */
  rules: Rules;
  account: number | undefined;
  /** Of new tokens. */
  lifeMs: number;
}

type Pick = <T>(from: readonly T[]) => T;

class History {
  readonly broken: string[] = [];
  readonly #random: () => number;
  readonly #pick: Pick = (from) => from[Math.floor(this.#random() * from.length)] as never;
  #nowMs = START_MS;
  #uids = 1;
  readonly #world: World;
  #latest = new Map<GateName, { text: string; atMs: number; count: number; sinceMs: number }>();
  /** Since when nothing keeps a renewal from succeeding. */
  #healthySinceMs = Number.POSITIVE_INFINITY;
  /** Until when a conflict, Oracle's Retry-After or a person's mistake keeps the controller waiting. */
  #askedToWaitMs = START_MS;

  constructor(seed: number) {
    this.#random = createSeededRandom(seed);
    this.#world = {
      ...{ cloud: "up", isApiUp: true, isWritable: true, rules: EVERYWHERE, account: 1, lifeMs: this.#pick(LIVES_MS) },
      ...{ resource: this.#created(), secret: undefined, seen: undefined, progress: undefined },
    };
  }

  run(): void {
    for (let event = 0; event < EVENTS; event++) {
      this.#noteHealth();
      this.#workUntil(this.#nowMs + this.#random() * this.#pick(GAPS_MS));
      this.#happen();
      this.#latest.clear();
    }
  }

  /** The controller's loop. */
  #workUntil(endMs: number): void {
    for (;;) {
      const { resource, seen, progress, rules } = this.#world;
      const action = decide(resource, seen, this.#nowMs, progress, rules);
      if (action.kind === "wait") {
        this.#checkRest();
        if (action.untilMs <= this.#nowMs) this.broken.push("waits for the past");
        this.#nowMs = Math.min(action.untilMs, endMs);
        if (action.untilMs >= endMs) return;
      } else {
        this.#checkRepetition(action);
        this.#act(action);
      }
      this.#checkFreshness();
      if (this.broken.length > 0) return;
    }
  }

  #act(action: Exclude<Action, { kind: "wait" }>): void {
    const resource = this.#world.resource as PullSecret;
    this.#checkAction(resource, action);
    if (action.kind === "fetch") {
      this.#nowMs += this.#random() * LONGEST_FETCH_MS;
      this.#fetch(resource, action);
      return;
    }
    const failure = { code: "api-server-failed", place: "API server" } as const;
    if (!this.#world.isApiUp) {
      this.#settle(action.kind, { failure });
    } else if (action.kind === "report") {
      this.#world.resource = { ...resource, status: action.status };
      this.#settle("report", {});
    } else if (this.#world.secret?.kind === "foreign") {
      if (this.#world.seen?.kind === "foreign") this.broken.push("applies over another manager's Secret");
      this.#settle("apply", { failure: { code: "secret-conflict", place: "ocir-pull" }, retryable: false });
    } else if (!this.#world.isWritable) {
      this.#settle("apply", { failure: { code: "secret-refused", place: "ocir-pull" } });
    } else {
      this.#world.secret = { kind: "ours", content: action.content };
      this.#world.seen = this.#world.secret;
      this.#settle("apply", {});
    }
  }

  #settle(name: GateName, result: Attempt, fetched?: Progress["answer"]): void {
    const at = { nowMs: this.#nowMs, chance: this.#random() };
    const progress = progressFor(this.#world.resource as PullSecret, this.#world.progress);
    this.#world.progress = progressAfter(progress, name, result, at, fetched);
    const { notBeforeMs } = this.#world.progress.gates[name];
    const isLong = result.failure?.code === "secret-conflict" || result.retryable === false || result.retryAfterMs;
    if (isLong) this.#askedToWaitMs = Math.max(this.#askedToWaitMs, notBeforeMs);
    if (notBeforeMs - this.#nowMs > 601_000) this.broken.push(`${name} waits too long`);
  }

  #fetch(resource: PullSecret, { registries, subject }: Extract<Action, { kind: "fetch" }>): void {
    const failed = this.#fetchFailure();
    if (failed !== undefined) {
      this.#settle("fetch", failed, { subject: undefined, tokens: new Map() });
      return;
    }
    const isController = this.#world.rules.identity.kind === "controller";
    const own = isController ? CONTROLLER_SUBJECT : `${serviceAccountOf(resource)}/${this.#world.account}`;
    const expiresAtMs = this.#nowMs + this.#world.lifeMs;
    const life = { obtainedAtMs: this.#nowMs, expiresAtMs };
    const newToken = () => ({
      token: new Secret(own),
      fetchedAtMs: this.#nowMs,
      expiresAtMs,
      renewAtMs: renewAtMs(life, this.#random(), LATEST_RENEWAL - 0.5),
    });
    const fetched = own === subject ? registries : resource.registries;
    const down = this.#world.cloud === "partly" ? this.#pick(HOSTS) : undefined;
    const tokens = new Map(fetched.filter((host) => host !== down).map((host) => [host, newToken()]));
    const failure = tokens.size < fetched.length ? ({ code: "registry-unavailable", place: "" } as const) : undefined;
    this.#settle("fetch", { failure }, { subject: own, tokens });
  }

  #fetchFailure() {
    const place = "iad.ocir.io";
    if (!this.#world.isApiUp || this.#world.cloud === "down")
      return { failure: { code: "api-server-failed", place } } as const;
    if (this.#world.cloud === "throttling")
      return { failure: { code: "registry-throttled", place }, retryAfterMs: this.#pick(RETRY_AFTERS_MS) } as const;
    if (this.#world.rules.identity.kind === "controller" || this.#world.account !== undefined) return undefined;
    return { failure: { code: "service-account-missing", place }, retryable: false } as const;
  }

  #happen(): void {
    const world = this.#world;
    const { secret } = world;
    const deletion = { secret: undefined, seen: undefined };
    const change = this.#pick<() => Partial<World>>([
      ...(["down", "throttling", "partly", "up", "up"] as const).map((cloud) => () => ({ cloud })),
      ...[false, true].map((isWritable) => () => ({ isWritable })),
      ...[false, true, true].map((isApiUp) => () => ({ isApiUp })),
      // Another leader, perhaps with other values of the chart.
      () => ({ progress: undefined, seen: secret }),
      () => ({ progress: undefined, rules: this.#pick([EVERYWHERE, EVERYWHERE, LISTED, UNLISTED]) }),
      () => this.#changed({ registries: this.#pick([HOSTS, HOSTS.slice(1), HOSTS.slice(0, 1)]), formats: [] }),
      () =>
        this.#changed({
          registries: this.#pick([HOSTS.slice(1), HOSTS.slice(0, 1)]),
          formats: this.#pick(FORMAT_LISTS),
        }),
      () => this.#changed({ serviceAccountName: this.#pick(["other", undefined, "not-listed"]) }),
      () => ({ account: undefined }),
      () => ({ account: ++this.#uids }),
      () => ({ lifeMs: this.#pick(LIVES_MS) }),
      () => deletion,
      () => ({ secret: FOREIGN }),
      () => ({ secret: FOREIGN, seen: FOREIGN }),
      () => ({ seen: secret }),
      () => ({ resource: undefined, ...deletion }),
      // Recreated before the garbage collector has seen the Secret, or after it.
      () => ({ resource: this.#created() }),
      () => ({ resource: this.#created() }),
    ])();
    Object.assign(world, change);
    if (world.secret?.kind === "foreign" && this.#random() < 0.3) Object.assign(world, deletion);
  }

  #created(): PullSecret {
    const uid = String(++this.#uids);
    const base = { namespace: "shop", name: "ocir-pull", generation: 1, serviceAccountName: undefined };
    return { ...base, uid, registries: HOSTS.slice(0, 1), formats: [], status: undefined };
  }

  #changed(spec: Partial<PullSecret>): Partial<World> {
    const { resource } = this.#world;
    return resource ? { resource: { ...resource, ...spec, generation: resource.generation + 1 } } : {};
  }

  #noteHealth(): void {
    const { cloud, isApiUp, isWritable, account, rules, resource, secret, seen } = this.#world;
    const isHealthy =
      cloud === "up" &&
      isApiUp &&
      isWritable &&
      account !== undefined &&
      rules !== UNLISTED &&
      resource !== undefined &&
      resource.serviceAccountName !== "not-listed" &&
      !(rules === LISTED && resource.serviceAccountName !== undefined) &&
      secret?.kind !== "foreign" &&
      seen === secret;
    if (!isHealthy) this.#healthySinceMs = Number.POSITIVE_INFINITY;
    else this.#healthySinceMs = Math.min(this.#healthySinceMs, this.#nowMs);
  }

  /** While the cloud answered within the last half of its life, no token expires in a Secret. */
  #checkFreshness(): void {
    const { secret, resource } = this.#world;
    if (secret?.kind !== "ours" || resource === undefined) return;
    for (const host of resource.registries) {
      const token = secret.content.tokens.get(host);
      if (token === undefined || token.expiresAtMs > this.#nowMs) continue;
      const { fetchedAtMs, expiresAtMs } = token;
      const dueAtMs = fetchedAtMs + LATEST_RENEWAL * (expiresAtMs - fetchedAtMs);
      const couldSinceMs = Math.max(dueAtMs, this.#healthySinceMs, this.#askedToWaitMs);
      if (token.expiresAtMs - couldSinceMs > SLACK_MS) this.broken.push(`the token for ${host} has expired`);
    }
  }

  /** The token's text is its subject. */
  #checkAction(resource: PullSecret, action: Exclude<Action, { kind: "wait" }>): void {
    const { seen } = this.#world;
    const held = seen?.kind === "ours" ? seen.content : undefined;
    if (action.kind === "fetch") {
      const left = resource.registries.flatMap((host) =>
        action.registries.includes(host) ? [] : (held?.tokens.get(host) ?? []),
      );
      if (left.some(({ renewAtMs, fetchedAtMs }) => this.#nowMs > renewAtMs - SOON * (renewAtMs - fetchedAtMs)))
        this.broken.push("fetches one token, and the other one soon after");
    } else if (action.kind === "report") {
      const { conditions, expirationTime } = action.status;
      const before = resource.status?.conditions[0];
      const isTransition = before?.status !== conditions[0].status;
      if (!isTransition && before?.lastTransitionTime !== conditions[0].lastTransitionTime)
        this.broken.push("moves the time of a transition that did not take place");
      const expiries = [...(held?.tokens.values() ?? [])].map(({ expiresAtMs }) => expiresAtMs);
      if (expirationTime !== undefined && Date.parse(expirationTime) > Math.min(...expiries))
        this.broken.push("reports a later expiry than the first");
    } else {
      this.#checkContent(resource, action.content, held);
    }
  }

  #checkContent(resource: PullSecret, { subject, tokens, formats }: SecretContent, held?: SecretContent): void {
    if ([...tokens.values()].some(({ token }) => token.reveal() !== subject))
      this.broken.push("writes the token of another subject");
    if (formats.length > 0 && tokens.size !== 1) this.broken.push("writes a format without its token");
    const isNew = [...tokens].some(([host, { fetchedAtMs }]) => held?.tokens.get(host)?.fetchedAtMs !== fetchedAtMs);
    const isOfResource = subject === CONTROLLER_SUBJECT || subject.startsWith(`${serviceAccountOf(resource)}/`);
    if (isNew && !isOfResource) this.broken.push("writes new tokens of the account that the resource had before");
  }

  /** What rests must be right. */
  #checkRest(): void {
    const { secret, resource, progress, rules, isApiUp } = this.#world;
    const held = secret?.kind === "ours" ? secret.content : undefined;
    const apply = resource && progressFor(resource, progress).gates.apply;
    const mayApply = apply !== undefined && apply.notBeforeMs <= this.#nowMs;
    const isOthers = held?.subject === CONTROLLER_SUBJECT && rules !== LISTED;
    if (isOthers && mayApply && isApiUp)
      this.broken.push("keeps the controller's token in a namespace that may not have it");
    const isOthersFormat = held?.formats.some((format) => !resource?.formats.includes(format)) ?? false;
    if (isOthersFormat && mayApply && this.#healthySinceMs <= this.#nowMs)
      this.broken.push("keeps a format that the resource no longer has");
  }

  #checkRepetition(action: Exclude<Action, { kind: "wait" }>): void {
    const text = textOf(action);
    const before = this.#latest.get(action.kind);
    const isSame = before !== undefined && before.text === text;
    if (isSame && this.#nowMs - before.atMs < 99) this.broken.push(`${action.kind} again at once`);
    const isRecent = isSame && this.#nowMs - before.sinceMs < 60_000;
    const [count, sinceMs] = isRecent ? [before.count + 1, before.sinceMs] : [1, this.#nowMs];
    if (count > 20) this.broken.push(`${action.kind} ${count} times in a minute`);
    this.#latest.set(action.kind, { text, atMs: this.#nowMs, count, sinceMs });
  }
}

function textOf(action: Exclude<Action, { kind: "wait" }>): string {
  if (action.kind === "fetch") return action.registries.join();
  if (action.kind === "report") return action.status.conditions[0].message;
  const { subject, ownerUid, tokens, formats } = action.content;
  return [subject, ownerUid, ...tokens.keys(), ...formats].join();
}

it(`decide keeps every Secret fresh and repeats nothing without back-off, in ${HISTORIES} random histories`, {
  timeout: 300_000,
}, () => {
  for (let seed = 0; seed < HISTORIES; seed++) {
    const history = new History(seed);
    history.run();
    if (history.broken.length > 0) expect.fail(`history ${seed}: ${history.broken.join(", ")}`);
  }
});
