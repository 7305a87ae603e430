/** A node for a `describe`: booted before its tests, and reset before each to a state without ocir-broker. */
import { beforeEach } from "vitest";
import { given } from "../given.ts";
import { makeArchives } from "./archives.ts";
import { bootNode, type OkeNode } from "./oke-node.ts";

export function givenNode(): OkeNode {
  const boot = async () => bootNode(await makeArchives());
  const node = given(boot, ({ root }) => root.powerOff(), 300_000);
  beforeEach(() => node.renew());
  return node;
}
