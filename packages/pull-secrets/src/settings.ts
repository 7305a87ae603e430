/** The program's settings, from the environment that the chart sets. */
import { createPodSettings, type PodSettings } from "@ocir-broker/kubernetes/pod-settings";

export interface Settings {
  /** Names of resources, Secrets and service accounts. */
  readonly names: ReadonlySet<string>;
  /** Registry hosts besides Oracle's own. */
  readonly extraHosts: ReadonlySet<string>;
  readonly identity:
    | { readonly kind: "service-account"; readonly exchange: TokenExchangeSettings }
    | {
        readonly kind: "controller";
        readonly principal: "workload" | "instance";
        /** The controller's own, in the pod's namespace. */
        readonly serviceAccount: string;
        readonly namespaces: ReadonlySet<string>;
        /** Selects further namespaces by their labels, in the form of the API server's parameter `labelSelector`. */
        readonly namespaceSelector: string | undefined;
      };
  /** For Oracle's services, never for the cluster's and never for the metadata service. */
  readonly proxy: { readonly https: string | undefined; readonly noProxy: string | undefined };
  readonly pod: string;
  readonly namespace: string;
}

type TokenExchangeSettings =
  /** OKE's token exchange; the audience is the API server's own. */
  | { readonly kind: "oke" }
  | { readonly kind: "identity-domain"; readonly url: string; readonly clientId: string; readonly audience: string };

const PREFIX = "OCIR_PULL_SECRETS_";

/** @throws Error with a line for the pod's log if a setting is missing or wrong. */
export function parseSettings(environment: NodeJS.ProcessEnv): Settings {
  const settings = createPodSettings(environment, "install the chart ocir-pull-secrets");
  const { needed } = settings;
  return {
    names: listOf(needed(`${PREFIX}NAMES`)),
    extraHosts: listOf(environment[`${PREFIX}EXTRA_HOSTS`] ?? ""),
    identity: parseIdentity(environment, settings),
    proxy: {
      https: environment["HTTPS_PROXY"] || environment["https_proxy"],
      noProxy: environment["NO_PROXY"] || environment["no_proxy"],
    },
    pod: needed("POD_NAME"),
    namespace: needed("POD_NAMESPACE"),
  };
}

function parseIdentity(environment: NodeJS.ProcessEnv, { needed, oneOf }: PodSettings): Settings["identity"] {
  const kind = oneOf(`${PREFIX}IDENTITY`, "serviceAccount", "controller");
  if (kind === "serviceAccount") return { kind: "service-account", exchange: parseExchange(environment, needed) };
  const namespaces = environment[`${PREFIX}NAMESPACES`] || "";
  const namespaceSelector = environment[`${PREFIX}NAMESPACE_SELECTOR`] || undefined;
  const given = environment[`${PREFIX}PRINCIPAL`] || "workload";
  const principal = oneOf(`${PREFIX}PRINCIPAL`, "workload", "instance", given);
  if (!namespaces && !namespaceSelector)
    throw new Error(
      `neither ${PREFIX}NAMESPACES nor ${PREFIX}NAMESPACE_SELECTOR is set: install the chart ocir-pull-secrets`,
    );
  const serviceAccount = needed(`${PREFIX}SERVICE_ACCOUNT`);
  return { kind, principal, serviceAccount, namespaces: listOf(namespaces), namespaceSelector };
}

function parseExchange(environment: NodeJS.ProcessEnv, needed: PodSettings["needed"]): TokenExchangeSettings {
  const url = environment[`${PREFIX}IDENTITY_DOMAIN`];
  if (!url) return { kind: "oke" };
  if (URL.parse(url)?.protocol !== "https:") throw new Error(`${PREFIX}IDENTITY_DOMAIN is not an https address`);
  const [audience, clientId] = [needed(`${PREFIX}AUDIENCE`), needed(`${PREFIX}CLIENT_ID`)];
  return { kind: "identity-domain", url, clientId, audience };
}

function listOf(text: string): ReadonlySet<string> {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  return new Set(names);
}
