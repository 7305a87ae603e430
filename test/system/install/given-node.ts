/** The node and the archives of a `describe`: booted before its tests, and before each as if nothing of ours had ever been there. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type Archives, makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

export function givenNode(take: (node: OkeNode, archives: Archives) => void): void {
  let node: OkeNode | undefined;

  beforeAll(async () => {
    const [archives, booted] = await Promise.all([makeArchives(), bootNode()]);
    node = booted;
    take(node, archives);
  }, 300_000);

  afterAll(async () => {
    await node?.root.powerOff();
  });

  beforeEach(async () => {
    await node?.renew();
  });
}
