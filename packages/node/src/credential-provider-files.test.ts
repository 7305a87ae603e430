import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { invocationIn, pathErrorOf, readCredentialProviderFiles } from "./credential-provider-files.ts";
import { createNodeFiles } from "./node-files.ts";

function folderWith(files: Readonly<Record<string, string>>) {
  const { root, write } = createNodeTree();
  for (const [name, text] of Object.entries(files)) write(`/${name}`, text);
  return createNodeFiles(root);
}

describe("readCredentialProviderFiles", () => {
  test("reads a file whatever its name", () => {
    const files = folderWith({ providers: "text" });
    expect(readCredentialProviderFiles(files, "/providers")).toEqual({
      path: "/providers",
      directory: false,
      files: [{ path: "/providers", text: "text" }],
    });
  });

  test("reads the files in a directory that have an extension the kubelet reads", () => {
    const files = folderWith({ "b.yaml": "b", "a.json": "a", "README.md": "no" });
    mkdirSync(files.locate("/c.yaml"));
    expect(readCredentialProviderFiles(files, "/")).toMatchObject({
      directory: true,
      files: [{ path: "/a.json" }, { path: "/b.yaml" }],
    });
  });

  test("reports what it cannot read", () => {
    const files = folderWith({});
    // The kubelet skips a directory, but not a link to one.
    symlinkSync("/", files.locate("/a.yaml"));
    expect(readCredentialProviderFiles(files, "/no")).toMatchObject({ files: [], failure: "ENOENT" });
    expect(readCredentialProviderFiles(files, "/")).toMatchObject({ files: [], failure: "EISDIR" });
  });

  test("reads nothing from a directory when other users can change one of its configurations", () => {
    const files = folderWith({ "a.yaml": "", "b.yaml": "", "notes.txt": "" });
    chmodSync(files.locate("/notes.txt"), 0o666);
    expect(readCredentialProviderFiles(files, "/")).not.toHaveProperty("distrusted");
    chmodSync(files.locate("/b.yaml"), 0o666);
    expect(readCredentialProviderFiles(files, "/")).toMatchObject({
      files: [],
      distrusted: "/b.yaml has mode 666",
    });
  });
});

describe("invocationIn", () => {
  test("returns the version, arguments and environment of our provider", () => {
    const ours = "{name: credential-provider-oke, apiVersion: x/v1, args: [-a], env: [{name: A, value: b}]}";
    const text = `providers: [{name: other}, ${ours}]`;
    expect(invocationIn([{ path: "/a", text }])).toEqual({ apiVersion: "x/v1", args: ["-a"], env: { A: "b" } });
  });

  test.each(["", "{", "providers: 1", "providers: [{name: other}]", "providers: [{name: credential-provider-oke}]"])(
    "returns the default for %j",
    (text) => {
      const usual = { apiVersion: "credentialprovider.kubelet.k8s.io/v1", args: [], env: {} };
      expect(invocationIn([{ path: "/a", text }])).toEqual(usual);
    },
  );
});

const FIX = "make root the only owner and writer of it and of each folder above it";

test("pathErrorOf accepts paths that only root can change, and names the part of others, also inside a directory", () => {
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
