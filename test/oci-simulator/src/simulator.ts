/** Wires the simulator: services with their listeners, counts, faults and the control API. */
import { type Cloud, type CloudOptions, createCloud } from "./cloud.ts";
import { answerControl, createControls, nothingReceived } from "./control.ts";
import type { EndpointName } from "./endpoints.ts";
import { createFaultQueue, type Fault } from "./http/faults.ts";
import { type Handling, type ListenerOptions, parseAddress, startListener } from "./http/listener.ts";
import type { ReceivedRequest } from "./http/received-request.ts";
import { Refusal } from "./http/refusal.ts";
import { failOracle, type HttpResponse, jsonResponse, refusalResponse, withRequestId } from "./http/response.ts";
import { createTlsIdentity, type TlsIdentity } from "./http/tls-identity.ts";
import { INSTANCE } from "./metadata/instance.ts";
import { answerAuth, authEndpoint } from "./services/auth-service.ts";
import { answerCluster, clusterEndpoint } from "./services/cluster-service.ts";
import { answerDomain, domainEndpoint, failDomain } from "./services/domain-service.ts";
import { answerGithub, failGithub, githubEndpoint, JOB_TOKEN_PATH } from "./services/github-service.ts";
import { answerMetadata, failMetadata, metadataEndpoint } from "./services/metadata-service.ts";
import { answerRegistry, failRegistry, registryEndpoint } from "./services/registry.ts";

export interface SimulatorOptions extends CloudOptions {
  /** Listening addresses as `host:port`; port 0 means a free one. Default: a free port of 127.0.0.1. */
  readonly metadata?: string;
  readonly auth?: string;
  /** One address or several: a token is valid only for the host that issued it. */
  readonly registry?: string | readonly string[];
  readonly control?: string;
  /** The cluster's endpoint for token exchanges, and its API server's keys: one address or several. Always HTTPS. */
  readonly cluster?: string | readonly string[];
  /** OCI's identity domain, which exchanges service-account tokens of issuers that it trusts. */
  readonly domain?: string;
  /** The endpoint at which a job of GitHub Actions asks for its token. */
  readonly github?: string;
  /** HTTPS for auth, identity domain, GitHub and registry, with its own CA. */
  readonly tls?: boolean;
  /** Delay of each response of the three services, in milliseconds. Default 0. */
  readonly latencyMs?: number;
}

export type Simulator = Awaited<ReturnType<typeof startSimulator>>;

interface Service {
  endpointOf(request: ReceivedRequest): EndpointName;
  answer(request: ReceivedRequest, cloud: Cloud, fault?: Fault): HttpResponse | Promise<HttpResponse>;
  fail(status: number, request: ReceivedRequest): HttpResponse;
}

const METADATA: Service = { endpointOf: metadataEndpoint, answer: answerMetadata, fail: failMetadata };
const DOMAIN: Service = { endpointOf: domainEndpoint, answer: answerDomain, fail: failDomain };
const GITHUB: Service = { endpointOf: githubEndpoint, answer: answerGithub, fail: failGithub };
const AUTH = cloudService(authEndpoint, answerAuth);
const CLUSTER = cloudService(clusterEndpoint, answerCluster);
const REGISTRY = cloudService(registryEndpoint, answerRegistry, failRegistry);

const ANY_PORT = "127.0.0.1:0";
const ANY_PORTS = {
  metadata: ANY_PORT,
  auth: ANY_PORT,
  registry: ANY_PORT,
  control: ANY_PORT,
  cluster: ANY_PORT,
  domain: ANY_PORT,
  github: ANY_PORT,
};
const KEPT_REFUSALS = 500;

/** @throws the system's error if it cannot listen on an address, TypeError for an invalid one. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const at = { ...ANY_PORTS, ...options };
  const addresses = [at.metadata, at.auth, at.registry, at.control, at.cluster, at.domain, at.github].flat();
  const hosts = ["localhost", ...new Set(addresses.map((address) => parseAddress(address).host))];
  const cloud = await createCloud(options);
  const { clock, chain, signer } = cloud;
  const [tlsIdentity, clusterTls] = await Promise.all([
    options.tls ? createTlsIdentity(hosts, clock) : undefined,
    createTlsIdentity(hosts, clock),
  ]);
  const faults = createFaultQueue();
  const received = nothingReceived();
  const controls = createControls(cloud, faults, received);

  const handlerOf =
    (service: Service) =>
    (request: ReceivedRequest): Handling => {
      const endpoint = service.endpointOf(request);
      received.counts[endpoint] += 1;
      const fault = faults.take(endpoint);
      return {
        fault,
        latencyMs: options.latencyMs ?? 0,
        released: faults.cleared(),
        fail: (status) => service.fail(status, request),
        async answer() {
          if (fault?.rotate) chain.rotate();
          const response = await service.answer(request, cloud, fault);
          if (response.reason !== undefined) {
            const { status, reason } = response;
            received.refusals = [...received.refusals, { endpoint, status, reason }].slice(-KEPT_REFUSALS);
          }
          return response;
        },
      };
    };

  const listeners: Awaited<ReturnType<typeof startListener>>[] = [];
  async function listen(
    addresses: string | readonly string[],
    handle: ListenerOptions["handle"],
    identity?: TlsIdentity,
  ): Promise<[first: URL, ...others: URL[]]> {
    const urls: URL[] = [];
    for (const address of [addresses].flat()) {
      const listener = await startListener({ address, clock, tls: identity?.serverOptions, handle });
      listeners.push(listener);
      urls.push(new URL(listener.origin));
    }
    return urls as [URL, ...URL[]];
  }

  async function close(): Promise<void> {
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  try {
    const [metadataUrl] = await listen(at.metadata, handlerOf(METADATA));
    const [authUrl] = await listen(at.auth, handlerOf(AUTH), tlsIdentity);
    const registryUrls = await listen(at.registry, handlerOf(REGISTRY), tlsIdentity);
    const [clusterUrl] = await listen(at.cluster, handlerOf(CLUSTER), clusterTls);
    const [domainUrl] = await listen(at.domain, handlerOf(DOMAIN), tlsIdentity);
    const [githubUrl] = await listen(at.github, handlerOf(GITHUB), tlsIdentity);
    const [controlUrl] = await listen(at.control, (request) => ({
      answer: () => answerControl(request, controls),
      fail: (status) => jsonResponse(status, {}),
      latencyMs: 0,
      released: faults.cleared(),
    }));
    return {
      ...controls,
      /** With `/opc/v2`. */
      metadataUrl: new URL("/opc/v2", metadataUrl),
      authUrl,
      /** The first registry listener. */
      registryUrl: registryUrls[0],
      registryUrls,
      controlUrl,
      /** The first listener of the cluster. */
      clusterUrl,
      domainUrl,
      /** As ACTIONS_ID_TOKEN_REQUEST_URL has it: with a query. */
      githubUrl: new URL(`${JOB_TOKEN_PATH}?api-version=2.0`, githubUrl),
      /** PEM: the cluster's own authority, which signs nothing else. */
      clusterCaCertificate: clusterTls.caCertificate,
      /** PEM, if HTTPS is on. */
      caCertificate: tlsIdentity?.caCertificate,
      /** PEM of the root for registry tokens, which a registry of the distribution project must trust. */
      tokenRootCertificate: signer.rootCertificate,
      instance: INSTANCE,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** With errors in Oracle's form, and an `opc-request-id` on everything. */
function cloudService(
  endpointOf: Service["endpointOf"],
  answer: Service["answer"],
  fail: Service["fail"] = failOracle,
): Service {
  return {
    endpointOf,
    fail: (status, request) => withRequestId(fail(status, request), request),
    async answer(request, cloud, fault) {
      try {
        return withRequestId(await answer(request, cloud, fault), request);
      } catch (error) {
        if (error instanceof Refusal) return withRequestId(refusalResponse(error), request);
        throw error;
      }
    },
  };
}
