/**
 * A model of the kubelet's plugin provider (k8s.io/kubernetes 1.37, pkg/credentialprovider/plugin/plugin.go): single-flight for each image
 * and service account, and a cache with the key and duration that the response states. Then it pulls.
 */
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";

export interface Pod {
  readonly repository: string;
  /** Its service account, for an entry with tokenAttributes. */
  readonly serviceAccount?: { readonly name: string; readonly token: string };
}

export interface Kubelet {
  /** Whether the registry let the pod's image be read; false without credentials too. */
  pull(pod: Pod): Promise<boolean>;
  /** Of every call of the plugin. */
  readonly callsMs: number[];
}

interface KubeletOptions {
  readonly plugin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly registryHost: string;
  /** Where that host's registry listens. */
  readonly registryUrl: URL;
}

export function createKubelet({ plugin, env, registryHost, registryUrl }: KubeletOptions): Kubelet {
  const cache = new Map<string, { readonly password: string; readonly untilMs: number }>();
  const running = new Map<string, Promise<string | undefined>>();
  const callsMs: number[] = [];

  async function call({ repository, serviceAccount }: Pod, cacheKey: string): Promise<string | undefined> {
    const image = `${registryHost}/${repository}`;
    const called = await callCredentialProvider({
      path: plugin,
      env,
      image,
      serviceAccountToken: serviceAccount?.token,
    });
    callsMs.push(called.elapsedMs);
    if (called.exitCode !== 0) return undefined;
    const { cacheDuration, auth } = JSON.parse(called.stdout);
    const password: string | undefined = auth[registryHost]?.password;
    const cacheMs = Number.parseInt(cacheDuration, 10) * 1_000;
    if (password !== undefined && cacheMs > 0) cache.set(cacheKey, { password, untilMs: performance.now() + cacheMs });
    return password;
  }

  async function passwordFor(pod: Pod): Promise<string | undefined> {
    const account = pod.serviceAccount?.name ?? "";
    const cached = cache.get(account);
    if (cached !== undefined && performance.now() < cached.untilMs) return cached.password;
    const flight = `${pod.repository} ${account}`;
    const called = running.get(flight) ?? call(pod, account).finally(() => running.delete(flight));
    running.set(flight, called);
    return called;
  }

  return {
    callsMs,
    async pull(pod) {
      const password = await passwordFor(pod);
      if (password === undefined) return false;
      const url = new URL(`/v2/${pod.repository}/manifests/latest`, registryUrl);
      const headers = { authorization: `Bearer ${password}` };
      return (await fetch(url, { method: "HEAD", headers })).ok;
    },
  };
}
