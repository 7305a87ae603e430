import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { runCommand } from "../../test/command-run.ts";

const AUDIENCE = "https://kubernetes.default.svc.cluster.local";
const grants = (...args: string[]) => runCommand("kubelet-config", "grants", AUDIENCE, ...args);

test("kubelet-config grants prints RBAC for nodes, limited to the audience", async () => {
  const { stdout, exitCode } = await grants();
  expect(exitCode).toBe(0);
  const [role, binding] = parseAllDocuments(stdout).map((document) => document.toJS());
  const verbs = ["request-serviceaccounts-token-audience"];
  expect(role).toMatchObject({ kind: "ClusterRole", rules: [{ apiGroups: [""], resources: [AUDIENCE], verbs }] });
  expect(binding).toMatchObject({
    kind: "ClusterRoleBinding",
    roleRef: { kind: "ClusterRole", name: role.metadata.name },
    subjects: [{ kind: "Group", name: "system:nodes" }],
  });
});

test("kubelet-config grants prints the policy for one service account", async () => {
  const args = ["--service-account", "shop/puller", "--cluster", "ocid1.cluster.oc1.iad.x", "--compartment", "images"];
  expect((await grants(...args)).stdout).toBe(
    "Allow any-user to read repos in compartment images where all {request.principal.type = 'workload', " +
      "request.principal.namespace = 'shop', request.principal.service_account = 'puller', " +
      "request.principal.cluster_id = 'ocid1.cluster.oc1.iad.x'}\n",
  );
});

test("kubelet-config grants and merge refuse an audience that is an option", async () => {
  const line = /'-x' is invalid( for argument 'audience')?: it is empty, begins with -, /;
  expect((await runCommand("kubelet-config", "grants", "--", "-x")).stderr).toMatch(line);
  expect((await runCommand("kubelet-config", "merge", "/nowhere", "--service-accounts=-x")).stderr).toMatch(line);
});

test.each([
  ["--service-account", "shop"],
  ["--service-account", "shop/puller'} any"],
  ["--cluster", "x' y"],
])("kubelet-config grants refuses %s %s", async (...args) => {
  expect((await grants(...args)).exitCode).not.toBe(0);
});
