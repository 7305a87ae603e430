/**
 * The logins that CRI-O finds itself, by `getAuthFilePaths` in containers/image. Each test continues from the previous one's state.
 */
import { dirname } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { lackOfTime } from "./can-run-cluster.ts";
import { containerRuntime } from "./container-runtime.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenKubernetes } from "./given.ts";
import { imageOf, REGISTRY_HOST, RUNTIME_UNIT, WRONG_LOGIN } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";

const BROKER = "/usr/local/bin/ocir-broker";
const CRIO_CONFIG = "/etc/crio/crio.conf";
const GLOBAL_AUTH_FILE = "/etc/crio/auth.json";
const REFUSED_LOGIN = "invalid username/password";

const lack = lackOfTime ?? (containerRuntime().name === "CRI-O" ? undefined : "CRI-O is not in use");

describeCluster("a node with CRI-O", declareTests, lack);

function declareTests(minor: number): void {
  const node = givenKubernetes({ minor });
  let pods: Pods;

  beforeAll(async () => {
    pods = createPods(node.api);
    await node.bootstrap();
    await node.install();
  });

  async function useGlobalAuthFile(): Promise<void> {
    const config = node.root.read(CRIO_CONFIG).toString();
    const setting = `global_auth_file = "${GLOBAL_AUTH_FILE}"\n`;
    node.root.write(CRIO_CONFIG, config.replace("[crio.image]\n", `$&${setting}`));
    await node.root.run("systemctl", ["restart", RUNTIME_UNIT]);
    await node.restartKubelet();
  }

  it.each([
    "/run/containers/0/auth.json",
    "/root/.config/containers/auth.json",
    "/root/.docker/config.json",
    // In place of the others.
    GLOBAL_AUTH_FILE,
  ])("uses the login in %s in place of our anonymous entry, of which doctor warns", async (path) => {
    const group = path.replaceAll(/\W+/g, "-").slice(1);
    const name = `${group}-0`;
    await node.control("/iam", { repository: `acme/${group}`, public: true });
    if (path === GLOBAL_AUTH_FILE) await useGlobalAuthFile();
    await node.root.run("mkdir", ["-p", dirname(path)]);
    node.root.write(path, WRONG_LOGIN);
    // Of our token too, which reads public images otherwise.
    await node.control("/faults", { endpoint: "registry.basicToken", status: 401 });
    await node.api.createPod(name, imageOf(group));
    await pods.untilFailed(name, REFUSED_LOGIN, "Error: ImagePullBackOff");
    const { stdout } = await node.root.exec(BROKER, ["doctor"]);
    expect(stdout).toContain(`${path}: ${REGISTRY_HOST}`);
    await node.root.run("rm", [path]);
    await pods.untilRunning([name]);
    await node.clearFaults();
    await pods.removeGroup(group);
  });
}
