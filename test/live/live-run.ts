/**
 * The steps of a first run in a tenancy, and their results without names of the tenancy. A step that fails does not end the run,
 * except Terraform's; everything that Terraform made is removed at the end.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audienceGrant } from "../audience-grant.ts";
import { runProgram } from "../run-program.ts";
import { type Cluster, clusterOf } from "./cluster.ts";
import { usePullSecrets } from "./pull-secrets.ts";
import { type Answers, differencesOf } from "./questions.ts";
import { simulatorAnswers } from "./simulator-answers.ts";
import { createTerraform, type Made } from "./terraform.ts";

export interface LiveOptions {
  readonly region: string;
  readonly tenancy: string;
  readonly compartment: string;
  readonly oracleLinux: string;
  readonly kubernetes: string;
  /** Copied into the repository; its container must keep running. */
  readonly image: string;
  /** Runs the shell script on its stdin on the node, as root. */
  readonly onNode?: readonly string[] | undefined;
  /** The executable. */
  readonly broker: string;
  /** The folder of `npm run package`. */
  readonly packages: string;
  readonly version: string;
  readonly say: (line: string) => void;
}

interface Step {
  readonly name: string;
  readonly outcome: "passed" | "failed";
  readonly seconds: number;
  /** What was found, or why it failed. */
  readonly found: unknown;
}

const NAMESPACE = "ocir-live";
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";

export async function liveRun(options: LiveOptions) {
  const { version, oracleLinux, say } = options;
  const folder = mkdtempSync(join(tmpdir(), "ocir-live-"));
  const terraform = createTerraform(options, folder);
  const steps: Step[] = [];
  let hidden: readonly string[] = [options.tenancy, options.compartment];
  let answers: Answers | undefined;
  let differences: readonly string[] = [];

  /** Only what `show` returns becomes part of the result. */
  async function step<T>(
    name: string,
    work: () => Promise<T>,
    show: (found: T) => unknown = (found) => found ?? null,
  ): Promise<T | undefined> {
    say(`${name} …`);
    const startedAtMs = performance.now();
    const seconds = () => Math.round((performance.now() - startedAtMs) / 1_000);
    try {
      const found = await work();
      steps.push({ name, outcome: "passed", seconds: seconds(), found: withoutNames(show(found), hidden) });
      say(`${name}: passed after ${seconds()} s`);
      return found;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // In this order: of a name that is cut, the rest would stay.
      const found = shortened(String(withoutNames(message, hidden)));
      steps.push({ name, outcome: "failed", seconds: seconds(), found });
      say(`${name}: failed: ${shortened(message)}`);
      return undefined;
    }
  }

  async function onCluster(made: Made): Promise<void> {
    const cluster = clusterOf({ ...made, onNode: options.onNode, namespace: NAMESPACE, folder });
    const { image } = made;
    await step("push", () => push(options, made, folder));
    await step("node", async () => ({ ...(await cluster.untilNodeReady()), selinux: await enforceSelinux(cluster) }));
    await step("pull", () => cluster.untilRunning("first", image));
    await step("doctor", async () =>
      findingsOf(await cluster.onNode(`ocir-broker doctor --output json ${image} || :`)),
    );
    await step("files", async () => (await cluster.onNode(FILES)).trim().split("\n"));
    answers = await step(
      "questions",
      async () => withoutNames(await cluster.ask(image, made.controllerImage), hidden) as Answers,
      () => "in answers",
    );
    if (answers !== undefined) {
      differences = differencesOf(answers, await simulatorAnswers());
      for (const line of differences) say(line);
    }
    const denied = await step("policy taken", async () => {
      await terraform.apply({ mayPull: false });
      return await untilDenied(cluster, image);
    });
    await step("policy given", async () => {
      await terraform.apply({ mayPull: true });
      return await cluster.untilRunning(denied?.pod ?? "after-policy", image);
    });
    // Before the kubelet pulls for service accounts only, which have no right to the controller's image.
    const chart = join(options.packages, `ocir-pull-secrets-${version}.tgz`);
    await step("pull secrets", () => usePullSecrets(cluster, made, chart, folder));
    await step("service accounts", () => useServiceAccounts(cluster, image));
    await step("SELinux denials", () => cluster.onNode(DENIALS));
  }

  try {
    const made = await step(
      "terraform apply",
      () => terraform.apply({ mayPull: true }),
      () => null,
    );
    if (made !== undefined) {
      hidden = [...hidden, ...made.names];
      await onCluster(made);
    }
  } finally {
    await step("terraform destroy", () => terraform.destroy());
    rmSync(folder, { recursive: true });
  }
  return {
    ...{ format: 1, version, oracleLinux, steps },
    /** Between Oracle's services and the simulator. */
    differences,
    answers,
  };
}

/** The beginning, which names the program, and the end. */
const shortened = (text: string): string => (text.length > 600 ? `${text.slice(0, 100)} … ${text.slice(-500)}` : text);

/** As in docs/laptop-and-ci.md: the image, and that of the controller, with a token of the person who runs this. */
async function push(
  { image: source, broker, packages, version }: LiveOptions,
  made: Made,
  folder: string,
): Promise<void> {
  const { image, registryHost } = made;
  const password = (await runProgram([broker, "get", "--output", "password", image])).trim();
  const auth = Buffer.from(`BEARER_TOKEN:${password}`).toString("base64");
  const authFile = join(folder, "auth.json");
  writeFileSync(authFile, JSON.stringify({ auths: { [registryHost]: { auth } } }), { mode: 0o600 });
  await runProgram(["skopeo", "copy", "--dest-authfile", authFile, `docker://${source}`, `docker://${image}`]);
  const archive = `oci-archive:${join(packages, `ocir-pull-secrets-${version}.oci.tar`)}`;
  const target = `docker://${made.controllerImage}`;
  await runProgram(["skopeo", "copy", "--all", "--dest-authfile", authFile, archive, target]);
}

/** The mode of SELinux, which this sets to enforcing if the node has it. */
async function enforceSelinux({ onNode }: Cluster): Promise<string> {
  return (
    await onNode("if command -v getenforce; then setenforce 1; getenforce; else echo none; fi | tail -n 1")
  ).trim();
}

const DENIALS =
  "if command -v ausearch >/dev/null; then ausearch -m AVC -ts boot 2>/dev/null | grep -c ocir || :; else echo none; fi";

/** The SELinux labels of what is installed, and the files in which OKE's bootstrap has written the kubelet's flags. */
const FILES = `cd /usr/libexec/ocir-broker && stat --printf '%n %C\\n' . * current/* /usr/local/bin/*oke* /var/lib/ocir-broker
systemctl show kubelet --property FragmentPath,DropInPaths,EnvironmentFiles
grep -rl -e image-credential-provider -e KUBELET_EXTRA_ARGS /etc/systemd/system /etc/default /etc/sysconfig /etc/oke /etc/kubernetes
:`;

function findingsOf(report: string): object {
  const { findings } = JSON.parse(report) as { findings: readonly { name: string; verdict: string }[] };
  return Object.fromEntries(findings.map(({ name, verdict }) => [name, verdict]));
}

/** A policy's end takes a while to reach the registry, so this starts a new pod until one is denied. */
async function untilDenied(cluster: Cluster, image: string): Promise<{ pod: string; message: string }> {
  for (let attempt = 1; attempt <= 40; attempt++) {
    const name = `denied-${attempt}`;
    const message = await cluster.failureOf(name, image);
    if (message !== undefined) return { pod: name, message };
  }
  throw new Error("no pull was denied");
}

/** Switches node and kubelet to service accounts. The policy of Terraform covers `puller` only. */
async function useServiceAccounts(cluster: Cluster, image: string): Promise<object> {
  const audience = await cluster.audience();
  await cluster.apply(audienceGrant(audience));
  const config = JSON.stringify({ serviceAccounts: { tokenExchange: "oke", audience } });
  const { kubelet } = await cluster.untilNodeReady();
  const merge = `ocir-broker kubelet-config merge ${CONFIG} --kubelet-version ${kubelet} --service-accounts ${audience}`;
  await cluster.onNode(`set -e
mkdir -p /etc/ocir-broker
echo '${config}' >/etc/ocir-broker/config.yaml
systemctl restart ocir-broker.service
${merge} >${CONFIG}.new
mv ${CONFIG}.new ${CONFIG}
systemctl restart kubelet`);
  await cluster.untilNodeReady();
  for (const account of ["puller", "other"]) await cluster.createServiceAccount(account);
  const allowed = await cluster.untilRunning("puller", image, { serviceAccountName: "puller" });
  const denied = await cluster.failureOf("other", image, { serviceAccountName: "other" });
  if (denied === undefined) throw new Error("a service account without a policy pulled the image");
  return { allowed, denied };
}

/** Replaces OCIDs, addresses, the given names, and what is secret or named in URLs of Object Storage. */
export function withoutNames(found: unknown, names: readonly string[]): unknown {
  let text = JSON.stringify(found);
  for (const name of names) text = text.replaceAll(JSON.stringify(name).slice(1, -1), "NAME");
  text = text.replaceAll(/(?<=\/[np]\/)[\w-]+/g, "NAME").replaceAll(/ocid1\.[\w.-]+/gi, "OCID");
  return JSON.parse(text.replaceAll(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, "ADDRESS"));
}
