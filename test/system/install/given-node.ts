/** A node for a `describe`, with its archives: booted before its tests, and reset before each to a state without ocir-broker. */
import { beforeAll, beforeEach } from "vitest";
import { type Archives, makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

export type GivenNode = OkeNode & { readonly archives: Archives };

/** Empty until the tests run. */
export function givenNode(): GivenNode {
  const node = {} as GivenNode;

  beforeAll(async () => {
    const [archives, booted] = await Promise.all([makeArchives(), bootNode()]);
    Object.assign(node, booted, { archives });
    return () => booted.root.powerOff();
  }, 300_000);

  beforeEach(() => node.renew());
  return node;
}
