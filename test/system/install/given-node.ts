/** A node for a `describe`: booted before its tests, and reset before each to a state without ocir-broker. */
import { beforeAll, beforeEach } from "vitest";
import { makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

/** Empty until the tests run. */
export function givenNode(): OkeNode {
  const node = {} as OkeNode;

  beforeAll(async () => {
    Object.assign(node, await bootNode(await makeArchives()));
    return () => node.root.powerOff();
  }, 300_000);

  beforeEach(() => node.renew());
  return node;
}
