/**
 * The chart's definition, rights and policy on a real API server: what a resource may say, what the controller's account may do, and
 * what owners of a namespace may. No kubelet and no controller run.
 */
import type { V1Deployment, V1ValidatingAdmissionPolicy } from "@kubernetes/client-node";
import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";
import { newEvent } from "@ocir-broker/kubernetes/event";
import { createHostRules } from "@ocir-broker/ocir/host-rules";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, describe, expect, it } from "vitest";
import { describeCluster } from "./describe-cluster.ts";
import { loginSecret } from "./docker-logins.ts";
import { givenKubernetes } from "./given.ts";
import { API_SERVER, BEARER, namespacePath, type RequestAs, type Response, requestAs } from "./kubernetes-api.ts";
import {
  API_VERSION,
  CONTROLLER,
  helm,
  LABELS,
  NAME,
  ownerReference,
  pullSecret,
  resourcesPath,
  type SecretFields,
  secret,
  secretPath,
} from "./pull-secret-objects.ts";
import { DEPLOYMENT, LEASE } from "./pull-secrets-cluster.ts";
import { ISSUER } from "./services.ts";

const NAMESPACES = "/api/v1/namespaces";
const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const DOMAIN = { url: "https://idcs.example.com", audience: "ocir", clientId: "id", clientSecret: "ocir-client" };
const SELECTOR = {
  matchLabels: { pulls: "enabled" },
  matchExpressions: [
    { key: "team", operator: "NotIn", values: ["a"] },
    { key: "frozen", operator: "DoesNotExist" },
    { key: "kubernetes.io/metadata.name", operator: "Exists" },
  ],
};
const KEYS_OF_FORMATS = { url: "x", username: "x", password: "x", accessKeyId: "x", secretKey: "x" };
const NOBODYS_UID = "00000000-0000-0000-0000-000000000000";

/** Of the chart's value registries.extraHosts. */
const EXTRA_HOST = "mirror.example:5000";

const HOSTS = [
  ...[EXTRA_HOST, "mirror.example", `${EXTRA_HOST}0`, `a.${EXTRA_HOST}`],
  ...["iad.ocir.io", "us-ashburn-1.ocir.io", "us-gov-ashburn-1.ocir.io", "ap-chuncheon-1.ocir.io"],
  ...REALM_DOMAINS.map((domain) => `ocir.xx-somewhere-1.oci.${domain}`),
  ...["IAD.ocir.io", "iad.ocir.io:443", "iad.ocir.io/acme", "*.ocir.io", "https://iad.ocir.io", "ocir.io", "x.ocir.io"],
  ...["iadocir.io", "iad.ocir.io.example.com", "evil.iad.ocir.io", "ocir.us-ashburn-1.oci.example.com", "docker.io"],
  ...["ocir.us-ashburn-1.oci.oraclecloud.com.example.com", "ocir.us-ashburn-1.oci.oraclecloudxcom", " iad.ocir.io"],
];

const DENIED_SPECS: readonly [what: string, spec: object, reason: string][] = [
  ["without registries", {}, "spec.registries: Required value"],
  ["with no registry", { registries: [] }, "should have at least 1 items"],
  ["with a registry twice", { registries: ["iad.ocir.io", "iad.ocir.io"] }, "Duplicate value"],
  ["with 17 registries", { registries: hosts(17) }, "must have at most 16 items"],
  ["with an unknown format", { registries: hosts(1), formats: ["Helm"] }, 'supported values: "ArgoCD", "CDI"'],
  ["with a format and two registries", { registries: hosts(2), formats: ["CDI"] }, "exactly one registry"],
  [
    "with the service account of another namespace",
    { registries: ["iad.ocir.io"], serviceAccountName: "depot/ocir-pull" },
    "must be the name of a service account of the same namespace",
  ],
];

const OWNERS = ["a", "b", "c", "d", "e"].map(ownerReference);
const LARGEST_METADATA = {
  annotations: { a: "x".repeat(16_383) },
  labels: fieldsOf(32),
  ownerReferences: OWNERS.slice(1),
};
const DENIED_METADATA: readonly [what: string, metadata: object, reason: string][] = [
  [
    "of a name that is not listed",
    { name: "b" },
    "in the value names of the chart ocir-pull-secrets: ocir-pull, tried",
  ],
  [
    "with large annotations",
    { annotations: { ab: "x".repeat(16_383) } },
    "at most 32 annotations, of 16384 characters",
  ],
  ["with many annotations", { annotations: fieldsOf(33) }, "at most 32 annotations"],
  ["with many labels", { labels: fieldsOf(33) }, "at most 32 labels"],
  ["with five owners", { ownerReferences: OWNERS }, "at most 4 owners"],
  ["with a large owner", { ownerReferences: [ownerReference("a".repeat(65))] }, "at most 4 owners"],
];

/** The facts page's table of rights, and what the policy adds. */
const DENIED_SECRETS: readonly [what: string, fields: SecretFields, reason: string][] = [
  ["of another type", { type: "Opaque", data: {} }, "must be of the type kubernetes.io/dockerconfigjson"],
  ["that the API server fills with a service account's token", serviceAccountToken(), "must be of the type"],
  ["with another key", { data: { ".dockerconfigjson": "{}", token: "x" } }, "without keys that no format has"],
  [
    "that Argo CD takes for a cluster",
    { labels: { ...LABELS, "argocd.argoproj.io/secret-type": "cluster" } },
    "argocd.argoproj.io/secret-type only with the value repo-creds",
  ],
  ["without our label", { labels: {} }, "must have the label app.kubernetes.io/managed-by=ocir-broker"],
  ["without an owner", { ownerReferences: [] }, "exactly one owner"],
  ["with two owners", { ownerReferences: OWNERS.slice(0, 2) }, "exactly one owner"],
  ["of the resource of another name", ownedBy({ name: "b" }), "exactly one owner"],
  ["of another kind of owner", ownedBy({ kind: "Other" }), "exactly one owner"],
  ["that would block its owner's deletion", ownedBy({ blockOwnerDeletion: true }), "exactly one owner"],
  ["whose owner calls itself its controller", ownedBy({ controller: true }), "exactly one owner"],
  ["that nobody can change", { immutable: true }, "only our data"],
  ["that nobody can delete", { finalizers: ["example.com/never"] }, "only our data"],
  ["that another program copies", { annotations: { "replicator.v1.mittwald.de/replicate-to": "*" } }, "only our data"],
  ["that another program takes for its own", { labels: { ...LABELS, "example.com/part": "a" } }, "only our data"],
];

/** Of a tenant, on the controller's Secret. */
const THEIRS = { labels: { theirs: "a" }, annotations: { theirs: "a" }, finalizers: ["example.com/theirs"] };

const DENIED_EVENTS: readonly [what: string, fields: object][] = [
  ["about a pod", { involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "a" } }],
  ["of the kubelet", { source: { component: "kubelet" } }],
  ["reported by the kubelet", { reportingComponent: "kubelet" }],
  ["that names another object too", { related: { kind: "Pod", namespace: "shop", name: "a" } }],
  ["that nobody can delete", { metadata: { generateName: `${NAME}.`, finalizers: ["example.com/never"] } }],
];

describeCluster("the rights of pull secrets on a real API server", (minor) => {
  const node = givenKubernetes({ minor, hasHelm: true });
  let controller: RequestAs;
  /** Of the resource of each namespace. */
  const uids: Record<string, string> = {};

  beforeAll(async () => {
    controller = requestAs(node.root, CONTROLLER);
    await helm(node, "install", { names: [NAME, "tried"], "registries.extraHosts": [EXTRA_HOST] });
    for (const namespace of ["shop", "depot", "other"]) {
      await node.api.createNamespace(namespace);
      await node.api.createServiceAccount(namespace, NAME);
    }
    const spec = { registries: ["iad.ocir.io"] };
    await until("the definition is served", async () => (await create("shop", spec)).status === 201, 60_000);
    for (const namespace of ["shop", "depot"]) {
      const created = await node.api.request<Created>("POST", resourcesPath(namespace), pullSecret(spec));
      uids[namespace] = created.metadata.uid;
    }
    const isDenied = async () => isDeniedByPolicy(await apply("depot", { labels: {} }, "&dryRun=All"));
    await until("the policy is enforced", isDenied, 60_000);
  });

  const create = (namespace: string, spec: object, metadata: object = {}) => {
    const resource = pullSecret(spec, { name: "tried", ...metadata });
    return requestAs(node.root)("POST", `${resourcesPath(namespace)}?dryRun=All`, resource);
  };
  const apply = (namespace: string, fields?: SecretFields, more = "") =>
    controller("APPLY", secretPath(namespace, fields?.name) + more, secret(uids[namespace] ?? NOBODYS_UID, fields));

  describe("the definition", () => {
    it("accepts the registries that host rules and registries.extraHosts allow, and no other", async () => {
      const isAllowed = createHostRules({ realmDomains: REALM_DOMAINS, extraHosts: [EXTRA_HOST] });
      const accepted: string[] = [];
      for (const host of HOSTS) {
        const { status, body } = await create("depot", { registries: [host] });
        if (status === 201) accepted.push(host);
        else expect(body.message, host).toContain("must be registry hosts of Oracle's, such as iad.ocir.io");
      }
      expect(accepted).toEqual(HOSTS.filter(isAllowed));
    });

    it.each([
      { registries: hosts(16), serviceAccountName: "puller.2" },
      { registries: hosts(1), formats: ["ArgoCD", "CDI"] },
      { registries: hosts(2), formats: [] },
    ])("accepts %o", async (spec) => {
      expect((await create("depot", spec)).status).toBe(201);
    });

    it.each(DENIED_SPECS)("denies a resource %s", async (_what, spec, reason) => {
      const { status, body } = await create("depot", spec);
      expect([status, body.message]).toEqual([422, expect.stringContaining(reason)]);
    });

    it.each(DENIED_METADATA)("denies a resource %s", async (_what, metadata, reason) => {
      const { status, body } = await create("depot", { registries: hosts(1) }, metadata);
      expect([status, body.message]).toEqual([403, expect.stringContaining(reason)]);
    });

    it("accepts the largest metadata", async () => {
      expect((await create("depot", { registries: hosts(1) }, LARGEST_METADATA)).status).toBe(201);
    });

    it("shows Ready, Reason, Expires and Age, and with -o wide the registries and the message", async () => {
      const condition = {
        type: "Ready",
        status: "True",
        reason: "Issued",
        message: "iad.ocir.io until 10:31:05Z",
        lastTransitionTime: "2026-11-27T09:31:05Z",
      };
      const status = { conditions: [condition], expirationTime: "2026-11-27T10:31:05Z" };
      const path = `${resourcesPath("shop")}/${NAME}`;
      expect((await controller("PATCH", `${path}/status`, { status })).status).toBe(200);
      const accept = ["-H", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io"];
      const table = JSON.parse(await node.root.run("curl", ["-sS", ...BEARER, ...accept, `${API_SERVER}${path}`]));
      const columns = table.columnDefinitions.map(({ name, priority }: Readonly<Record<string, unknown>>) => [
        name,
        priority,
      ]);
      expect(columns.slice(1)).toEqual([
        ...["Ready", "Reason", "Expires", "Age"].map((name) => [name, 0]),
        ...["Registries", "Message"].map((name) => [name, 1]),
      ]);
      const [{ cells }] = table.rows;
      expect(cells.slice(0, 4)).toEqual([NAME, "True", "Issued", "2026-11-27T10:31:05Z"]);
      expect(cells.slice(5)).toEqual(['["iad.ocir.io"]', condition.message]);
    });
  });

  describe("the controller's account", () => {
    it("creates and renews a Secret of a listed name by server-side apply, and keeps its UID", async () => {
      const [first, second] = [await apply("shop"), await apply("shop", { data: token("new") })];
      expect([first.status, second.status]).toEqual([201, 200]);
      expect(second.body["metadata"]).toMatchObject({ uid: (first.body as never as Created).metadata.uid });
    });

    it("adds and removes the label and the keys of formats", async () => {
      const labels = { ...LABELS, "argocd.argoproj.io/secret-type": "repo-creds" };
      const formatted = await apply("shop", { labels, data: { ...token("new"), ...KEYS_OF_FORMATS } });
      const plain = await apply("shop", { data: token("new") });
      expect([formatted.status, plain.status]).toEqual([200, 200]);
      expect(Object.keys(formatted.body["data"] as object).sort()).toEqual(
        [".dockerconfigjson", ...Object.keys(KEYS_OF_FORMATS)].sort(),
      );
      expect([plain.body["metadata"], Object.keys(plain.body["data"] as object)]).toEqual([
        expect.objectContaining({ labels: LABELS }),
        [".dockerconfigjson"],
      ]);
    });

    it.each([
      ["Secrets", "/api/v1/secrets"],
      ["resources", `/apis/${API_VERSION}/ocirpullsecrets`],
    ])("lists and watches %s of all namespaces by a listed name only", async (_what, collection) => {
      const list = (query: string) => controller("GET", `${collection}?${query}`);
      const allowed = `fieldSelector=metadata.name%3D${NAME}`;
      const responses = [list(allowed), list("fieldSelector=metadata.name%3Dother"), list("")];
      expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([200, 403, 403]);
      const as = ["-H", `Impersonate-User: ${CONTROLLER}`, "-o", "/dev/null", "-w", "%{http_code}"];
      const url = `${API_SERVER}${collection}?watch=1&timeoutSeconds=1`;
      const watch = async (query: string) =>
        Number(await node.root.run("curl", ["-sS", ...BEARER, ...as, `${url}&${query}`]));
      expect([await watch(allowed), await watch("")]).toEqual([200, 403]);
    });

    it.each<[string, string, string, object?]>([
      ["create a Secret by POST", "POST", `${namespacePath("other")}/secrets`, secret(NOBODYS_UID)],
      ["apply a Secret of another name", "APPLY", secretPath("other", "b"), secret(NOBODYS_UID, { name: "b" })],
      ["get a Secret", "GET", `${namespacePath("shop")}/secrets/${NAME}`],
      ["delete a Secret", "DELETE", `${namespacePath("shop")}/secrets/${NAME}`],
      ["replace a Secret", "PUT", `${namespacePath("shop")}/secrets/${NAME}`, secret(NOBODYS_UID)],
      ["request a token of another account", "POST", tokenPath("other", "default"), tokenRequest()],
      ["read a service account", "GET", `${namespacePath("shop")}/serviceaccounts/${NAME}`],
      ["change a service account", "PATCH", `${namespacePath("shop")}/serviceaccounts/${NAME}`, {}],
      ["change a resource", "PATCH", `${resourcesPath("shop")}/${NAME}`, { metadata: { labels: { a: "b" } } }],
      ["delete a resource", "DELETE", `${resourcesPath("shop")}/${NAME}`],
      ["list namespaces", "GET", NAMESPACES],
      ["read another Lease", "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/ocir-pull-secrets"],
    ])("may not %s", async (_what, method, path, body) => {
      const response = await controller(method, path, body);
      expect([response.status, response.body.message]).toEqual([403, expect.stringContaining(`User "${CONTROLLER}"`)]);
    });

    it.each(DENIED_SECRETS)("may not apply a Secret %s, or change one to it", async (_what, fields, reason) => {
      expectPolicy(await apply("depot", fields), reason);
      // The API server lets nobody change the type.
      if (fields.type === undefined) expectPolicy(await apply("shop", fields), reason);
    });

    it("renews a Secret to which a tenant has added its own metadata, and may not change that", async () => {
      const path = `${namespacePath("shop")}/secrets/${NAME}`;
      await node.api.request("PATCH", path, { metadata: THEIRS });
      expect((await apply("shop", { data: token("newer") })).body["metadata"]).toMatchObject(THEIRS);
      for (const field of Object.keys(THEIRS))
        expectPolicy(await controller("PATCH", path, { metadata: { [field]: null } }), "");
      for (const field of ["labels", "annotations"])
        expectPolicy(await controller("PATCH", path, { metadata: { [field]: { theirs: "b" } } }), "only our data");
      const removed = { labels: { theirs: null }, annotations: { theirs: null }, finalizers: null };
      await node.api.request("PATCH", path, { metadata: removed });
    });

    it("gives a Secret to the recreated resource", async () => {
      const recreated = { ownerReferences: [ownerReference("00000000-0000-0000-0000-000000000001")] };
      expect((await apply("shop", recreated, "&dryRun=All")).status).toBe(200);
    });

    it("may report Events about resources", async () => {
      const response = await controller("POST", `${namespacePath("shop")}/events`, event({}));
      expect([response.status, response.body.message]).toEqual([201, "text"]);
    });

    it.each(DENIED_EVENTS)("may not report an Event %s", async (_what, fields) => {
      const response = await controller("POST", `${namespacePath("shop")}/events`, event(fields));
      expectPolicy(response, "");
    });

    it("may request a token of a listed account for 600 s only, and for no pod", async () => {
      const request = (spec: object) => controller("POST", tokenPath("shop", NAME), tokenRequest(spec));
      expect((await request({ expirationSeconds: 600 })).status).toBe(201);
      expectPolicy(await request({ expirationSeconds: 3_600 }), "for 600 s only");
      const boundObjectRef = { apiVersion: "v1", kind: "Secret", name: NAME };
      expectPolicy(await request({ expirationSeconds: 600, boundObjectRef }), "for 600 s only");
    });

    it("never takes a person's Secret: without force it conflicts, and force is denied", async () => {
      const path = `${namespacePath("other")}/secrets`;
      await node.api.request("POST", `${path}?fieldManager=a-person`, loginSecret(NAME, login("theirs")));
      const conflict = await apply("other", { data: token("ours") });
      expect([conflict.status, conflict.body.message]).toEqual([409, expect.stringContaining('"a-person"')]);
      expectPolicy(await apply("other", { data: token("ours") }, "&force=true"), "and an existing one have had it");
      await node.api.request("DELETE", `${path}/${NAME}`);
    });

    it.each<[string, object, SecretFields]>([
      ["of another type", { type: "Opaque" }, {}],
      ["that is immutable", { immutable: true }, { data: token("new") }],
    ])(
      "cannot apply over a Secret %s that has our label, which is 422, a conflict for the controller",
      async (_what, theirs, ours) => {
        const path = secretPath("depot");
        // The garbage collector would delete a Secret whose owner does not exist.
        const before = { ...secret(uids["depot"] as string), ...theirs };
        expect((await requestAs(node.root)("APPLY", path, before)).status).toBe(201);
        expect((await apply("depot", ours)).status).toBe(422);
        await node.api.request("DELETE", path);
      },
    );

    it("sees from the response that an account is missing, and that this is not a missing path", async () => {
      await node.api.createNamespace("empty");
      const missing = await controller("POST", tokenPath("empty", NAME), tokenRequest());
      expect([missing.status, missing.body["details"]]).toEqual([404, { kind: "serviceaccounts", name: NAME }]);
    });

    it.each(["ocir-pull-secrets", "ocir-pull-secrets-resources"])(
      "has a policy %s whose expressions match the objects' types",
      async (name) => {
        const { status } = await node.api.request<V1ValidatingAdmissionPolicy>("GET", `${POLICIES}/${name}`);
        expect(status?.typeChecking?.expressionWarnings ?? []).toEqual([]);
      },
    );

    it("may take and renew its own Lease", async () => {
      expect((await controller("PATCH", LEASE, { spec: { holderIdentity: "a" } })).status).toBe(200);
      await node.api.request("PATCH", LEASE, { spec: { holderIdentity: null } });
    });
  });

  it.each([
    ["admin", 201],
    ["edit", 201],
    ["view", 403],
  ])(
    "a person with the role %s in one namespace may see resources there; creating one returns %i; none elsewhere",
    async (role, status) => {
      await node.api.request("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", {
        metadata: { name: `tenant-${role}` },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: `tenant-${role}` }],
      });
      const tenant = requestAs(node.root, `tenant-${role}`);
      const list = async (namespace: string) => (await tenant("GET", resourcesPath(namespace))).status;
      await until("the roles are aggregated", async () => (await list("shop")) === 200, 60_000);
      const another = pullSecret({ registries: ["iad.ocir.io"] }, { name: "tried" });
      const creation = (namespace: string) => tenant("POST", `${resourcesPath(namespace)}?dryRun=All`, another);
      expect([(await creation("shop")).status, (await creation("depot")).status]).toEqual([status, 403]);
      expect(await list("depot")).toBe(403);
      const patch = await tenant("PATCH", `${resourcesPath("shop")}/${NAME}/status`, { status: {} });
      expect(patch.status).toBe(403);
    },
  );

  describe("with the controller's own identity, and without the extra host", () => {
    beforeAll(async () => {
      await node.api.request("POST", resourcesPath("other"), pullSecret({ registries: [EXTRA_HOST] }));
      expect((await apply("depot", withToken)).status).toBe(201);
      const own = { type: "controller", namespaces: ["shop"], namespaceSelector: SELECTOR };
      await helm(node, "upgrade", { identity: own });
    });

    it("gives a token to the listed namespaces only, and empties the Secrets of others", async () => {
      await until("depot is not listed", async () => isDeniedByPolicy(await apply("depot", withToken)), 60_000);
      const hidden = { data: { ".dockerconfigjson": '{"auths":{}}', password: "a" } };
      for (const fields of [withToken, hidden])
        expectPolicy(await apply("depot", fields), "only namespaces of the values identity.namespaces");
      expect([(await apply("shop", withToken)).status, (await apply("depot")).status]).toEqual([200, 200]);
    });

    it.each<[labels: object, isSelected: boolean]>([
      [{ pulls: "enabled" }, true],
      [{ pulls: "enabled", team: "b" }, true],
      [{ pulls: "disabled" }, false],
      [{ team: "b" }, false],
      [{ pulls: "enabled", team: "a" }, false],
      [{ pulls: "enabled", frozen: "" }, false],
    ])("decides as the controller's watch whether the labels %o select a namespace: %s", async (labels, isSelected) => {
      const all = { pulls: null, team: null, frozen: null, ...labels };
      await node.api.request("PATCH", namespacePath("depot"), { metadata: { labels: all } });
      const { spec } = await node.api.request<V1Deployment>("GET", DEPLOYMENT);
      const { env = [] } = spec?.template.spec?.containers[0] ?? {};
      const selector = env.find(({ name }) => name === "OCIR_PULL_SECRETS_NAMESPACE_SELECTOR")?.value ?? "";
      const { body } = await controller("GET", `${NAMESPACES}?labelSelector=${encodeURIComponent(selector)}`);
      expect((body["items"] as Created[]).map(({ metadata }) => metadata.name)).toEqual(isSelected ? ["depot"] : []);
      const isDecided = async () => isDeniedByPolicy(await apply("depot", withToken, "&dryRun=All")) !== isSelected;
      await until("the policy has seen the labels", isDecided, 60_000);
    });

    it("denies the host that the chart no longer names, but not other changes of a resource that has it", async () => {
      const change = async (body: object) =>
        (await requestAs(node.root)("PATCH", `${resourcesPath("other")}/${NAME}?dryRun=All`, body)).status;
      const another = { spec: { registries: ["iad.ocir.io", EXTRA_HOST] } };
      await until("the policy has changed", async () => (await change(another)) === 422, 60_000);
      expect(await change({ metadata: { labels: { a: "b" } } })).toBe(200);
    });

    it("denies a service account in a resource, and every token of one", async () => {
      const spec = { registries: ["iad.ocir.io"], serviceAccountName: NAME };
      const isDenied = async () => (await create("depot", spec)).status === 422;
      await until("the definition has changed", isDenied, 60_000);
      expect((await create("depot", spec)).body.message).toContain("the controller uses its own identity");
      expect((await controller("POST", tokenPath("shop", NAME), tokenRequest())).status).toBe(403);
    });
  });

  it.each<[string, object, string[], string[] | undefined]>([
    // The API server fills in its own before the policy sees the request.
    ["the API server's audience", { "identity.audiences": [ISSUER] }, [ISSUER], undefined],
    ["an identity domain", { "identity.domain": DOMAIN }, [DOMAIN.audience], [DOMAIN.audience]],
  ])("with %s allows tokens for this audience only", async (_what, values, [audience = ""], requested) => {
    await helm(node, "upgrade", values as Record<string, unknown>);
    const request = (audiences?: string[]) =>
      controller("POST", tokenPath("shop", NAME), tokenRequest({ expirationSeconds: 600, audiences }));
    const isInForce = async () => isDeniedByPolicy(await request(["a"])) && (await request(requested)).status === 201;
    await until("the values are in force", isInForce, 60_000);
    for (const others of [[audience, "a"], ...(requested === undefined ? [] : [undefined])])
      expectPolicy(await request(others), "for the audience of the chart's values only");
  });

  it("leaves the resources and their Secrets after an uninstallation", async () => {
    await helm(node, "uninstall");
    const resource = await node.api.request("GET", `${resourcesPath("shop")}/${NAME}`);
    expect(resource).toMatchObject({ metadata: { uid: uids["shop"] } });
    expect(await node.api.request("GET", `${namespacePath("shop")}/secrets/${NAME}`)).toMatchObject({ kind: "Secret" });
  });
});

interface Created {
  readonly metadata: { readonly uid: string; readonly name: string };
}

const withToken: SecretFields = { data: token("x") };

const BY_POLICY = "ValidatingAdmissionPolicy 'ocir-pull-secrets'";

/** And not by the account's rights, which the API server may still know as they were before an upgrade. */
function isDeniedByPolicy({ status, body }: Response): boolean {
  return status === 403 && body.message?.includes(BY_POLICY) === true;
}

function expectPolicy({ status, body }: Response, reason: string): void {
  expect([status, body.message]).toEqual([403, expect.stringContaining(BY_POLICY)]);
  expect(body.message).toContain(reason);
}

function hosts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `xx-somewhere-${index + 1}.ocir.io`);
}

function fieldsOf(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, "x"]));
}

function ownedBy(fields: object): SecretFields {
  return { ownerReferences: [{ ...ownerReference("a"), ...fields }] };
}

function serviceAccountToken(): SecretFields {
  const annotations = { "kubernetes.io/service-account.name": "default" };
  return { type: "kubernetes.io/service-account-token", annotations, data: {} };
}

function tokenPath(namespace: string, account: string): string {
  return `${namespacePath(namespace)}/serviceaccounts/${account}/token`;
}

function tokenRequest(spec: object = { expirationSeconds: 600 }): object {
  return { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
}

function event(fields: object): object {
  const object = { apiVersion: API_VERSION, kind: "OCIRPullSecret", namespace: "shop", name: NAME, uid: NOBODYS_UID };
  const known = { type: "Normal", reason: "Issued", message: "text", pod: "pod-1", wallMs: 0 } as const;
  return { ...newEvent({ namespace: "shop", object, ...known }), ...fields };
}

function token(password: string): Record<string, string> {
  return { ".dockerconfigjson": JSON.stringify({ auths: login(password) }) };
}

function login(password: string) {
  return { "iad.ocir.io": { username: "BEARER_TOKEN", password } };
}
