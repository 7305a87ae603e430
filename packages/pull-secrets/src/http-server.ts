/**
 * For the kubelet and Prometheus: `GET /healthz`; `GET /readyz`, which is 503 until the Lease was read and everything listed once, so
 * that a release without its rights, Lease or CRD is not Ready; `GET /metrics`. Never a token.
 *
 * Every pod can connect. A request is answered at once, because an answer costs about as much as a refusal and may be a probe's.
 */
import type { Server } from "node:net";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createBoundedServer } from "@ocir-broker/http-server/bounded-server";
import { errorResponseOf, refusalOf } from "@ocir-broker/http-server/error-response";
import { type HttpResponse, METRICS_TYPE, textResponse } from "@ocir-broker/http-server/http-response";
import { remembered } from "@ocir-broker/http-server/remembered";

const NOT_READY = "the Lease and the resources are not read yet: see the log\n";

const LIMITS = { headersMs: 2_000, requestMs: 3_000, silenceMs: 5_000, maxBodyBytes: 0, places: 256 };

/** Connections that wait to be accepted. A full queue would cost a probe a second, after which its SYN is sent again. */
const BACKLOG = 4_096;

interface HttpServerOptions {
  readonly clock: Clock;
  readonly started: Promise<unknown>;
  render(): Promise<string>;
}

/** @throws the system's error if it cannot listen. */
export async function startHttpServer(port: number, { clock, started, render }: HttpServerOptions): Promise<Server> {
  let isReady = false;
  void started.then(() => {
    isReady = true;
  });
  const metrics = remembered(clock, async () => ({ ...textResponse(200, await render()), contentType: METRICS_TYPE }));
  const routes = new Map<string, () => Promise<HttpResponse>>([
    ["/healthz", async () => textResponse(200, "ok\n")],
    ["/readyz", async () => (isReady ? textResponse(200, "ok\n") : textResponse(503, NOT_READY))],
    ["/metrics", metrics],
  ]);
  const server = createBoundedServer(LIMITS, clock, ({ method, target }, respond) => {
    const route = routes.get(target);
    if (route === undefined) respond(refusalOf("not-found"));
    else if (method !== "GET") respond({ ...refusalOf("method-not-allowed"), allow: "GET" });
    else route().then(respond, () => respond(errorResponseOf(undefined)));
  });
  return new Promise((resolve, reject) => {
    void server.listen(async (unbound) => {
      unbound.once("error", reject).listen({ port, backlog: BACKLOG }, () => resolve(unbound));
    });
  });
}
