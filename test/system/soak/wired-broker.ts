/**
 * The daemon's own parts, wired as it wires them, with no socket below: caches, fetch, signature, access, answers, log
 * and metrics are the real ones; the services are functions that answer at once, or fail now and then. A session's
 * key is made once and is short, for 52 560 good ones would take hours.
 */
import { generateKeyPairSync } from "node:crypto";
import { type Clock, type Random, Secret, type SendRequest, UpstreamError } from "@ocir-broker/foundation";
import { IdentityError, type IdentityProvider, knownRealmDomains } from "@ocir-broker/identity";
import type { CacheEvent } from "@ocir-broker/token-cache";
import { RepositoryAccess } from "../../../packages/broker/src/access.ts";
import { type AnswerCredentials, createCredentials } from "../../../packages/broker/src/credentials.ts";
import { createFetchLog } from "../../../packages/broker/src/fetch-log.ts";
import { createHealth, type Health } from "../../../packages/broker/src/health.ts";
import { createLog } from "../../../packages/broker/src/log.ts";
import { createMetrics } from "../../../packages/broker/src/metrics.ts";
import { createRegistries } from "../../../packages/broker/src/registries.ts";
import { createSessionRefresh } from "../../../packages/broker/src/session-refresh.ts";
import {
  createHomeRegionCache,
  createSessionCache,
  createTokenCache,
  SESSION,
} from "../../../packages/broker/src/tokens.ts";

const MINUTE_MS = 60_000;
export const TOKEN_LIFE_MS = 60 * MINUTE_MS;
export const SESSION_LIFE_MS = 20 * MINUTE_MS;

export interface WiredBroker {
  readonly answer: AnswerCredentials;
  readonly health: Health;
  renderMetrics(): Promise<string>;
  /** Whether a request is being signed: the only work that takes real time, for which the fake clock must wait. */
  isSigning(): boolean;
  /** Lines that were logged. */
  logLines(): number;
  close(): void;
}

export interface WiredBrokerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly registryHosts: readonly string[];
  /** Whether the service fails this request. */
  readonly isFailing: () => boolean;
  readonly onEvent: (event: CacheEvent) => void;
}

export function startWiredBroker(options: WiredBrokerOptions): WiredBroker {
  const { clock, random, registryHosts, isFailing, onEvent } = options;
  let logged = 0;
  const log = createLog({ level: "info", environment: {}, stream: { write: () => void logged++ } });
  const metrics = createMetrics({ clock, version: "0.0.0" });
  const principal = createPrincipalDouble(clock, isFailing);
  const send = createTokenServiceDouble(clock, random, isFailing);

  const logSession = createFetchLog(log, "session");
  const sessions = createSessionCache(principal, {
    deadlineMs: 15_000,
    clock,
    random,
    onEvent(event) {
      logSession(event);
      if (event.type === "fetched") metrics.sessionFetched(event.reason, "success");
      if (event.type === "failed") metrics.sessionFetched(event.reason, "failure");
      onEvent(event);
    },
  });
  const homeRegion = createHomeRegionCache(principal, {
    deadlineMs: 15_000,
    clock,
    random,
    onEvent: createFetchLog(log, "region"),
  });
  const registries = createRegistries({
    realmDomains: knownRealmDomains(),
    extraHosts: [],
    endpoints: {},
    homeRegion,
  });
  let signing = 0;
  // A token's fetch gets a session, signs, and sends.
  const sessionsToSignWith = new Proxy(sessions, {
    get(target, name) {
      if (name !== "get") return Reflect.get(target, name).bind(target);
      return async (...asked: Parameters<typeof sessions.get>) => {
        const answer = await target.get(...asked);
        signing++;
        return answer;
      };
    },
  });
  const sendSigned: SendRequest = (request) => {
    signing--;
    return send(request);
  };
  const logToken = createFetchLog(log, "token");
  const refreshSession = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });
  const tokens = createTokenCache({
    refreshSession,
    deadlineMs: 15_000,
    sessionErrors: new WeakSet(),
    sessions: sessionsToSignWith,
    sendTo: () => sendSigned,
    endpointOf: registries.endpointOf,
    clock,
    random,
    onEvent(event) {
      logToken(event);
      if (event.type === "fetched") metrics.tokenFetched(event.key, event.reason, "success");
      if (event.type === "failed") metrics.tokenFetched(event.key, event.reason, "failure");
      onEvent(event);
    },
  });
  const access = new RepositoryAccess({
    clock,
    liveToken: (registryHost) => tokens.peek(registryHost),
    probe: async () => "working",
    refreshSession,
    refreshToken: (registryHost) => tokens.refresh(registryHost),
  });
  const health = createHealth({
    clock,
    version: "0.0.0",
    sessions,
    tokens,
    regionId: () => undefined,
    expectsToken: true,
  });
  sessions.keep(SESSION);
  for (const registryHost of registryHosts) tokens.keep(registryHost);

  return {
    answer: createCredentials({ clock, deadlineMs: 15_000, registries, tokens, access }),
    health,
    renderMetrics() {
      metrics.read(health);
      return metrics.render();
    },
    isSigning: () => signing > 0,
    logLines: () => logged,
    close() {
      access.close();
      tokens.close();
      sessions.close();
      homeRegion.close();
      metrics.close();
    },
  };
}

function createPrincipalDouble(clock: Clock, isFailing: () => boolean): Pick<IdentityProvider, "region" | "session"> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1_024 });
  let minted = 0;
  return {
    region: async () => ({ id: "ap-seoul-1", key: "icn", realmKey: "oc1", realmDomain: "oraclecloud.com" }),
    async session() {
      if (isFailing()) throw new IdentityError("federation-unavailable", "auth.ap-seoul-1.oraclecloud.com");
      const obtainedAtMs = clock.monotonicMs();
      const value = { keyId: new Secret(`ST$session-${minted++}`), privateKey, tenancyId: "ocid1.tenancy.oc1..soak" };
      return { value, obtainedAtMs, expiresAtMs: obtainedAtMs + SESSION_LIFE_MS };
    },
  };
}

function createTokenServiceDouble(clock: Clock, random: Random, isFailing: () => boolean): SendRequest {
  let issued = 0;
  return async ({ url }) => {
    const answer = (status: number, headers: Record<string, string>, body: string) => ({
      status,
      headers,
      body: Buffer.from(body),
      sentAtMs: clock.monotonicMs(),
      serverDateMs: clock.wallMs(),
    });
    if (isFailing()) {
      const kind = random();
      if (kind < 0.3) throw new UpstreamError("refused", url.host);
      return kind < 0.6 ? answer(503, {}, "") : answer(429, { "retry-after": "20" }, "");
    }
    const claims = { sub: "ocid1.instance.oc1.soak", jti: issued++ };
    const token = ["{}", JSON.stringify(claims), "signature"].map((part) => Buffer.from(part).toString("base64url"));
    const body = JSON.stringify({ token: token.join("."), expires_in: TOKEN_LIFE_MS / 1_000 });
    return answer(200, { "content-type": "application/json" }, body);
  };
}
