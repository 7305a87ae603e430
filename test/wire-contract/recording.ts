/** The recording of a release, and the recorded calls: each route, and each kind of answer. */

export interface Call {
  readonly what: string;
  readonly program: "credential-provider-oke" | "docker-credential-ocir";
  readonly arguments: readonly string[];
  readonly stdin: string;
  /** Oracle's services answer with an error. */
  readonly isCloudFaulty: boolean;
}

export interface Request {
  readonly head: readonly string[];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** One call from end to end. A token is recorded as `<token>`. */
export interface Exchange extends Call {
  /** The request of the release's shim. */
  readonly request: Request;
  /** The answer of the release's daemon. */
  readonly answer: Answer;
  /** The output of the release's shim. */
  readonly result: { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };
}

export interface Recording {
  readonly release: string;
  readonly exchanges: readonly Exchange[];
}

export const CALLS: readonly Call[] = [
  kubelet("an image of OCIR", { image: "iad.ocir.io/acme/app" }),
  kubelet("an image of OCIR, asked in v1beta1", { image: "iad.ocir.io/acme/app", version: "v1beta1" }),
  kubelet("an image of another registry", { image: "registry.example.com/app" }),
  kubelet("a version that is not known", { image: "iad.ocir.io/acme/app", version: "v9" }),
  { ...kubelet("no JSON", {}), stdin: "image: iad.ocir.io/acme/app\n" },
  {
    ...kubelet("an image of OCIR while the cloud has a fault", { image: "iad.ocir.io/acme/app" }),
    isCloudFaulty: true,
  },
  docker("a host of OCIR", "iad.ocir.io"),
  docker("a URL of OCIR", "https://iad.ocir.io"),
  docker("another registry", "registry.example.com"),
  docker("no host", "http://"),
  { ...docker("a host of OCIR while the cloud has a fault", "iad.ocir.io"), isCloudFaulty: true },
];

function kubelet(what: string, { image = "", version = "v1" }): Call {
  const apiVersion = `credentialprovider.kubelet.k8s.io/${version}`;
  const stdin = `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image })}\n`;
  return { what: `kubelet: ${what}`, program: "credential-provider-oke", arguments: [], stdin, isCloudFaulty: false };
}

function docker(what: string, stdin: string): Call {
  return {
    what: `docker: ${what}`,
    program: "docker-credential-ocir",
    arguments: ["get"],
    stdin,
    isCloudFaulty: false,
  };
}
