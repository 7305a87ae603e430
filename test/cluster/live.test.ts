/**
 * The first run in a tenancy (test/live) from start to end on a real Kubernetes, with the simulator as Oracle's services. Stand-ins for
 * terraform, which has no provider here, and for skopeo, because the simulator serves any image.
 */
import { beforeAll, expect, it } from "vitest";
import { makeArchives } from "../system/install/archives.ts";
import { NODE } from "../system/simulated-node.ts";
import { describeCluster } from "./describe-cluster.ts";
import { type KubernetesNode, startKubernetes } from "./kubernetes-node.ts";
import { REGISTRY_HOST } from "./node-files.ts";
import { CONTROL_URL } from "./services.ts";

const RUN_LIMIT_MS = 900_000;
const RESULT = "/run/live-run.json";
const CALLS = "/run/live-calls";
const OUTPUTS = "/run/live-outputs.json";

const TERRAFORM = `#!/bin/sh
echo "terraform $1" >>${CALLS}
iam() { curl -sSf -d "{\\"repository\\":\\"acme/live\\",$1}" ${CONTROL_URL}/iam >/dev/null; }
case "$*" in
  output*) cat ${OUTPUTS} ;;
  apply*may_pull=true) iam '"granted":true' && iam '"serviceAccount":"ocir-live/puller","granted":true' ;;
  apply*may_pull=false) iam '"granted":false' ;;
esac
`;
const SKOPEO = `#!/bin/sh
echo "skopeo $4 $5" >>${CALLS}
grep -q '"auth":"QkVBUkVSX1RPS0VOOm' "$3"
`;

describeCluster("the first run in a tenancy", (minor) => {
  let node: KubernetesNode;

  beforeAll(async () => {
    const [archives, started] = await Promise.all([makeArchives(), startKubernetes({ minor })]);
    node = started;
    const run = await node.install(archives.good);
    expect([run.exitCode, run.stderr]).toEqual([
      0,
      expect.stringMatching(/kubelet: --image-credential-provider-config/),
    ]);
    return () => node.stop();
  });

  it("passes every step, finds no difference from the simulator, and writes no name of the tenancy", async () => {
    const { root } = node;
    root.write("/usr/local/bin/terraform", TERRAFORM, 0o755);
    root.write("/usr/local/bin/skopeo", SKOPEO, 0o755);
    const kubeconfig = root.read("/etc/kubernetes/admin.conf").toString();
    const outputs = { registry_host: REGISTRY_HOST, namespace: "acme", repository: "live", kubeconfig };
    const values = Object.entries(outputs).map(([name, value]) => [name, { value }]);
    root.write(OUTPUTS, JSON.stringify(Object.fromEntries(values)));
    const tenancy = [
      "--region",
      "us-ashburn-1",
      "--tenancy",
      "ocid1.tenancy.a",
      "--compartment",
      "ocid1.compartment.b",
    ];
    const command = ["/opt/checkout/test/live/main.ts", ...tenancy, "--on-node", "sh -s", "--output", RESULT];
    const env = { PATH: "/usr/local/bin:/usr/bin:/bin" };
    const { stderr, exitCode } = await root.exec(NODE, command, { env, timeoutMs: RUN_LIMIT_MS });
    const text = root.read(RESULT).toString();
    const { steps, differences, transcript } = JSON.parse(text);
    expect(steps.filter(({ outcome }: { outcome: string }) => outcome !== "passed")).toEqual([]);
    expect([exitCode, differences, transcript.format], stderr).toEqual([0, [], 1]);
    expect(steps.map(({ name }: { name: string }) => name)).toEqual([
      ...["terraform apply", "push", "node", "pull", "doctor", "record", "policy taken", "policy given"],
      ...["service accounts", "SELinux denials", "terraform destroy"],
    ]);
    expect(text).not.toMatch(/ocid1|acme|ashburn/);
    expect(root.read(CALLS).toString()).toBe(
      `${["init", "apply", "output"].map((name) => `terraform ${name}\n`).join("")}` +
        `skopeo docker://registry.k8s.io/pause:3.10 docker://${REGISTRY_HOST}/acme/live:1\n` +
        `${"terraform init\nterraform apply\nterraform output\n".repeat(2)}terraform destroy\n`,
    );
  });
});
