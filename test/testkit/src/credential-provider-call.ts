/**
 * One call of a credential provider, as the kubelet makes it (k8s.io/kubernetes pkg/credentialprovider/plugin):
 * a JSON object and a newline on stdin, then its end; the kubelet's own environment with the provider's on top;
 * SIGKILL after 60 s; and the end when every copy of stdout and stderr is closed. It does not judge the result.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

interface CredentialProviderCall extends Partial<RequestForImage> {
  /** The program, as an absolute path. */
  readonly path: string;
  readonly args?: readonly string[];
  /** The `env` of the provider's entry in the kubelet's config; wins over the kubelet's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Sent unchanged. Default: the kubelet's v1 request for the image. */
  readonly stdin?: string | Buffer;
}

interface RequestForImage {
  readonly image: string;
  /** The pod's, for an entry with tokenAttributes. */
  readonly serviceAccountToken?: string | undefined;
}

export type CredentialProviderResult = Awaited<ReturnType<typeof callCredentialProvider>>;

/** The environment of a service started by systemd; nothing of the test's own environment reaches the provider. */
const KUBELET_ENVIRONMENT = {
  LANG: "C.UTF-8",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

const KUBELET_LIMIT_MS = 60_000;

/** Rejects only if the program cannot be started; the result has its exit. */
export async function callCredentialProvider(call: CredentialProviderCall) {
  if (call.stdin === undefined && call.image === undefined) throw new TypeError("neither an image nor stdin");
  const startedAtMs = performance.now();
  const child = spawn(call.path, call.args ?? [], {
    env: { ...KUBELET_ENVIRONMENT, ...call.env },
    timeout: KUBELET_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (stdout += piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (stderr += piece));
  // A provider may exit without reading everything; like the kubelet, ignore the broken pipe.
  child.stdin.on("error", () => {}).end(call.stdin ?? credentialProviderRequest(call));
  const [exitCode, signal] = (await once(child, "close")) as [number, null] | [null, NodeJS.Signals];
  return { exitCode, signal, stdout, stderr, elapsedMs: performance.now() - startedAtMs };
}

/** The kubelet's v1 request for an image: one line. */
export function credentialProviderRequest({ image, serviceAccountToken }: Partial<RequestForImage>): string {
  const request = {
    kind: "CredentialProviderRequest",
    apiVersion: "credentialprovider.kubelet.k8s.io/v1",
    image,
    serviceAccountToken,
  };
  return `${JSON.stringify(request)}\n`;
}
