/** The chart of pull secrets with the real helm: valid objects for all values, refused values, and one API group. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import type { IDeployment } from "kubernetes-models/apps/v1";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { errorsOf } from "../daemonset/kubernetes-schema.ts";
import { type KubernetesObject, objectsIn } from "../daemonset/manifest.ts";
import { chartNamed, optionsFor } from "./helm/chart.ts";
import { buildHelm, lackOfHelm } from "./helm/helm-program.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
// Another release than the chart's name, so that no object may depend on the two being equal.
const { template, refusalOf, notes } = chartNamed(
  "ocir-pull-secrets",
  "registry.example.com/ocir-pull-secrets",
  "pulls",
);
const render = (values: Readonly<Record<string, unknown>> = {}) => objectsIn(template(...optionsFor(values)));
const DIGEST = `sha256:${"0".repeat(64)}`;

/** Values that are the pods' fields of the same names. */
const OF_PODS = {
  affinity: { podAntiAffinity: {} },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: "topology.kubernetes.io/zone",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: { "app.kubernetes.io/name": "ocir-pull-secrets" } },
    },
  ],
};

describe.skipIf(lackOfHelm !== "")(`deploy/helm/ocir-pull-secrets${lackOfHelm}`, () => {
  beforeAll(buildHelm, 600_000);

  const podOf = (objects: readonly KubernetesObject[]) => {
    const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as IDeployment;
    const spec = deployment.spec?.template.spec;
    const [container] = spec?.containers ?? [];
    if (spec === undefined || container === undefined) throw new Error("no container");
    return { spec, container, replicas: deployment.spec?.replicas };
  };
  const environmentOf = (objects: readonly KubernetesObject[]) =>
    Object.fromEntries((podOf(objects).container.env ?? []).map(({ name, value }) => [name, value]));

  it("renders valid objects that apply every value", async () => {
    const objects = render({
      image: { repository: "icn.ocir.io/acme/ocir-pull-secrets", digest: DIGEST },
      names: ["ocir-pull", "flux-ocir"],
      "registries.extraHosts": ["us.registry.example", "mirror.example:5000"],
      "identity.domain": { url: "https://idcs.example.com", audience: "ocir", clientId: "id", clientSecret: "client" },
      resources: { requests: { cpu: "1", memory: "512Mi" }, limits: { cpu: "2", memory: "1Gi" } },
      extraVolumes: [{ name: "ca", configMap: { name: "company-ca" } }],
      extraVolumeMounts: [{ name: "ca", mountPath: "/etc/company-ca", readOnly: true }],
      ...OF_PODS,
      replicas: 3,
      podDisruptionBudget: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" },
      // The chart's own labels cannot be replaced.
      commonLabels: { "example.com/owner": "platform", "app.kubernetes.io/name": "other" },
      "networkPolicy.prometheusNamespace": "monitoring",
      podMonitor: { enabled: true, interval: "15s", labels: { release: "prometheus" } },
      prometheusRule: { enabled: true, labels: { release: "prometheus" } },
      "dashboard.enabled": true,
    });
    const ofOperator = objects.filter(({ apiVersion }) => apiVersion === "monitoring.coreos.com/v1");
    expect(await errorsOf(objects.filter((object) => !ofOperator.includes(object)))).toEqual([]);
    expect(ofOperator.map(({ kind }) => kind).sort()).toEqual(["PodMonitor", "PrometheusRule"]);
    const labels = { "app.kubernetes.io/name": "ocir-pull-secrets", "example.com/owner": "platform" };
    for (const { kind, metadata } of objects) expect(metadata, kind).toMatchObject({ labels });
    const podMonitor = ofOperator.find(({ kind }) => kind === "PodMonitor");
    expect(podMonitor).toMatchObject({
      metadata: { labels: { release: "prometheus" } },
      spec: { podMetricsEndpoints: [{ port: "http", interval: "15s" }] },
    });
    const { spec, container, replicas } = podOf(objects);
    expect(objects).toContainEqual(
      expect.objectContaining({
        kind: "PodDisruptionBudget",
        spec: expect.objectContaining({ maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" }),
      }),
    );
    expect(replicas).toBe(3);
    expect(spec).toMatchObject({
      ...OF_PODS,
      volumes: [
        { name: "client-secret", secret: { secretName: "client" } },
        { name: "ca", configMap: { name: "company-ca" } },
      ],
    });
    expect(container.volumeMounts).toEqual([
      expect.objectContaining({ name: "client-secret" }),
      { name: "ca", mountPath: "/etc/company-ca", readOnly: true },
    ]);
    expect(container).toMatchObject({
      image: `icn.ocir.io/acme/ocir-pull-secrets@${DIGEST}`,
      resources: { requests: { cpu: "1", memory: "512Mi" }, limits: { cpu: "2", memory: "1Gi" } },
    });
    expect(environmentOf(objects)).toMatchObject({
      OCIR_PULL_SECRETS_NAMES: "ocir-pull,flux-ocir",
      OCIR_PULL_SECRETS_EXTRA_HOSTS: "us.registry.example,mirror.example:5000",
      OCIR_PULL_SECRETS_IDENTITY: "serviceAccount",
      OCIR_PULL_SECRETS_IDENTITY_DOMAIN: "https://idcs.example.com",
      OCIR_PULL_SECRETS_AUDIENCE: "ocir",
      OCIR_PULL_SECRETS_CLIENT_ID: "id",
    });
  });

  it("uses the release's name everywhere, and mounts a company's CA as the README does", async () => {
    const readme = readFileSync(join(CHECKOUT, "deploy/helm/ocir-pull-secrets/README.md"), "utf8");
    const [, example = ""] = /company's CA\*\*.*?```yaml\n(.*?)```/s.exec(readme) ?? [];
    const ofReadme = parse(example);
    const objects = render({
      ...ofReadme,
      nameOverride: "pulls",
      "serviceAccount.annotations": { "example.com/account": "a" },
      identity: { type: "controller", namespaces: ["shop"] },
      podDisruptionBudget: { maxUnavailable: 1 },
      "networkPolicy.prometheusNamespace": "monitoring",
      podMonitor: { enabled: true },
    });
    const account = objects.find(({ kind }) => kind === "ServiceAccount");
    expect(account?.metadata).toMatchObject({ annotations: { "example.com/account": "a" } });
    const { spec, container } = podOf(objects);
    expect(spec.serviceAccountName).toBe("pulls");
    expect(environmentOf(objects)).toMatchObject({
      OCIR_PULL_SECRETS_SERVICE_ACCOUNT: "pulls",
      SSL_CERT_FILE: "/etc/company-ca/ca.crt",
    });
    expect(spec.volumes).toEqual(ofReadme.extraVolumes);
    expect(container.volumeMounts).toEqual(ofReadme.extraVolumeMounts);
    const selected = { matchLabels: { "app.kubernetes.io/name": "pulls" } };
    for (const kind of ["Deployment", "PodDisruptionBudget", "PodMonitor"])
      expect(
        objects.find((object) => object.kind === kind),
        kind,
      ).toMatchObject({ spec: { selector: selected } });
    expect(objects.find(({ kind }) => kind === "NetworkPolicy")).toMatchObject({ spec: { podSelector: selected } });
  });

  it("closes the port to all but the namespace of Prometheus, unless a value says otherwise", () => {
    const rulesOf = (values: Readonly<Record<string, unknown>>) =>
      render(values).flatMap((object) => (object.kind === "NetworkPolicy" && "spec" in object ? [object.spec] : []));
    const podSelector = { matchLabels: { "app.kubernetes.io/name": "ocir-pull-secrets" } };
    const closed = { podSelector, policyTypes: ["Ingress"], ingress: [] };
    const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } };
    const open = { from: [{ namespaceSelector }], ports: [{ port: "http" }] };
    expect(rulesOf({})).toEqual([closed]);
    expect(rulesOf({ "networkPolicy.prometheusNamespace": "monitoring" })).toEqual([{ ...closed, ingress: [open] }]);
    expect(rulesOf({ "networkPolicy.enabled": false, "podMonitor.enabled": true })).toEqual([]);
  });

  it("gives the controller its namespaces, and no right to tokens, with its own identity", async () => {
    const matchExpressions = [{ key: "team", operator: "NotIn", values: ["a", "b"] }];
    const namespaceSelector = { matchLabels: { pulls: "enabled" }, matchExpressions };
    const namespaces = ["shop", "depot"];
    const objects = render({ identity: { type: "controller", principal: "instance", namespaces, namespaceSelector } });
    expect(await errorsOf(objects)).toEqual([]);
    expect(environmentOf(objects)).toMatchObject({
      OCIR_PULL_SECRETS_IDENTITY: "controller",
      OCIR_PULL_SECRETS_PRINCIPAL: "instance",
      OCIR_PULL_SECRETS_NAMESPACES: "shop,depot",
      OCIR_PULL_SECRETS_NAMESPACE_SELECTOR: "team notin (a,b),pulls in (enabled)",
    });
    const account = objects.find(
      ({ kind, metadata }) => kind === "ClusterRole" && metadata.name === "ocir-pull-secrets",
    );
    expect(JSON.stringify(account)).not.toContain("serviceaccounts");
  });

  it("meets the Pod Security Standard restricted", () => {
    const { spec, container } = podOf(render());
    expect(spec).toMatchObject({ securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } } });
    for (const field of ["hostNetwork", "hostPID", "hostIPC", "volumes"]) expect(spec).not.toHaveProperty(field);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  it("leaves out what virtual nodes refuse, with virtualNodes", () => {
    const { spec, container } = podOf(render({ virtualNodes: true }));
    const text = JSON.stringify(spec);
    const refused = [
      "fsGroup",
      "seccompProfile",
      "sizeLimit",
      "initContainers",
      "grpc",
      "terminationGracePeriodSeconds",
    ];
    expect(refused.filter((field) => text.includes(`"${field}"`))).toEqual([]);
    expect(container.resources?.limits).toEqual(container.resources?.requests);
    // The limit makes the program slow.
    for (const probe of ["livenessProbe", "readinessProbe"] as const) expect(container[probe]?.timeoutSeconds).toBe(5);
  });

  it("keeps the definition at an uninstallation, unless a value says otherwise", () => {
    const annotationsOf = (objects: readonly KubernetesObject[]) =>
      objects.flatMap(({ kind, metadata }) => (kind === "CustomResourceDefinition" ? [metadata] : []));
    expect(annotationsOf(render())).toMatchObject([{ annotations: { "helm.sh/resource-policy": "keep" } }]);
    expect(annotationsOf(render({ "crd.keep": false }))[0]).not.toHaveProperty("annotations");
    expect(notes("--set", "crd.keep=false")).toContain(
      "Uninstalling this chart DELETES the resources and their Secrets.",
    );
  });

  it.each([
    ["names={*}", "/names/0"],
    // Each name costs two connections and 0.2 MiB of memory.
    [`names={${Array.from({ length: 101 }, (_, index) => `a${index}`)}}`, "/names"],
    ["registries.extraHosts={a.example:65536}", "/registries/extraHosts/0"],
    ["registries.extraHosts={https://a.example}", "/registries/extraHosts/0"],
    ["registries.extraHosts={*.example}", "/registries/extraHosts/0"],
    ["registries.extraHosts={a..example}", "/registries/extraHosts/0"],
    // A null removes the default, and the policy would not compile.
    ["registries.extraHosts=null", "missing property 'extraHosts'"],
    ["identity.type=controller,identity.namespaces=null", "missing property 'namespaces'"],
    ["names=null", "missing property 'names'"],
    ["identity.type=node", "/identity/type"],
    ["identity.type=controller", "identity.type=controller needs identity.namespaces or"],
    ["identity.principal=instance", "identity.principal=instance is for identity.type=controller only"],
    [
      "identity.type=controller,identity.namespaces={shop},identity.domain.url=https://idcs.example.com",
      "identity.domain.url is for identity.type=serviceAccount only",
    ],
    [
      "identity.namespaces={shop}",
      "identity.namespaces and identity.namespaceSelector are for identity.type=controller only",
    ],
    ["identity.namespaceSelector.matchLabels.a=b", "are for identity.type=controller only"],
    ['identity.namespaceSelector.matchLabels.a=b"', "/identity/namespaceSelector/matchLabels/a"],
    ["identity.namespaceSelector.matchExpressions[0].operator=In", "/identity/namespaceSelector/matchExpressions/0"],
    [
      "identity.type=controller,identity.namespaceSelector.matchExpressions[0].operator=In,identity.namespaceSelector.matchExpressions[0].key=a",
      "operator In of the key a needs values",
    ],
    [
      "identity.type=controller,identity.namespaceSelector.matchExpressions[0].operator=Exists,identity.namespaceSelector.matchExpressions[0].key=a,identity.namespaceSelector.matchExpressions[0].values={b}",
      "operator Exists of the key a allows no values",
    ],
    // Otherwise it would select all namespaces.
    ["identity.namespaceSelector.matchLabels=null", "/identity/namespaceSelector/matchLabels"],
    ["identity.domain.url=https://idcs.example.com", "identity.domain.url needs identity.domain.audience"],
    ["identity.domain.url=http://idcs.example.com", "/identity/domain/url"],
    ["identity.domain.audience=ocir", "identity.domain.audience needs identity.domain.url"],
    [
      "podMonitor.enabled=true",
      "podMonitor.enabled needs networkPolicy.prometheusNamespace while networkPolicy.enabled",
    ],
    ["resources.limits.memory=512", "resources.limits.memory is 512: give at least 20Mi, with a unit"],
    ["resources.requests.memory=19Mi", "resources.requests.memory is 19Mi: "],
    ["resources.limits.memory=512m", "resources.limits.memory is 512m: "],
    ["resources.memory=1Gi", "/resources"],
    ["podMonitor.interval=30", "/podMonitor/interval"],
    ["extraVolumes[0].emptyDir.medium=Memory", "/extraVolumes/0"],
    ["extraVolumeMounts[0].name=ca", "/extraVolumeMounts/0"],
    ["nameOverride=A", "/nameOverride"],
    ["extraEnv[0].name=OCIR_PULL_SECRETS_NAMES", "extraEnv has OCIR_PULL_SECRETS_NAMES: "],
    ["replicas=0", "/replicas"],
    ["topologySpreadConstraints[0].maxSkew=1", "/topologySpreadConstraints/0"],
    ["podDisruptionBudget.maxUnavalable=1", "/podDisruptionBudget"],
    ["replica=1", "replica"],
  ])("rejects %s", (value, place) => {
    expect(refusalOf("--set", value)).toContain(place);
  });
});

it("has the API group in one place, and in examples of pages", () => {
  const sources = globSync("{packages,deploy,test,monitoring,cloud-init}/**/*.{ts,json,yaml,tpl,sh,c,h}", {
    cwd: CHECKOUT,
    exclude: ["**/node_modules/**", "**/dist/**", "**/build/**"],
  });
  expect(sources.length).toBeGreaterThan(500);
  const found = sources.filter((file) => readFileSync(join(CHECKOUT, file), "utf8").includes(api.group));
  // The second is a link to the first.
  expect(found.sort()).toEqual([
    "deploy/helm/ocir-pull-secrets/files/api.json",
    "packages/protocol/src/pull-secret-api.json",
  ]);
  const pages = globSync(["*.md", "{docs,deploy}/**/*.md"], { cwd: CHECKOUT }).map((page) =>
    readFileSync(join(CHECKOUT, page), "utf8"),
  );
  const named = (pattern: RegExp) =>
    new Set(pages.flatMap((page) => [...page.matchAll(pattern)].map(([, name]) => name)));
  expect(named(/apiVersion: (\S+)\n\s*kind: OCIRPullSecret/g)).toEqual(new Set([`${api.group}/${api.version}`]));
  expect(named(/\bocirpullsecrets\.([\w.-]+)/g)).toEqual(new Set([api.group]));
});
