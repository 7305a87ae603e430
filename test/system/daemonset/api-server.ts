/**
 * The part of a Kubernetes API server that the DaemonSet's pods need: nodes and one Lease, behind TLS with its own CA, bearer
 * tokens, and the rights that the manifest grants. It is as strict as a real one: a patch of another version than the stored one
 * is a conflict, and an invalid object is refused.
 */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Access, isAllowed, lease as leaseOfManifest } from "../../daemonset/manifest.ts";
import { makeCertificates } from "./certificates.ts";
import { leaseFault, mergePatch, type Stored } from "./stored-object.ts";

const BODY_LIMIT_BYTES = 3 << 20;
const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  PATCH: "patch",
  PUT: "update",
  POST: "create",
  DELETE: "delete",
};

export interface RecordedRequest extends Access {
  readonly status: number;
  /** The node of the request's token. */
  readonly node: string | undefined;
}

export interface ApiServer {
  /** Path of the CA's certificate. */
  readonly caCert: string;
  /** A service account's token, for the pod of this node. */
  issueToken(node: string): string;
  readonly requests: readonly RecordedRequest[];
  readonly tokens: readonly string[];
  addNode(name: string): void;
  cordon(name: string, cordoned: boolean): void;
  holder(): string | undefined;
  /** The Lease has no holder. */
  release(): void;
  /** Does as `kubectl apply` of the manifest: fields that it does not name stay. */
  applyAgain(): void;
  /** Answers no PATCH until this many have arrived, so that all have the same version. */
  holdPatches(count: number): void;
  /** Resolves when a request waits. */
  patchIsHeld(): Promise<void>;
  /** Available or not. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Listens on a Unix socket in `folder`, whose connections are those that nodes make to `host`. */
export function createApiServer(folder: string, host: string): ApiServer {
  const socket = join(folder, "api.sock");
  const { key, cert, caCert } = makeCertificates(folder, host);
  const nodesOfTokens = new Map<string, string>();
  const requests: RecordedRequest[] = [];
  const nodes = new Map<string, Stored>();
  let version = 1_000;
  let lease = store(leaseOfManifest() as unknown as Stored);
  let held: { count: number; waiting: (() => void)[] } | undefined;
  let server: Server | undefined;

  function store(object: Stored): Stored {
    version += 1;
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = String(version);
    // As stored by kubectl and the server: texts that look like fields.
    stored.metadata["annotations"] = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(DECOY) };
    stored.metadata["managedFields"] = [
      {
        manager: "curl",
        operation: "Update",
        fieldsV1: { "f:spec": { "f:holderIdentity": {}, "f:unschedulable": {} } },
      },
    ];
    return stored;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const access = accessOf(request);
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const node = nodesOfTokens.get(token ?? "");
    let status = 200;
    let object: unknown;
    try {
      if (node === undefined) throw new Refusal(401, "Unauthorized");
      if (!isAllowed(access)) throw new Refusal(403, `cannot ${access.verb} resource "${access.resource}"`);
      object = access.verb === "get" ? read(access) : await patch(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      object = {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: error.message,
        code: status,
      };
    }
    requests.push({ ...access, status, node });
    // As a real server does, indents the answer for curl.
    const indent = request.headers["user-agent"]?.startsWith("curl/") ? 2 : 0;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(object, undefined, indent));
  }

  function read({ resource, name = "" }: Access): Stored {
    const found = resource === "nodes" ? nodes.get(name) : lease;
    if (found === undefined) throw new Refusal(404, `${resource} "${name}" not found`);
    return found;
  }

  async function patch(request: IncomingMessage): Promise<Stored> {
    if (request.headers["content-type"] !== "application/merge-patch+json") throw new Refusal(415, "no merge patch");
    const change = JSON.parse(await bodyOf(request));
    await untilReleased();
    const wanted = change.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== lease.metadata.resourceVersion) {
      throw new Refusal(409, 'Operation cannot be fulfilled on leases "ocir-broker": the object has been modified');
    }
    const changed = mergePatch(lease, change) as Stored;
    const fault = leaseFault(changed);
    if (fault !== undefined) throw new Refusal(422, fault);
    if (JSON.stringify(changed) !== JSON.stringify(lease)) {
      version += 1;
      changed.metadata.resourceVersion = String(version);
      lease = changed;
    }
    return lease;
  }

  async function untilReleased(): Promise<void> {
    const gate = held;
    if (gate === undefined) return;
    await new Promise<void>((resolve) => {
      gate.waiting.push(resolve);
      if (gate.waiting.length < gate.count) return;
      held = undefined;
      for (const release of gate.waiting) release();
    });
  }

  return {
    caCert,
    requests,
    issueToken(node) {
      const token = randomBytes(24).toString("base64url");
      nodesOfTokens.set(token, node);
      return token;
    },
    get tokens() {
      return [...nodesOfTokens.keys()];
    },
    addNode(name) {
      nodes.set(name, store({ apiVersion: "v1", kind: "Node", metadata: { name, resourceVersion: "" }, spec: {} }));
    },
    cordon(name, cordoned) {
      const stored = nodes.get(name) as Stored;
      nodes.set(name, store({ ...stored, spec: cordoned ? { unschedulable: true } : {} }));
    },
    holder: () => lease.spec?.["holderIdentity"] as string | undefined,
    release() {
      lease = store(leaseOfManifest() as unknown as Stored);
    },
    applyAgain() {
      lease = store({ ...lease, ...(leaseOfManifest() as unknown as Stored), ...(lease.spec && { spec: lease.spec }) });
    },
    holdPatches(count) {
      held = { count, waiting: [] };
    },
    async patchIsHeld() {
      while (held === undefined || held.waiting.length === 0) await sleep(20);
    },
    async start() {
      const listening = createServer({ key, cert }, (request, response) => void answer(request, response));
      await new Promise<void>((resolve) => listening.listen(socket, resolve));
      server = listening;
    },
    async stop() {
      const ended = new Promise((resolve) => server?.close(resolve));
      server?.closeAllConnections();
      await ended;
      rmSync(socket, { force: true });
    },
  };
}

const DECOY = { metadata: { resourceVersion: "1" }, spec: { unschedulable: true, holderIdentity: "nobody" } };

/** For every path under /api and /apis; a subresource such as pods/eviction is part of the resource's name. */
function accessOf({ method = "", url = "" }: IncomingMessage): Access {
  const [, root = "", ...rest] = new URL(url, "https://api").pathname.split("/");
  const group = root === "apis" ? (rest.shift() ?? "") : "";
  rest.shift();
  const namespace = rest[0] === "namespaces" && rest.length > 2 ? rest[1] : undefined;
  const [resource = "", name, subresource] = namespace === undefined ? rest : rest.slice(2);
  const verb = method === "GET" && name === undefined ? "list" : (VERBS[method] ?? method);
  return {
    verb,
    group,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of request) {
    body += piece;
    if (body.length > BODY_LIMIT_BYTES) throw new Refusal(413, "too large");
  }
  return body;
}
