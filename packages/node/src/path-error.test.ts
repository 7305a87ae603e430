import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { createNodeFiles } from "./node-files.ts";
import { pathErrorOf } from "./path-error.ts";

const FIX = "make root the only owner and writer of it and of each folder above it";

it("pathErrorOf accepts paths that only root can change, and names the part of others, also inside a directory", () => {
  const { root, write } = createNodeTree();
  const files = createNodeFiles(root);
  write("/etc/providers/a.yaml", "");
  write("/etc/providers/b.txt", "");
  write("/opt/x", "");
  chmodSync(join(root, "/etc/providers/b.txt"), 0o666);
  for (const path of ["/etc/providers", "/opt/not/there"]) expect(pathErrorOf(path, files)).toBeUndefined();
  chmodSync(join(root, "/etc/providers/a.yaml"), 0o666);
  chmodSync(join(root, "/opt"), 0o775);
  expect(["/etc/providers", "/opt/x", "/x\ny"].map((path) => pathErrorOf(path, files))).toEqual([
    `/etc/providers: /etc/providers/a.yaml has mode 666; ${FIX}`,
    `/opt/x: /opt has mode 775; ${FIX}`,
    `/x\\u{a}y: /x\\u{a}y has control characters; ${FIX}`,
  ]);
});
