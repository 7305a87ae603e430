/** Wires the simulator: services with their listeners, counts, faults and the control API. */
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiKeys } from "./auth/api-keys.ts";
import { answerAuth, authEndpoint } from "./auth/auth-service.ts";
import { createSessionTokens } from "./auth/session-tokens.ts";
import { answerCluster, clusterEndpoint } from "./cluster/cluster-service.ts";
import { answerControl, type Controls } from "./control.ts";
import { answerDomain, domainEndpoint, failDomain } from "./domain/domain-service.ts";
import { createPropagationTrusts } from "./domain/propagation-trusts.ts";
import { type EndpointName, type RequestCounts, zeroCounts } from "./endpoints.ts";
import { createFaultQueue, type Fault, parseFault } from "./http/faults.ts";
import { type Handling, type Listener, parseAddress, startListener } from "./http/listener.ts";
import type { ReceivedRequest } from "./http/received-request.ts";
import { Refusal, type RefusalRecord } from "./http/refusal.ts";
import { failOracle, type HttpResponse, jsonResponse, refusalResponse, withRequestId } from "./http/response.ts";
import { createTlsIdentity, type TlsIdentity } from "./http/tls-identity.ts";
import { createIam, parseIamChange } from "./iam.ts";
import { createCertificateChain } from "./metadata/certificate-chain.ts";
import { INSTANCE } from "./metadata/instance.ts";
import { answerMetadata, failMetadata, metadataEndpoint } from "./metadata/metadata-service.ts";
import { createImages } from "./registry/image.ts";
import { answerRegistry, failRegistry, registryEndpoint } from "./registry/registry.ts";
import { createRegistryTokens } from "./registry/registry-tokens.ts";
import { createServiceAccounts, type ServiceAccountIssuer } from "./service-accounts.ts";
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

export interface Simulator extends Controls {
  /** With `/opc/v2`. */
  readonly metadataUrl: URL;
  readonly authUrl: URL;
  /** The first registry listener. */
  readonly registryUrl: URL;
  readonly registryUrls: readonly URL[];
  readonly controlUrl: URL;
  /** The first listener of the cluster. */
  readonly clusterUrl: URL;
  readonly domainUrl: URL;
  /** PEM: the cluster's own authority, which signs nothing else. */
  readonly clusterCaCertificate: string;
  /** PEM, if HTTPS is on. */
  readonly caCertificate: string | undefined;
  /** PEM of the root for registry tokens, which a registry of the distribution project must trust. */
  readonly tokenRootCertificate: string;
  readonly instance: typeof INSTANCE;
  close(): Promise<void>;
}

interface Service {
  endpointOf(request: ReceivedRequest): EndpointName;
  answer(request: ReceivedRequest, fault: Fault | undefined): HttpResponse | Promise<HttpResponse>;
  fail(status: number, request: ReceivedRequest): HttpResponse;
}

const ANY_PORT = "127.0.0.1:0";
const HOUR_MS = 3_600_000;
const KEPT_REFUSALS = 500;

/** @throws the system's error if it cannot listen on an address, TypeError for an invalid one. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const clock = options.clock ?? createSystemClock();
  const registryAddresses = [options.registry ?? ANY_PORT].flat();
  const clusterAddresses = [options.cluster ?? ANY_PORT].flat();
  const addresses = [
    options.metadata ?? ANY_PORT,
    options.auth ?? ANY_PORT,
    ...registryAddresses,
    options.control ?? ANY_PORT,
    ...clusterAddresses,
    options.domain ?? ANY_PORT,
  ];
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
  const imageOf = createImages(options.program);
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
    iam: (change) => iam.change(parseIamChange(change)),
    faults: (...added) => added.map(parseFault).forEach(faults.add),
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

  const metadata: Service = {
    endpointOf: metadataEndpoint,
    answer: (request, fault) =>
      answerMetadata(request, { chain, instanceMetadata: options.instanceMetadata ?? {}, fault }),
    fail: failMetadata,
  };
  const auth = cloudService(authEndpoint, (request, fault) =>
    answerAuth(request, { chain, sessions, clock, isInGroup: iam.isInGroup, flaw: fault?.token }),
  );
  const cluster = cloudService(clusterEndpoint, (request, fault) =>
    answerCluster(request, { serviceAccounts, sessions, isEnhanced: () => isEnhanced, flaw: fault?.token }),
  );
  const domain: Service = {
    endpointOf: domainEndpoint,
    answer: (request, fault) =>
      answerDomain(request, { trusts, sessions, clock, groupExists: iam.groupExists, flaw: fault?.token }),
    fail: failDomain,
  };
  const registry = cloudService(
    registryEndpoint,
    (request, fault) =>
      answerRegistry(request, {
        sessions,
        apiKeys,
        tokens,
        iam,
        clock,
        imageOf,
        storage: options.storage,
        flaw: fault?.token,
      }),
    failRegistry,
  );

  function handle(service: Service, request: ReceivedRequest): Handling {
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
        const response = await service.answer(request, fault);
        if (response.reason !== undefined) {
          refusals = [...refusals, { endpoint, status: response.status, reason: response.reason }].slice(
            -KEPT_REFUSALS,
          );
        }
        return response;
      },
    };
  }

  const listeners: Listener[] = [];
  async function listen(address: string, service: Service, identity: TlsIdentity | undefined): Promise<string> {
    const tls = identity?.serverOptions;
    const listener = await startListener({ address, clock, tls, handle: (request) => handle(service, request) });
    listeners.push(listener);
    return listener.origin;
  }

  async function close(): Promise<void> {
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  try {
    const metadataOrigin = await listen(options.metadata ?? ANY_PORT, metadata, undefined);
    const authOrigin = await listen(options.auth ?? ANY_PORT, auth, tlsIdentity);
    const registryUrls: URL[] = [];
    for (const address of registryAddresses) registryUrls.push(new URL(await listen(address, registry, tlsIdentity)));
    const clusterUrls: URL[] = [];
    for (const address of clusterAddresses) clusterUrls.push(new URL(await listen(address, cluster, clusterTls)));
    const domainOrigin = await listen(options.domain ?? ANY_PORT, domain, tlsIdentity);
    const control = await startListener({
      address: options.control ?? ANY_PORT,
      clock,
      handle: (request) => ({
        answer: () => answerControl(request, controls),
        fail: (status) => jsonResponse(status, {}),
        latencyMs: 0,
        released: faults.cleared(),
      }),
    });
    listeners.push(control);
    return {
      ...controls,
      metadataUrl: new URL(`${metadataOrigin}/opc/v2`),
      authUrl: new URL(authOrigin),
      registryUrl: registryUrls[0] as URL,
      registryUrls,
      controlUrl: new URL(control.origin),
      clusterUrl: clusterUrls[0] as URL,
      domainUrl: new URL(domainOrigin),
      clusterCaCertificate: clusterTls.caCertificate,
      caCertificate: tlsIdentity?.caCertificate,
      tokenRootCertificate: signer.rootCertificate,
      instance: INSTANCE,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Errors in Oracle's form, and an `opc-request-id` on everything. */
function cloudService(
  endpointOf: Service["endpointOf"],
  answer: Service["answer"],
  fail: Service["fail"] = failOracle,
): Service {
  return {
    endpointOf,
    fail: (status, request) => withRequestId(fail(status, request), request),
    async answer(request, fault) {
      try {
        return withRequestId(await answer(request, fault), request);
      } catch (error) {
        if (error instanceof Refusal) return withRequestId(refusalResponse(error), request);
        throw error;
      }
    },
  };
}
