/**
 * The part of a Kubernetes API server that the pull-secrets controller needs: resources with a status, Secrets with server-side apply,
 * service accounts' tokens, Events, lists in pages and watches. It grants the rights that the chart grants.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { API_VERSION, MANAGER } from "../src/objects/pull-secret.ts";

// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
export type KubernetesJson = any;

export type ApiServerDouble = Awaited<ReturnType<typeof startApiServer>>;

interface Options {
  /** Names that the chart lists. */
  readonly names: readonly string[];
  /** Of objects, the largest page of a list. Default: small, so that most lists have several. */
  readonly largestPage?: number;
  issueToken(namespace: string, name: string, uid: string, lifeMs: number): Promise<string>;
}

type Change = Readonly<{ collection: string; type: "ADDED" | "MODIFIED" | "DELETED"; object: KubernetesJson }>;

export const TOKEN = "token";
const COLLECTIONS: Readonly<Record<string, string>> = {
  secrets: "/api/v1",
  namespaces: "/api/v1",
  ocirpullsecrets: `/apis/${API_VERSION}`,
};
const FIELD_CONFLICT = { causes: [{ reason: "FieldManagerConflict", field: ".data" }] };

const refusal = (status: number, message: string, details?: object) =>
  Object.assign(new Error(message), { status, details });

export async function startApiServer({ names, largestPage = 3, issueToken }: Options) {
  let version = 100;
  let uids = 0;
  const objects = new Map<string, KubernetesJson>();
  const changes: Change[] = [];
  const watches = new Map<ServerResponse, (change: Change) => void>();
  const server = createServer(answer).listen(0, "127.0.0.1");

  const api = {
    /** Method, path without query, and status of each request but watches. */
    requests: [] as string[],
    events: [] as KubernetesJson[],
    /** UIDs by `namespace/name`. */
    accounts: new Map<string, string>(),
    /** Answers every request with this status, if set. */
    failWith: undefined as number | undefined,
    /** The same for applies of Secrets. */
    failApplyWith: undefined as number | undefined,
    /** Applies of Secrets succeed, and the client sees this status, as if the response was lost. */
    loseApplyWith: undefined as number | undefined,
    /** In the header of each failure, if set. */
    retryAfterS: undefined as number | undefined,
    watches: () => watches.size,
    url: () => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    get: (collection: string, namespace: string, name: string): KubernetesJson =>
      objects.get(`${collection}/${namespace}/${name}`),
    /** Creates or replaces, as another client. */
    put: (collection: string, object: KubernetesJson): void => store(collection, structuredClone(object)),
    createResource(namespace: string, spec: object, name = "ocir-pull"): void {
      const metadata = { namespace, name, generation: 1 };
      store("ocirpullsecrets", { apiVersion: API_VERSION, kind: "OCIRPullSecret", metadata, spec });
    },
    changeResource(namespace: string, spec: object): void {
      const object = structuredClone(api.get("ocirpullsecrets", namespace, "ocir-pull"));
      object.metadata.generation += 1;
      store("ocirpullsecrets", { ...object, spec });
    },
    delete(collection: string, namespace: string, name = "ocir-pull"): void {
      const key = `${collection}/${namespace}/${name}`;
      const object = structuredClone(objects.get(key));
      objects.delete(key);
      version += 1;
      object.metadata.resourceVersion = String(version);
      publish({ collection, type: "DELETED", object });
    },
  };

  function store(collection: string, object: KubernetesJson): KubernetesJson {
    const key = `${collection}/${object.metadata.namespace}/${object.metadata.name}`;
    version += 1;
    object.metadata.resourceVersion = String(version);
    object.metadata.uid ??= `uid-${++uids}`;
    const type = objects.has(key) ? "MODIFIED" : "ADDED";
    objects.set(key, object);
    publish({ collection, type, object });
    return object;
  }

  function publish(change: Change): void {
    changes.push(change);
    for (const send of watches.values()) send(change);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://api");
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    if (isKnown && url.searchParams.has("watch") && api.failWith === undefined) return watch(url, response);
    let [status, body]: [number, KubernetesJson] = [200, undefined];
    try {
      if (api.failWith !== undefined) throw refusal(api.failWith, "told to fail");
      if (!isKnown) throw refusal(401, "Unauthorized");
      body = await act(request, url);
    } catch (error) {
      const { status: code = 500, message, details } = error as ReturnType<typeof refusal>;
      [status, body] = [code, { kind: "Status", status: "Failure", message, details, code }];
    }
    api.requests.push(`${request.method} ${url.pathname} ${status}`);
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (status >= 400 && api.retryAfterS !== undefined) headers["retry-after"] = String(api.retryAfterS);
    response.writeHead(status, headers).end(JSON.stringify(body));
  }

  function collectionOf({ pathname, searchParams }: URL) {
    const [collection = ""] = Object.entries(COLLECTIONS).find(([name, base]) => pathname === `${base}/${name}`) ?? [];
    const name = searchParams.get("fieldSelector")?.replace("metadata.name=", "");
    // Of the API server's selectors, only this form: the label exists.
    const label = searchParams.get("labelSelector");
    if (collection === "") throw refusal(404, `no collection ${pathname}`);
    if (collection === "secrets" && !names.includes(name ?? "")) throw refusal(403, "cannot list all secrets");
    const isSelected = ({ metadata }: KubernetesJson) => label === null || metadata.labels?.[label] !== undefined;
    return {
      collection,
      isSelected,
      isWanted: (object: KubernetesJson) => (name ?? object.metadata.name) === object.metadata.name,
    };
  }

  function watch(url: URL, response: ServerResponse): void {
    const { collection, isWanted, isSelected } = collectionOf(url);
    const from = Number(url.searchParams.get("resourceVersion"));
    const send = ({ type, object, ...change }: Change): void => {
      const isNew = Number(object.metadata.resourceVersion) > from;
      if (change.collection !== collection || !isNew || !isWanted(object)) return;
      response.write(`${JSON.stringify({ type: isSelected(object) ? type : "DELETED", object })}\n`);
    };
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    for (const change of changes) send(change);
    watches.set(response, send);
    response.on("close", () => watches.delete(response));
  }

  function list(url: URL): KubernetesJson {
    const { collection, isWanted, isSelected } = collectionOf(url);
    const all = [...objects].filter(
      ([key, object]) => key.startsWith(`${collection}/`) && isWanted(object) && isSelected(object),
    );
    const start = Number(url.searchParams.get("continue") ?? 0);
    const end = start + Math.min(largestPage, Number(url.searchParams.get("limit")));
    const items = all.slice(start, end).map(([, object]) => object);
    const next = end < all.length ? String(end) : "";
    return { metadata: { resourceVersion: String(version), continue: next }, items };
  }

  async function act(request: IncomingMessage, url: URL): Promise<KubernetesJson> {
    const [, namespace = "", kind = "", name = "", part] =
      /\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    if (namespace === "") return list(url);
    const body = (await json(request)) as KubernetesJson;
    if (kind === "events") return api.events.push(body);
    if (kind === "ocirpullsecrets" && part === "status") return report(namespace, name, body, url);
    if (!names.includes(name)) throw refusal(403, `cannot use the name ${name}`);
    if (kind === "serviceaccounts" && part === "token") return tokenOf(namespace, name, body);
    if (kind === "secrets" && request.method === "PATCH") return apply(namespace, name, body);
    throw refusal(403, `cannot ${request.method} ${url.pathname}`);
  }

  async function tokenOf(namespace: string, name: string, { spec }: KubernetesJson): Promise<KubernetesJson> {
    const uid = api.accounts.get(`${namespace}/${name}`);
    if (uid === undefined) throw refusal(404, `serviceaccounts "${name}" not found`, { kind: "serviceaccounts", name });
    return { status: { token: await issueToken(namespace, name, uid, spec.expirationSeconds * 1_000) } };
  }

  function apply(namespace: string, name: string, applied: KubernetesJson): KubernetesJson {
    if (api.failApplyWith !== undefined) throw refusal(api.failApplyWith, "told to fail");
    const before = api.get("secrets", namespace, name);
    const other = before?.metadata.managedFields?.find(
      ({ manager, fieldsV1 }: KubernetesJson) => manager !== MANAGER && fieldsV1["f:data"] !== undefined,
    );
    if (other !== undefined) throw refusal(409, `conflict with ${other.manager}`, FIELD_CONFLICT);
    if (before?.immutable || (before && before.type !== applied.type)) throw refusal(422, "field is immutable");
    const managedFields = [{ manager: MANAGER, operation: "Apply", fieldsV1: { "f:data": {} } }];
    const metadata = { ...applied.metadata, managedFields, uid: before?.metadata.uid };
    const stored = store("secrets", { ...applied, metadata });
    if (api.loseApplyWith !== undefined) throw refusal(api.loseApplyWith, "told to fail");
    return stored;
  }

  function report(namespace: string, name: string, { status }: KubernetesJson, url: URL): KubernetesJson {
    const before = api.get("ocirpullsecrets", namespace, name);
    if (before === undefined) throw refusal(404, `${name} not found`);
    if (before.metadata.managedFields !== undefined && url.searchParams.get("force") !== "true")
      throw refusal(409, "conflict with another manager of the status");
    // Another manager's fields stay, unless they are applied.
    const { expirationTime } = before.metadata.managedFields === undefined ? {} : before.status;
    const others = (before.status?.conditions ?? []).filter(({ type }: KubernetesJson) => type !== "Ready");
    const conditions = [...others, ...status.conditions];
    const after = { expirationTime, ...status, conditions };
    return store("ocirpullsecrets", { ...structuredClone(before), status: after });
  }

  await once(server, "listening");
  return api;
}
