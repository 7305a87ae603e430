/**
 * An OKE cluster from its users' view, on a real Kubernetes: asserts the pods' states and events, the kubelet's own metrics,
 * and the requests to the cloud. `npm run test:cluster` builds the programs. Each test continues from the previous one's state.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Archives, makeArchives } from "../system/install/archives.ts";
import { until } from "../system/until.ts";
import { canRunCluster } from "./can-run-cluster.ts";
import { stateOf } from "./kubernetes-api.ts";
import { type KubernetesNode, startKubernetes } from "./kubernetes-node.ts";
import { OTHER_HOST, REGISTRY_HOST } from "./node-files.ts";
import { type Durations, pluginDurations, since } from "./plugin-durations.ts";
import { NEWEST_MINOR } from "./programs.ts";

const skipped = canRunCluster();
const MINORS = (process.env["OCIR_BROKER_KUBERNETES"] ?? String(NEWEST_MINOR)).split(",").map(Number);
const UNINSTALL = "/usr/libexec/ocir-broker/uninstall.sh";
const DAEMON = "ocir-broker.service";

const POD_LIMIT_MS = 60_000;
const BURST = 100;
const BURST_LIMIT_MS = 180_000;
const DENIED = "denied: Anonymous users are only allowed read access on public repos";

describe.skipIf(skipped !== undefined)(`a real Kubernetes${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  describe.each(MINORS)("1.%i", (minor) => {
    let node: KubernetesNode;
    let archives: Archives;

    beforeAll(async () => {
      [archives, node] = await Promise.all([makeArchives(), startKubernetes({ minor })]);
      await node.bootstrap();
    });
    afterAll(() => node?.stop());

    const image = (repository: string, host = REGISTRY_HOST) => `${host}/acme/${repository}:1`;

    it("cannot pull a private image without us: ErrImagePull, then ImagePullBackOff", async () => {
      await node.api.createPod("private", image("private"));
      await untilDenied("private");
    });

    it("runs the same pod once the cloud-init script has installed us, with no imagePullSecrets", async () => {
      const run = await node.install(archives.good);
      expect([run.exitCode, run.stderr]).toEqual([0, expect.stringContaining("installed: the kubelet gets its flags")]);
      await untilRunning(["private"]);
    });

    it(`runs ${BURST} pods with ${BURST} private images at once, from a cold daemon with one session and one token a host`, async () => {
      const names = Array.from({ length: BURST }, (_, index) => `burst-${index}`);
      const before = await durations();
      await prepare(names);
      await stopDaemon();
      const startedAtMs = performance.now();
      await node.cordon(false);
      await untilRunning(names);

      const tookS = Math.round(performance.now() - startedAtMs) / 1_000;
      const requests = await node.cloudRequests();
      console.info(`${BURST} pods run after ${tookS} s; requests of the cloud:`, requests);
      console.info("kubelet_credential_provider_plugin_duration:", since(before, await durations()));
      expect(await failures("burst-")).toEqual([]);
      expect(requests["auth.x509"]).toBeLessThanOrEqual(1);
      // The region's registry has two host names, and a token is for one.
      expect(requests["registry.token"]).toBeLessThanOrEqual(2);
    });

    it("runs a pod with a wrong imagePullSecret all the same", async () => {
      const auths = { [REGISTRY_HOST]: { username: "acme/somebody", password: "left long ago" } };
      await node.api.request("POST", "/api/v1/namespaces/default/secrets", {
        metadata: { name: "wrong" },
        type: "kubernetes.io/dockerconfigjson",
        stringData: { ".dockerconfigjson": JSON.stringify({ auths }) },
      });
      await node.api.createPod("wrong-secret", image("wrong-secret"), { imagePullSecrets: [{ name: "wrong" }] });
      await untilRunning(["wrong-secret"]);
    });

    it("runs a pod with a public image, with a token that the policy gives no rights", async () => {
      await node.control("/iam", { repository: "acme/open", public: true, granted: false });
      await node.api.createPod("public", image("open"));
      await untilRunning(["public"]);
    });

    it("leaves another registry to the kubelet", async () => {
      await node.control("/iam", { repository: "acme/elsewhere", public: true });
      const before = await durations();
      await node.api.createPod("elsewhere", image("elsewhere", OTHER_HOST));
      await untilRunning(["elsewhere"]);
      expect(since(before, await durations()).calls).toBe(0);
    });

    it("runs a pod at the kubelet's next try after its policy is there", async () => {
      await node.control("/iam", { repository: "acme/late", granted: false });
      await node.api.createPod("late", image("late"));
      await untilFailed("late", "not authorized", "Error: ImagePullBackOff");
      await node.control("/iam", { repository: "acme/late", granted: true });
      const tried = await pulls("late");
      await untilRunning(["late"]);
      expect(await pulls("late")).toBe(tried + 1);
    });

    it("runs a pod after the node has joined its dynamic group, with no restart of anything", async () => {
      await node.control("/iam", { dynamicGroup: false });
      await stopDaemon();
      await node.api.createPod("late-group", image("late-group"));
      await untilFailed("late-group", "not authorized", "Error: ImagePullBackOff");
      const daemon = await node.root.property(DAEMON, "MainPID");
      await node.control("/iam", { dynamicGroup: true });
      const tried = await pulls("late-group");
      await untilRunning(["late-group"]);
      console.info(`tries until the dynamic group took effect: ${(await pulls("late-group")) - tried}`);
      expect(await node.root.property(DAEMON, "MainPID")).toBe(daemon);
    });

    it("leaves running pods alone when it is removed; the next private pull is denied as before", async () => {
      const before = await containers();
      await node.root.run(UNINSTALL);
      await node.restartKubelet();
      await node.api.createPod("after", image("after"));
      await untilDenied("after");
      expect((await containers()).filter((container) => before.includes(container))).toEqual(before);
    });

    /** The next pull starts it, with nothing from before: a restart would keep the tokens. */
    const stopDaemon = () => node.root.run("systemctl", ["stop", DAEMON]);

    /** Pods that all start once the node takes pods again. The requests of the cloud are counted from here. */
    async function prepare(names: readonly string[]): Promise<void> {
      await node.cordon(true);
      for (const name of names) await node.api.createPod(name, image(name));
      await node.control("/reset");
    }

    /** Reads events, because polling can miss a short state. */
    async function untilFailed(pod: string, ...reasons: readonly string[]): Promise<void> {
      let said: string[] = [];
      const isSo = async () => {
        said = await failures(pod);
        return reasons.every((reason) => said.some((message) => message.includes(reason)));
      };
      await until(`${pod}: ${reasons.join(", ")}`, isSo, POD_LIMIT_MS).catch(() => expect(said).toEqual(reasons));
      expect(stateOf(await node.api.pod(pod))).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
    }

    const untilDenied = (pod: string) => untilFailed(pod, DENIED, "Error: ErrImagePull", "Error: ImagePullBackOff");

    const runningPods = async () => (await node.api.pods()).filter((pod) => stateOf(pod) === "Running");

    async function untilRunning(names: readonly string[]): Promise<void> {
      const isSo = async () => {
        const set = new Set((await runningPods()).map(({ metadata }) => metadata.name));
        return names.every((name) => set.has(name));
      };
      await until(`${names.join(" ")} run`, isSo, BURST_LIMIT_MS);
    }

    /** Of the pods whose names begin so. */
    async function failures(prefix: string): Promise<string[]> {
      const events = await node.api.events();
      return events.flatMap(({ reason, message, involvedObject }) =>
        reason === "Failed" && involvedObject.name.startsWith(prefix) ? [message] : [],
      );
    }

    /** How often the kubelet has tried. */
    async function pulls(pod: string): Promise<number> {
      const events = await node.api.events();
      return events
        .filter(({ reason, involvedObject }) => reason === "Pulling" && involvedObject.name === pod)
        .reduce((sum, { count = 1 }) => sum + count, 0);
    }

    /** The runtime's ids of running containers, which change with a restart. */
    async function containers(): Promise<string[]> {
      return (await runningPods()).map(({ status }) => status.containerStatuses?.[0]?.containerID ?? "").sort();
    }

    const durations = async (): Promise<Durations> => pluginDurations(await node.kubeletMetrics());
  });
});
