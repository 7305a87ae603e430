import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, test } from "vitest";
import { readKubeletCredentials } from "./audience-permission.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ["certificate", "key", "token"]) writeFileSync(join(folder, name), `${name} of a file\n`);
});

function writeKubeconfig(user: object): string {
  const path = join(folder, "kubelet.conf");
  const [contexts, users] = [[{ name: "node", context: { user: "kubelet" } }], [{ name: "kubelet", user }]];
  writeFileSync(path, JSON.stringify({ "current-context": "node", contexts, users }));
  return path;
}

describe("readKubeletCredentials", () => {
  test.each<[string, object, string | undefined, string | undefined]>([
    [
      "data",
      { "client-certificate-data": base64("pem"), "client-key-data": base64("secret key") },
      "secret key",
      undefined,
    ],
    ["files", { "client-certificate": "certificate", "client-key": "key" }, "key of a file\n", undefined],
    ["a token", { token: "secret token" }, undefined, "secret token"],
    ["a token's file", { tokenFile: "token" }, undefined, "token of a file"],
  ])("keeps the key and the token of %s secret", (_what, user, key, token) => {
    const read = readKubeletCredentials(writeKubeconfig(user), createNodeFiles("/"));
    expect([read?.clientCertificate?.key.reveal(), read?.token?.reveal()]).toEqual([key, token]);
    expect(inspect(read, { depth: 9 }) + JSON.stringify(read)).not.toMatch(/secret (?:key|token)|(?:key|token) of/);
  });

  test.each([{}, { "client-certificate": "key" }, { token: "" }, { exec: {} }])("returns undefined for %j", (user) => {
    expect(readKubeletCredentials(writeKubeconfig(user), createNodeFiles("/"))).toBeUndefined();
  });

  test.runIf(process.getuid?.() === 0)(
    "refuses, as root, a kubeconfig or a file named in it that another user owns",
    () => {
      const path = writeKubeconfig({ tokenFile: "token" });
      expect(readKubeletCredentials(path, createNodeFiles("/"))).toBeDefined();
      chownSync(path, 65_534, 65_534);
      expect(readKubeletCredentials(path, createNodeFiles("/"))).toBeUndefined();
      chownSync(path, 0, 0);
      chownSync(join(folder, "token"), 65_534, 65_534);
      expect(readKubeletCredentials(path, createNodeFiles("/"))).toBeUndefined();
    },
  );
});
