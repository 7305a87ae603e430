/**
 * Pulls of CRI-O without the kubelet's credentials: of a private pause image, and from a mirror in registries.conf. Both get the node's
 * token through root's docker-credential-ocir. Each test continues from the previous one's state.
 */
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { lackOfTime } from "./can-run-cluster.ts";
import { containerRuntime } from "./container-runtime.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenKubernetes } from "./given.ts";
import { DENIED, imageOf, REGISTRY_HOST, RUNTIME_UNIT } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";
import { configureBroker, configureNode } from "./service-accounts.ts";
import { untilServing } from "./services.ts";

/** No name server knows it. */
const MIRRORED_HOST = "mirrored.example.com";
const MIRROR = `unqualified-search-registries = []
[[registry]]
location = "${MIRRORED_HOST}"
[[registry.mirror]]
location = "${REGISTRY_HOST}"
`;
const CRIO_CONFIG = "/etc/crio/crio.conf";
const ROOTS_CONFIG = "/root/.docker/config.json";
const BROKER = "/usr/local/bin/ocir-broker";

const lack = lackOfTime ?? (containerRuntime().name === "CRI-O" ? undefined : "CRI-O is not in use");

describeCluster("mirrors and the pause image on CRI-O", declareTests, lack);

function declareTests(minor: number): void {
  const node = givenKubernetes({ minor });
  let pods: Pods;

  const nameHelper = () => node.root.write(ROOTS_CONFIG, JSON.stringify({ credHelpers: { [REGISTRY_HOST]: "ocir" } }));

  beforeAll(async () => {
    const { root } = node;
    pods = createPods(node.api);
    root.write("/etc/containers/registries.conf", MIRROR);
    const config = root.read(CRIO_CONFIG).toString();
    root.write(CRIO_CONFIG, config.replace(/^pause_image = .*$/m, `pause_image = "${imageOf("pause")}"`));
    await root.run("systemctl", ["restart", RUNTIME_UNIT]);
    await untilServing(root, RUNTIME_UNIT, () => containerRuntime().isServing(root));
    await root.run("mkdir", ["-p", "/root/.docker"]);
    await node.bootstrap();
    await node.install();
  });

  it("pulls a private pause image once root's docker configuration names the helper", async () => {
    await node.api.createPod("paused", imageOf("paused"));
    await until("its sandbox fails", async () =>
      (await node.api.events()).some(
        ({ reason, message }) => reason === "FailedCreatePodSandBox" && message?.includes(DENIED),
      ),
    );
    nameHelper();
    await pods.untilRunning(["paused"]);
  });

  it("pulls from a mirror once root's docker configuration names the helper", async () => {
    await node.root.run("rm", [ROOTS_CONFIG]);
    await node.api.createPod("mirrored", imageOf("mirrored", MIRRORED_HOST));
    await pods.untilFailed("mirrored", DENIED);
    nameHelper();
    await pods.untilRunning(["mirrored"]);
  });

  it("pulls from it with service accounts only with rootHelper: node, of which doctor warns", async () => {
    await configureNode(node, minor);
    await node.api.createPod("later", imageOf("later", MIRRORED_HOST));
    await pods.untilFailed("later", DENIED);
    await configureBroker(node, { rootHelper: "node" });
    await pods.untilRunning(["later"]);
    const { stdout } = await node.root.exec(BROKER, ["doctor"]);
    expect(stdout).toContain("root-helper-open");
  });
}
