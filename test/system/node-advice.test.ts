/**
 * Does exactly what `ocir-broker node status` prints, until nothing is left to do: the kubelet never fails, and uses ocir-broker at the end.
 * It is a real one where it is built. What is printed in each state: packages/node/src/kubelet-need.test.ts.
 */
import { beforeAll, expect, it } from "vitest";
import { removeControlGroups } from "../cluster/control-groups.ts";
import { untilHealthy } from "../cluster/lone-kubelet.ts";
import { type AdvisedNode, bootAdvisedNode, CONNECT, FLAGS, isReal, RESTART } from "./advised-node.ts";
import { describeUnless } from "./describe-unless.ts";
import { type Archive, makeArchives } from "./install/archives.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

describeUnless(canBootSystemd(), `the advice of node status, with a ${isReal ? "real" : "stand-in"} kubelet`, () => {
  let archive: Archive;

  beforeAll(async () => {
    archive = (await makeArchives()).good;
  }, 300_000);

  it.each<[state: string, arrange: (node: AdvisedNode) => Promise<unknown>, isStopped?: true]>([
    ["an archive", (node) => node.unpackAndInstall()],
    [
      "disconnected",
      async ({ sh, ...node }) => {
        await node.unpackAndInstall();
        await sh(`${CONNECT} --kubelet-flags; ${RESTART}; ocir-broker node disconnect; ${RESTART}`);
      },
    ],
    [
      "with flags that a second bootstrap has removed",
      async (node) => {
        await node.unpackAndInstall();
        await node.sh(`${CONNECT} --kubelet-flags; ${RESTART}`);
        node.setArgs("--v=1");
        await node.sh(RESTART);
      },
    ],
    [
      "with a kubelet that one flag has killed",
      async (node) => {
        await node.unpackAndInstall();
        await node.kill(FLAGS[0] ?? "");
      },
      true,
    ],
  ])("%s", async (_, arrange, isStopped) => {
    const node = await bootAdvisedNode(archive);
    try {
      await arrange(node);
      if (!isStopped) await untilHealthy(node.root);
      expect(await node.follow(), await node.root.journal("kubelet")).toContain("nothing to do");
      const words = await node.sh("tr '\\0' ' ' </proc/$(systemctl show --property MainPID --value kubelet)/cmdline");
      for (const flag of FLAGS) expect(words).toContain(flag);
      expect(await node.root.property("kubelet", "NRestarts")).toBe("0");
    } finally {
      await node.root.powerOff();
      removeControlGroups();
    }
  });
});
