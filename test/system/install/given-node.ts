/** A node for a `describe`, with its archives: booted before its tests, and reset before each to a state without ocir-broker. */
import { beforeAll, beforeEach } from "vitest";
import { type Archives, makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

export type GivenNode = OkeNode & { readonly archives: Archives };

export function givenNode(take: (node: GivenNode) => void): void {
  let node: OkeNode | undefined;

  beforeAll(async () => {
    const [archives, booted] = await Promise.all([makeArchives(), bootNode()]);
    node = booted;
    take({ ...booted, archives });
    return () => booted.root.powerOff();
  }, 300_000);

  beforeEach(async () => {
    await node?.renew();
  });
}
