import { expect, it } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { apiAudiencesOn } from "./api-audiences.ts";
import { createNodeFiles } from "./node-files.ts";

it("apiAudiencesOn ignores a text that a pod's author has mounted under a token's name", () => {
  const { root, write } = createNodeTree();
  for (const [pod, aud] of [["a;reboot"], ["b\nocir-broker: ok"], ["api-server"]].entries()) {
    const claims = Buffer.from(JSON.stringify({ aud })).toString("base64url");
    const volume = `/var/lib/kubelet/pods/${pod}/volumes/kubernetes.io~projected/kube-api-access-abcde`;
    write(`${volume}/..2026_11_27_10_00_00.1/token`, `e30.${claims}.signature`);
  }
  expect(apiAudiencesOn(createNodeFiles(root))).toEqual(["api-server"]);
});
