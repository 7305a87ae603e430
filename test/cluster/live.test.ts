/**
 * The first run in a tenancy (test/live) from start to end on a real Kubernetes, with the simulator as Oracle's services. Stand-ins for
 * terraform, which has no provider here, and for skopeo, because the simulator serves any image and keeps none.
 */
import { dirname, join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { makeHelmChart } from "../../packages/packaging/src/formats/helm-chart.ts";
import { ABSENT_NAMESPACE, ABSENT_REPOSITORY, QUESTIONS } from "../live/questions.ts";
import { VERSION } from "../system/install/archives.ts";
import { CONTROL_URL, NODE } from "../system/simulated-node.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenKubernetes } from "./given.ts";
import { loadImage, pullSecretsImage } from "./images.ts";
import { ADMIN_TOKEN, API_SERVER, CLUSTER_CA } from "./kubernetes-api.ts";
import { REGISTRY_HOST } from "./node-files.ts";
import { createReleaseNamespace, DEPLOYMENT, SIMULATED } from "./pull-secrets-cluster.ts";

const CHECKOUT = join(import.meta.dirname, "../..");

const RUN_LIMIT_MS = 900_000;
const RESULT = "/run/live-run.json";
const CALLS = "/run/live-calls";
const OUTPUTS = "/run/live-outputs.json";
const DEPLOYMENT_PATCH = "/run/live-deployment.json";
/** In the checkout, which is /opt/checkout inside the node. */
const PACKAGES = "dist/test-live";

const TERRAFORM = `#!/bin/sh
echo "terraform $1" >>${CALLS}
iam() { curl -sSf -d "{\\"repository\\":\\"\${2:-acme/live}\\",$1}" ${CONTROL_URL}/iam >/dev/null; }
case "$*" in
  output*) cat ${OUTPUTS} ;;
  apply*may_pull=true)
    for name in acme/${ABSENT_REPOSITORY} ${ABSENT_NAMESPACE}; do iam '"exists":false' "$name"; done
    iam '"granted":true' && iam '"serviceAccount":"ocir-live/puller","granted":true' ;;
  apply*may_pull=false) iam '"granted":false' ;;
esac
`;
const SKOPEO = `#!/bin/sh
case "$1 $2" in
  "inspect --raw")
    token=$(sed -n 's/.*"password":"\\([^"]*\\)".*/\\1/p' "$4")
    exec curl -sSf -H "Authorization: Bearer $token" https://${REGISTRY_HOST}/v2/acme/live/manifests/1 ;;
  "copy --all") shift ;;
esac
echo "skopeo $4 $5" >>${CALLS}
grep -q '"auth":"QkVBUkVSX1RPS0VOOm' "$3"
`;
/** The real one; the controller's pods then find the simulator. */
const HELM_FOR_SIMULATOR = `#!/bin/sh
HOME=/run /usr/bin/helm "$@" >/dev/null && curl -sSf --cacert ${CLUSTER_CA} -H 'Authorization: Bearer ${ADMIN_TOKEN}' \\
  -H 'Content-Type: application/apply-patch+yaml' --data-binary @${DEPLOYMENT_PATCH} -X PATCH \\
  '${API_SERVER}${DEPLOYMENT}?fieldManager=test' >/dev/null
`;

describeCluster("the first run in a tenancy", (minor) => {
  const node = givenKubernetes({ minor, hasHelm: true, hasPodNetwork: true });

  beforeAll(async () => {
    const made = await pullSecretsImage(join(CHECKOUT, PACKAGES));
    await makeHelmChart(
      { version: VERSION, epochS: 1_767_225_600 },
      { name: "ocir-pull-secrets", imageDigest: made.digest, alertRules: "groups: []\n" },
      { work: join(CHECKOUT, PACKAGES, "chart"), output: join(CHECKOUT, PACKAGES) },
    );
    await node.install();
    await loadImage(node, `/opt/checkout/${PACKAGES}/${made.image}`, `${REGISTRY_HOST}/acme/live`, made.digest);
    await createReleaseNamespace(node);
  });

  it("passes every step, finds no difference from the simulator, and writes no name of the tenancy", async () => {
    const { root } = node;
    root.write("/usr/local/bin/terraform", TERRAFORM, 0o755);
    root.write("/usr/local/bin/skopeo", SKOPEO, 0o755);
    root.write("/usr/local/bin/helm", HELM_FOR_SIMULATOR, 0o755);
    root.write(DEPLOYMENT_PATCH, JSON.stringify(SIMULATED));
    const kubeconfig = root.read("/etc/kubernetes/admin.conf").toString();
    const outputs = { registry_host: REGISTRY_HOST, namespace: "acme", repository: "live", kubeconfig };
    const values = Object.entries(outputs).map(([name, value]) => [name, { value }]);
    root.write(OUTPUTS, JSON.stringify(Object.fromEntries(values)));
    const tenancy = ["--region=us-ashburn-1", "--tenancy=ocid1.tenancy.a", "--compartment=ocid1.compartment.b"];
    const places = ["--on-node", "sh -s", "--packages", `/opt/checkout/${PACKAGES}`, "--output", RESULT];
    const command = ["/opt/checkout/test/live/main.ts", ...tenancy, ...places];
    const env = { PATH: `${dirname(NODE)}:/usr/local/bin:/usr/bin:/bin` };
    const { stderr, exitCode } = await root.exec(NODE, command, { env, timeoutMs: RUN_LIMIT_MS });
    const text = root.read(RESULT).toString();
    const { steps, differences, answers } = JSON.parse(text);
    expect(steps.filter(({ outcome }: { outcome: string }) => outcome !== "passed")).toEqual([]);
    expect([exitCode, differences], stderr).toEqual([0, []]);
    expect(Object.keys(answers)).toEqual(QUESTIONS.map(([name]) => name));
    expect(steps.map(({ name }: { name: string }) => name)).toEqual([
      ...["terraform apply", "push", "node", "pull", "doctor", "files", "questions", "policy taken", "policy given"],
      ...["pull secrets", "service accounts", "SELinux denials", "terraform destroy"],
    ]);
    expect(text).not.toMatch(/ocid1|acme|ashburn/);
    expect(root.read(CALLS).toString()).toBe(
      `${["init", "apply", "output"].map((name) => `terraform ${name}\n`).join("")}` +
        `skopeo docker://registry.k8s.io/pause:3.10 docker://${REGISTRY_HOST}/acme/live:1\n` +
        `skopeo oci-archive:/opt/checkout/${PACKAGES}/ocir-pull-secrets-${VERSION}.oci.tar ` +
        `docker://${REGISTRY_HOST}/acme/live:pull-secrets\n` +
        `${"terraform init\nterraform apply\nterraform output\n".repeat(2)}terraform destroy\n`,
    );
  });
});
