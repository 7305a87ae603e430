/** Wires the simulator: services with their listeners, counts, faults and the control API. */
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiKeys } from "./auth/api-keys.ts";
import { createSessionTokens } from "./auth/session-tokens.ts";
import type { Cloud } from "./cloud.ts";
import { answerControl, type Controls } from "./control.ts";
import { createPropagationTrusts } from "./domain/propagation-trusts.ts";
import { type EndpointName, type RequestCounts, zeroCounts } from "./endpoints.ts";
import { createFaultQueue, type Fault, faultSchema } from "./http/faults.ts";
import { type Handling, type Listener, type ListenerOptions, parseAddress, startListener } from "./http/listener.ts";
import { parseAs, type ReceivedRequest } from "./http/received-request.ts";
import { Refusal, type RefusalRecord } from "./http/refusal.ts";
import { failOracle, type HttpResponse, jsonResponse, refusalResponse, withRequestId } from "./http/response.ts";
import { createTlsIdentity, type TlsIdentity } from "./http/tls-identity.ts";
import { createIam, iamChangeSchema } from "./iam.ts";
import { createCertificateChain } from "./metadata/certificate-chain.ts";
import { INSTANCE } from "./metadata/instance.ts";
import { createImages } from "./registry/image.ts";
import { createRegistryTokens } from "./registry/registry-tokens.ts";
import { createServiceAccounts, type ServiceAccountIssuer } from "./service-accounts.ts";
import { answerAuth, authEndpoint } from "./services/auth-service.ts";
import { answerCluster, clusterEndpoint } from "./services/cluster-service.ts";
import { answerDomain, domainEndpoint, failDomain } from "./services/domain-service.ts";
import { answerMetadata, failMetadata, metadataEndpoint } from "./services/metadata-service.ts";
import { answerRegistry, failRegistry, registryEndpoint } from "./services/registry.ts";
import { createTokenSigner } from "./token-signer.ts";

export interface SimulatorOptions {
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
  /** The issuer of service-account tokens, for a real API server. Default: the simulator's own. */
  readonly serviceAccountIssuer?: ServiceAccountIssuer | undefined;
  /** HTTPS for auth, identity domain and registry, with its own CA. */
  readonly tls?: boolean;
  /** Life of OCIR's tokens, in milliseconds. Default one hour. */
  readonly tokenLifeMs?: number;
  /** Life of the auth service's security tokens, in milliseconds. Default 20 minutes. */
  readonly sessionLifeMs?: number;
  /** Whether the OUs of the leaf certificate's subject are in one multi-valued RDN. Default false. */
  readonly multiValuedSubject?: boolean;
  /** Delay of each response of the three services, in milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** Keys of `/instance/metadata`, such as `oke_init_script` (base64) and `kubelet-extra-args`. */
  readonly instanceMetadata?: Readonly<Record<string, string>>;
  /** A registry of the distribution project that stores pushed images. Default: none, and no pushes. */
  readonly storage?: URL | undefined;
  /** A static executable for the registry's images. Default: images with only a text. */
  readonly program?: Buffer | undefined;
  readonly clock?: Clock;
}

export type Simulator = Awaited<ReturnType<typeof startSimulator>>;

interface Service {
  endpointOf(request: ReceivedRequest): EndpointName;
  answer(request: ReceivedRequest, cloud: Cloud, fault?: Fault): HttpResponse | Promise<HttpResponse>;
  fail(status: number, request: ReceivedRequest): HttpResponse;
}

const METADATA: Service = { endpointOf: metadataEndpoint, answer: answerMetadata, fail: failMetadata };
const DOMAIN: Service = { endpointOf: domainEndpoint, answer: answerDomain, fail: failDomain };
const AUTH = cloudService(authEndpoint, answerAuth);
const CLUSTER = cloudService(clusterEndpoint, answerCluster);
const REGISTRY = cloudService(registryEndpoint, answerRegistry, failRegistry);

const ANY_PORT = "127.0.0.1:0";
const ANY_PORTS = {
  ...{ metadata: ANY_PORT, auth: ANY_PORT, registry: ANY_PORT },
  ...{ control: ANY_PORT, cluster: ANY_PORT, domain: ANY_PORT },
};
const HOUR_MS = 3_600_000;
const KEPT_REFUSALS = 500;

/** @throws the system's error if it cannot listen on an address, TypeError for an invalid one. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const clock = options.clock ?? createSystemClock();
  const at = { ...ANY_PORTS, ...options };
  const addresses = [at.metadata, at.auth, at.registry, at.control, at.cluster, at.domain].flat();
  const iam = createIam();
  const hosts = ["localhost", ...new Set(addresses.map((address) => parseAddress(address).host))];
  const [chain, sessions, signer, tlsIdentity, clusterTls, serviceAccounts] = await Promise.all([
    createCertificateChain(clock, options.multiValuedSubject ?? false, iam.tag),
    createSessionTokens(clock, options.sessionLifeMs ?? HOUR_MS / 3),
    createTokenSigner(clock),
    options.tls ? createTlsIdentity(hosts, clock) : undefined,
    createTlsIdentity(hosts, clock),
    createServiceAccounts(clock, options.serviceAccountIssuer),
  ]);
  const trusts = createPropagationTrusts(serviceAccounts);
  const apiKeys = createApiKeys();
  const faults = createFaultQueue();
  const tokens = createRegistryTokens({ clock, lifeMs: options.tokenLifeMs ?? HOUR_MS, signer, iam });
  let counts: RequestCounts = zeroCounts();
  let refusals: RefusalRecord[] = [];
  let isEnhanced = true;

  const controls: Controls = {
    requests: () => ({ ...counts }),
    refusals: () => [...refusals],
    reset() {
      counts = zeroCounts();
      refusals = [];
      faults.clear();
      iam.reset();
      trusts.clear();
      isEnhanced = true;
    },
    iam: (change) => iam.change(parseAs(iamChangeSchema, change)),
    faults: (...added) => added.map((fault) => parseAs(faultSchema, fault)).forEach(faults.add),
    clearFaults: faults.clear,
    addApiKey: apiKeys.add,
    async cliSession(pem) {
      const { publicKey, settings } = apiKeys.describe(pem);
      return { ...settings, token: await sessions.issueUser(publicKey) };
    },
    resourceToken: (pem) => sessions.issueResource(apiKeys.describe(pem).publicKey, iam.groupExists()),
    serviceAccountToken: serviceAccounts.issue,
    deletePod: serviceAccounts.deletePod,
    addTrust: trusts.add,
    clusterType(type) {
      isEnhanced = type === "enhanced";
    },
  };

  const cloud: Cloud = {
    ...{ clock, iam, chain, sessions, apiKeys, tokens, serviceAccounts, trusts, isEnhanced: () => isEnhanced },
    ...{ instanceMetadata: options.instanceMetadata ?? {}, imageOf: createImages(options.program) },
    storage: options.storage,
  };

  const handlerOf =
    (service: Service) =>
    (request: ReceivedRequest): Handling => {
      const endpoint = service.endpointOf(request);
      counts[endpoint] += 1;
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
            refusals.push({ endpoint, status: response.status, reason: response.reason });
            refusals = refusals.slice(-KEPT_REFUSALS);
          }
          return response;
        },
      };
    };

  const listeners: Listener[] = [];
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
      /** PEM: the cluster's own authority, which signs nothing else. */
      clusterCaCertificate: clusterTls.caCertificate,
      /** PEM, if HTTPS is on. */
      caCertificate: tlsIdentity?.caCertificate,
      /** PEM of the root for registry tokens, which a registry of the distribution project must trust. */
      tokenRootCertificate: signer.rootCertificate,
      instance: INSTANCE,
      close,
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
