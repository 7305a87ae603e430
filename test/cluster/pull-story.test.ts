/**
 * What users of an OKE cluster see, on a real Kubernetes: asserted by the pods' states and events.
 * `npm run test:cluster` builds the programs; each test goes on from the one before.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Archives, makeArchives } from "../system/install/archives.ts";
import { until } from "../system/until.ts";
import { canRunCluster } from "./can-run-cluster.ts";
import { stateOf } from "./kubernetes-api.ts";
import { type KubernetesNode, REGISTRY_HOST, startKubernetes } from "./kubernetes-node.ts";

const skipped = canRunCluster();
const MINORS = (process.env["OCIR_BROKER_KUBERNETES"] ?? "37").split(",").map(Number);

const POD_LIMIT_MS = 60_000;
const DENIED = "denied: Anonymous users are only allowed read access on public repos";

describe.skipIf(skipped !== undefined)(`a real Kubernetes${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  describe.each(MINORS)("1.%i", (minor) => {
    let node: KubernetesNode;
    let archives: Archives;

    beforeAll(async () => {
      [archives, node] = await Promise.all([makeArchives(), startKubernetes(minor)]);
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
      expect([run.exitCode, run.stderr]).toEqual([0, expect.stringContaining("installed: the kubelet is told of it")]);
      await untilRunning(["private"]);
    });

    /** By events: a state between two looks is not seen. */
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

    async function untilRunning(names: readonly string[]): Promise<void> {
      const isSo = async () => {
        const running = (await node.api.pods()).filter((pod) => stateOf(pod) === "Running");
        const set = new Set(running.map(({ metadata }) => metadata.name));
        return names.every((name) => set.has(name));
      };
      await until(`${names.join(" ")} run`, isSo, POD_LIMIT_MS);
    }

    /** Of the pods whose names begin so. */
    async function failures(prefix: string): Promise<string[]> {
      const events = await node.api.events();
      return events.flatMap(({ reason, message, involvedObject }) =>
        reason === "Failed" && involvedObject.name.startsWith(prefix) ? [message] : [],
      );
    }
  });
});
