/** Node and archives for a `describe`: booted before its tests, and reset before each to a state without ocir-broker. */
import { beforeAll, beforeEach } from "vitest";
import { type Archives, makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

export function givenNode(take: (node: OkeNode, archives: Archives) => void): void {
  let node: OkeNode | undefined;

  beforeAll(async () => {
    const [archives, booted] = await Promise.all([makeArchives(), bootNode()]);
    node = booted;
    take(node, archives);
    return () => booted.root.powerOff();
  }, 300_000);

  beforeEach(async () => {
    await node?.renew();
  });
}
