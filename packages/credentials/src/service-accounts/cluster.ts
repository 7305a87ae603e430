/**
 * The cluster of this node: finds its API endpoint and certificate authority, and sends requests to it. Trusts that authority alone, and
 * uses no proxy.
 *
 * Both are looked up at the first request, because the files may not exist yet when the daemon starts, and kept once found.
 */

import { durationMs } from "@ocir-broker/config/duration";
import type { Config } from "@ocir-broker/config/schema";
import { createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createSendRequest, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import { connectionLimits } from "../tokens/upstreams.ts";
import { readKubeconfig, readText } from "./kubeconfig.ts";

export interface ClusterOptions {
  readonly config: Pick<Config, "serviceAccounts" | "upstream">;
  readonly clock: Clock;
  readonly files?: typeof OKE_FILES;
}

/** Files of OKE's worker nodes. */
const OKE_FILES = { apiServer: "/etc/oke/oke-apiserver", ca: "/etc/kubernetes/ca.crt" };

const API_SERVER_PORT = "6443";
const TOKEN_EXCHANGE_PORT = "12250";

/** Limits concurrent token exchanges; further ones wait for a connection. */
const MAX_CONNECTIONS = 32;

export function createClusterConnection({ config, clock, files = OKE_FILES }: ClusterOptions) {
  let opened: ReturnType<typeof open> | undefined;

  function open() {
    const { apiServer, endpoint, caCertificates } = locate(config.serviceAccounts, files);
    const dispatcher = createUpstreamDispatcher({
      ...connectionLimits(config.upstream, MAX_CONNECTIONS),
      caCertificates: [caCertificates],
    });
    const send = createSendRequest({ dispatcher, clock, totalMs: durationMs(config.upstream.timeout) });
    return { apiServer, endpoint, dispatcher, send };
  }

  const find = () => (opened ??= open());
  return {
    send: (request: UpstreamRequest) => find().send(request),
    /** @throws {TokenExchangeError} `cluster-unknown` */
    apiServer: () => find().apiServer,
    /** The base URL of the token exchange. @throws {TokenExchangeError} `cluster-unknown` */
    endpoint: () => find().endpoint,
    close: async () => opened?.dispatcher.destroy(),
  };
}

function locate({ apiServer, endpoint, caFile, kubeconfig }: Config["serviceAccounts"], files: typeof OKE_FILES) {
  const found = readKubeconfig(kubeconfig);
  const server = apiServerOf(apiServer ?? found.server ?? readText(files.apiServer)?.trim());
  const caCertificates = caFile === undefined ? (found.caCertificates ?? readText(files.ca)) : readText(caFile);
  if (server === undefined)
    throw new TokenExchangeError("cluster-unknown", `API server in ${kubeconfig} or ${files.apiServer}`);
  if (!caCertificates?.includes("-----BEGIN CERTIFICATE-----"))
    throw new TokenExchangeError("cluster-unknown", caFile ?? `authority in ${kubeconfig} or ${files.ca}`);
  return {
    apiServer: server,
    endpoint: new URL(endpoint ?? `https://${server.hostname}:${TOKEN_EXCHANGE_PORT}`),
    caCertificates,
  };
}

/** A URL, or a host with or without its port, as in OKE's file. Always https, because a token is sent there. */
function apiServerOf(text = ""): URL | undefined {
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url === null || url.protocol !== "https:") return undefined;
  if (!text.includes("://") && url.port === "") url.port = API_SERVER_PORT;
  return url;
}
