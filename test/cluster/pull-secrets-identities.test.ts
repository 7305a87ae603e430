/**
 * Whose tokens the Secrets have, for each identity that the chart offers, with real pods and tokens of a real API server: the controller's
 * own service account, its node's instance principal, and service accounts at an identity domain. Everything that is ever written
 * into a Secret is recorded. Each test continues from the previous one's state.
 */
import type { V1Secret } from "@kubernetes/client-node";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { describeUnless } from "../system/describe-unless.ts";
import { canRunCluster, lackOfTime } from "./can-run-cluster.ts";
import { loginsIn } from "./docker-logins.ts";
import { givenPullSecrets } from "./given.ts";
import { API_SERVER, BEARER, namespacePath } from "./kubernetes-api.ts";
import { CLOUD_HOSTS, imageOf, REGISTRY_HOST } from "./node-files.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { NEWEST_MINOR } from "./programs.ts";
import { NAME, RELEASE_NAMESPACE } from "./pull-secret-objects.ts";

const RECORD = "/var/log/secrets-watch.json";
const LIMIT_MS = 60_000;
const AUDIENCE = "ocir";
const DOMAIN = CLOUD_HOSTS["10.99.0.3"];
const CLIENT = { id: "pulls", secret: "s3cret-of-the-client" };
const skipped = lackOfTime ?? canRunCluster([NEWEST_MINOR]) ?? lackOfPodNetwork();

describeUnless(skipped, "identities of pull secrets on a real Kubernetes", () => {
  const cluster = givenPullSecrets({ minor: NEWEST_MINOR });

  beforeAll(async () => {
    const { root, api } = cluster.node;
    const watch = `${API_SERVER}/api/v1/secrets?watch=1&fieldSelector=metadata.name%3D${NAME}`;
    const output = `--property=StandardOutput=file:${RECORD}`;
    await root.run("systemd-run", ["--quiet", "--unit", "secrets-watch", output, "curl", "-sSN", ...BEARER, watch]);
    for (const namespace of ["listed", "second", "outside"]) await cluster.createTenant(namespace);
    await api.request("POST", `${namespacePath(RELEASE_NAMESPACE)}/secrets`, {
      metadata: { name: "domain-client" },
      stringData: { "client-secret": CLIENT.secret },
    });
  });

  const grant = (namespace: string, to: object) =>
    cluster.node.control("/iam", { repository: `acme/${namespace}`, granted: true, ...to });
  const auths = async (namespace: string) => Object.keys(loginsIn(await cluster.secret(namespace)));

  async function pulls(namespace: string, group: string): Promise<void> {
    const withSecret = { imagePullSecrets: [{ name: NAME }] };
    const pods = cluster.pods(namespace);
    await pods.untilRunning(await pods.create(group, 1, () => imageOf(namespace), withSecret));
  }

  /** Whose tokens a Secret of the namespace ever had. */
  function holders(namespace: string): string[] {
    const events = cluster.node.root.read(RECORD).toString().trim().split("\n");
    const secrets = events.map((line) => (JSON.parse(line) as { object: V1Secret }).object);
    const ofNamespace = secrets.filter(({ metadata }) => metadata?.namespace === namespace);
    const tokens = ofNamespace.flatMap((secret) => Object.values(loginsIn(secret)).map(({ password }) => password));
    return [...new Set(tokens.map(holderOf))];
  }

  it("gives the token of the controller's own service account to the listed namespaces only", async () => {
    await grant("listed", { serviceAccount: `${RELEASE_NAMESPACE}/ocir-pull-secrets` });
    await cluster.upgrade({ identity: { type: "controller", namespaces: ["listed"] } });
    for (const namespace of ["listed", "second", "outside"]) await cluster.createResource(namespace);
    await pulls("listed", "workload");
    for (const namespace of ["second", "outside"]) await cluster.untilReason(namespace, "NamespaceNotAllowed");
  });

  it("gives the token of the node's instance principal, and empties the Secret of a namespace that leaves the list", async () => {
    await grant("second", {});
    await cluster.upgrade({ identity: { type: "controller", principal: "instance", namespaces: ["second"] } });
    await pulls("second", "instance");
    await cluster.untilReason("listed", "NamespaceNotAllowed");
    await until("the Secret is empty", async () => (await auths("listed")).length === 0, LIMIT_MS);
    expect(await auths("second")).toEqual([REGISTRY_HOST]);
    expect([holders("listed"), holders("second"), holders("outside")]).toEqual([
      [`${RELEASE_NAMESPACE}/ocir-pull-secrets`],
      ["instance"],
      [],
    ]);
  });

  it("gives each namespace the token of its own account's service user, exchanged at an identity domain", async () => {
    const serviceUsers = ["listed", "outside"].map((namespace) => ({
      rule: `sub eq system:serviceaccount:${namespace}:${NAME}`,
      name: namespace,
      group: `pullers-of-${namespace}`,
    }));
    const oauthClients = { [CLIENT.id]: CLIENT.secret };
    const trust = { audience: AUDIENCE, oauthClients, serviceUsers };
    await cluster.node.control("/trusts", trust);
    for (const namespace of ["listed", "outside"]) await grant(namespace, { group: `pullers-of-${namespace}` });
    const domain = { url: `https://${DOMAIN}`, audience: AUDIENCE, clientId: CLIENT.id, clientSecret: "domain-client" };
    await cluster.upgrade({ identity: { type: "serviceAccount", domain } });
    for (const namespace of ["listed", "outside"]) await pulls(namespace, "domain");
    expect(holders("outside")).toEqual(["ocid1.user.oc1..outside"]);
    // The trust knows no user for it; the instance's token does not stay meanwhile.
    await until("second is emptied", async () => (await auths("second")).length === 0, LIMIT_MS);
    expect(holders("second")).toEqual(["instance"]);
  });
});

/** A service account, a user, or `instance`. */
function holderOf(token: string): string {
  const claims = parseJwt(token).claims as Readonly<Record<string, string>>;
  if (claims["service_account"] !== undefined) return `${claims["namespace"]}/${claims["service_account"]}`;
  return claims["ptype"] === "instance" ? "instance" : String(claims["sub"]);
}
