/**
 * An OKE cluster from its users' view, on a real Kubernetes: asserts the pods' states and events, and the requests to the cloud.
 * `npm run test:cluster` builds the programs. Each test continues from the previous one's state.
 */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it, onTestFailed, onTestFinished } from "vitest";
import { dropIn } from "../system/simulated-node.ts";
import { containerRuntime } from "./container-runtime.ts";
import { describeCluster, itUnlessShort } from "./describe-cluster.ts";
import { disturbDuring } from "./disturbance.ts";
import { loginSecret } from "./docker-logins.ts";
import { givenKubernetes } from "./given.ts";
import { namespacePath } from "./kubernetes-api.ts";
import { DENIED, imageOf, OTHER_HOST, REGISTRY_HOST, WRONG_LOGIN } from "./node-files.ts";
import { createPods, type Pods } from "./pods.ts";

const PAGE = readFileSync("docs/troubleshooting.md", "utf8");
/** The blocks of the page about failed pulls, with the runtimes' messages about this image. */
const QUOTED = [...PAGE.matchAll(/^```text\n([^`]*)\n```$/gm)].map(([, text]) => text);
/** For a wrong login: the message of the runtime, and the words of the page. */
const REFUSED_LOGIN = {
  "CRI-O": ["invalid username/password", "`invalid username/password` (CRI-O)"],
  containerd: ["Unauthorized", "`Unauthorized` (containerd)"],
} as const;
const KUBELET_FILE = "/var/lib/kubelet/config.json";
const QUOTED_HOST = "iad.ocir.io";
const QUOTED_REPOSITORY = "acme/shop/web";
const DAEMON = "ocir-broker.service";

const BURST = 100;
const DISTURBED = 200;
/** A node with more pods at once would be slow for reasons that are not ours. */
const BATCH = 50;

describeCluster("a real Kubernetes", (minor) => {
  const node = givenKubernetes({ minor });
  let pods: Pods;

  beforeAll(async () => {
    pods = createPods(node.api);
    await node.bootstrap();
  });

  it("cannot pull a private image without ocir-broker: ErrImagePull, then ImagePullBackOff", async () => {
    await node.api.createPod("private", imageOf("private"));
    await untilDenied("private");
    await expectQuoted("private");
  });

  it("runs the same pod once the cloud-init script has installed ocir-broker, with no imagePullSecrets", async () => {
    await node.install();
    await pods.untilRunning(["private"]);
  });

  it(`runs ${BURST} pods with ${BURST} private images at once, from a cold daemon with one session and one token a host`, async () => {
    await node.cordon(true);
    onTestFailed(() => pods.removeGroup("burst"));
    const names = await pods.create("burst", BURST, imageOf);
    await node.control("/reset");
    await stopDaemon();
    await node.cordon(false);
    await pods.untilRunning(names);
    const requests = await node.cloudRequests();
    expect(await pods.failures("burst-")).toEqual([]);
    await pods.removeGroup("burst");
    expect(requests["auth.x509"]).toBeLessThanOrEqual(1);
    // The region's registry has two host names, and a token is for one.
    expect(requests["registry.token"]).toBeLessThanOrEqual(2);
  });

  itUnlessShort(
    `fails none of ${DISTURBED} pulls while the daemon is killed, stopped, reloaded, and upgraded and back`,
    async () => {
      const counts = await disturbDuring(node.root, async () => {
        for (let batch = 0; batch < DISTURBED / BATCH; batch++) {
          const group = `disturbed-${batch}`;
          onTestFailed(() => pods.removeGroup(group));
          await pods.untilRunning(await pods.create(group, BATCH, imageOf));
          await pods.removeGroup(group);
        }
      });
      expect(await pods.failures("disturbed-")).toEqual([]);
      expect(Object.values(counts).every((count) => count > 0)).toBe(true);
    },
  );

  it("runs a pod despite a wrong imagePullSecret", async () => {
    const wrong = loginSecret("wrong", { [REGISTRY_HOST]: { username: "acme/somebody", password: "left long ago" } });
    await node.api.request("POST", `${namespacePath("default")}/secrets`, wrong);
    await node.api.createPod("wrong-secret", imageOf("wrong-secret"), { imagePullSecrets: [{ name: "wrong" }] });
    await pods.untilRunning(["wrong-secret"]);
  });

  it("runs a pod with a public image when the policy grants its token nothing", async () => {
    await node.control("/iam", { repository: "acme/open", public: true, granted: false });
    await node.api.createPod("public", imageOf("open"));
    await pods.untilRunning(["public"]);
  });

  itUnlessShort("leaves another registry to the kubelet", async () => {
    await node.control("/iam", { repository: "acme/elsewhere", public: true });
    const before = await node.pluginCalls();
    await node.api.createPod("elsewhere", imageOf("elsewhere", OTHER_HOST));
    await pods.untilRunning(["elsewhere"]);
    expect(await node.pluginCalls()).toBe(before);
  });

  it("runs a pod at the kubelet's next retry after the policy is granted", async () => {
    await node.control("/iam", { repository: "acme/late", granted: false });
    await node.api.createPod("late", imageOf("late"));
    await pods.untilFailed("late", "not authorized", "Error: ImagePullBackOff");
    await expectQuoted("late");
    await node.control("/iam", { repository: "acme/late", granted: true });
    const tried = await pods.tries("late");
    await pods.untilRunning(["late"]);
    expect(await pods.tries("late")).toBe(tried + 1);
  });

  itUnlessShort(
    "runs a pod at the kubelet's next try after the node has joined its dynamic group, with no restart of anything",
    async () => {
      await node.control("/iam", { dynamicGroup: false });
      await stopDaemon();
      await node.api.createPod("late-group", imageOf("late-group"));
      await pods.untilFailed("late-group", "not authorized", "Error: ImagePullBackOff");
      const daemon = await node.root.property(DAEMON, "MainPID");
      await node.control("/iam", { dynamicGroup: true });
      const tried = await pods.tries("late-group");
      await pods.untilRunning(["late-group"]);
      expect(await pods.tries("late-group")).toBe(tried + 1);
      expect(await node.root.property(DAEMON, "MainPID")).toBe(daemon);
    },
  );

  itUnlessShort("tries the login in the kubelet's file before ours, of which doctor warns", async () => {
    const [said, onPage] = REFUSED_LOGIN[containerRuntime().name];
    node.root.write(KUBELET_FILE, WRONG_LOGIN);
    onTestFinished(async () => {
      await node.root.run("rm", [KUBELET_FILE]);
      await node.restartKubelet();
    });
    await node.restartKubelet();
    await node.control("/iam", { repository: "acme/secret", granted: false });
    await node.api.createPod("first-0", imageOf("secret"));
    await pods.untilFailed("first-0", said, "Error: ImagePullBackOff");
    const order = [said, "not authorized", DENIED].join(".*");
    expect((await pods.failures("first-")).join()).toMatch(new RegExp(order, "s"));
    expect(PAGE).toContain(onPage);
    const { stdout } = await node.root.exec("/usr/local/bin/ocir-broker", ["doctor"]);
    expect(stdout).toContain(`${KUBELET_FILE}: ${REGISTRY_HOST}`);
    await pods.removeGroup("first");
  });

  it("pulls a public image while the daemon's unit cannot start, and the kubelet logs why", async () => {
    await node.control("/iam", { repository: "acme/unstarted", public: true });
    const broken = dropIn(DAEMON, "broken", "[Service]\nExecStart=\nExecStart=/bin/false\n");
    node.root.write(broken.to, broken.from.text);
    // systemd tries to start the unit until it can.
    onTestFinished(async () => {
      await node.root.run("rm", [broken.to]);
      await node.root.run("systemctl", ["daemon-reload"]);
    });
    await node.root.run("systemctl", ["daemon-reload"]);
    // Not a stop: a call of the kubelet would cancel it.
    await node.root.run("systemctl", ["restart", "--no-block", DAEMON]);
    await node.api.createPod("unstarted", imageOf("unstarted"));
    await pods.untilRunning(["unstarted"]);
    expect(await node.root.journal("kubelet.service")).toContain("ocir-broker: shim-timeout: ");
  });

  it("keeps running pods after a removal, and is denied the next private pull as before", async () => {
    const before = await pods.containers();
    await node.root.run("/usr/libexec/ocir-broker/current/ocir-broker", ["node", "remove"]);
    await node.restartKubelet();
    await node.api.createPod("after", imageOf("after"));
    await untilDenied("after");
    expect((await pods.containers()).filter((container) => before.includes(container))).toEqual(before);
  });

  /** The next pull starts it, with nothing from before: a restart would keep the tokens. */
  const stopDaemon = () => node.root.run("systemctl", ["stop", DAEMON]);

  const untilDenied = (pod: string) => pods.untilFailed(pod, DENIED, "Error: ErrImagePull", "Error: ImagePullBackOff");

  /** What the runtime said about a failed pull is on the page. CRI-O repeats the reason for an artifact. */
  async function expectQuoted(pod: string): Promise<void> {
    const said = (await pods.failures(pod)).find((message) => message.startsWith("Failed to pull image"));
    const onPage = said
      ?.replaceAll(REGISTRY_HOST, QUOTED_HOST)
      .replaceAll(`acme/${pod}`, QUOTED_REPOSITORY)
      .replaceAll(/(?<=web:|manifest |manifests\/)1\b/g, "1.4")
      .replace(/(UserId\(ocid1\.instance)[^)]*/, "$1…")
      .replaceAll(/(; artifact err: )(?:(?!, unable to pull |\]$).)*/g, "$1…");
    expect(QUOTED).toContain(onPage);
  }
});
