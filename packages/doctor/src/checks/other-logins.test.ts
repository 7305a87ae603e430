import { configSchema } from "@ocir-broker/config/schema";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { expect, it } from "vitest";
import { type CheckContext, findingsOf } from "../check-context.ts";
import { checkOtherLogins } from "./other-logins.ts";

type FileTexts = Readonly<Record<string, string>>;

async function found(runtime: "CRI-O" | "containerd", texts: FileTexts, serviceAccounts: object = {}) {
  const { root, write } = createNodeTree();
  for (const [path, text] of Object.entries(texts)) write(path, text);
  const context: Partial<CheckContext> = {
    files: createNodeFiles(root),
    config: configSchema.parse({ serviceAccounts }),
    imageName: undefined,
    kubelet: async () => ({ runtime }) as Awaited<ReturnType<CheckContext["kubelet"]>>,
  };
  const findings = await findingsOf(checkOtherLogins, context as CheckContext);
  return findings.map(({ name, evidence }) => `${name} ${evidence}`);
}

const OF_ROOT = "/root/.docker/config.json";
const LOGIN = JSON.stringify({ "https://iad.ocir.io/v1/": {}, "example.com": {} });
const LOGINS = `{"auths": ${LOGIN}}`;
const REGISTRIES = "/etc/containers/registries.conf";
const ROOTS_REGISTRIES = "/root/.config/containers/registries.conf";
const OURS = JSON.stringify({ credHelpers: { "iad.ocir.io": "ocir", "example.com": "other" } });

it.each<[what: string, texts: FileTexts, onCriO: string[], onContainerd: string[]]>([
  [
    "a login of the kubelet's",
    { "/var/lib/kubelet/config.json": LOGINS, "/.docker/config.json": LOGINS },
    ...both("other-login /var/lib/kubelet/config.json: iad.ocir.io", "other-login /.docker/config.json: iad.ocir.io"),
  ],
  ["a login of root's", { [OF_ROOT]: LOGINS }, [`other-login ${OF_ROOT}: iad.ocir.io`], []],
  ["a helper for the host", { [OF_ROOT]: OURS }, [`other-helper ${OF_ROOT}: credHelpers, iad.ocir.io`], []],
  [
    "a helper only in the file that CRI-O reads in place of root's",
    { [OF_ROOT]: OURS, "/etc/crio/crio.conf.d/1.conf": 'global_auth_file = "/etc/auth.json"', "/etc/auth.json": OURS },
    ["other-helper /etc/auth.json: credHelpers, iad.ocir.io"],
    [],
  ],
  [
    "a helper of CRI-O for each registry, but not the files under their name",
    {
      [REGISTRIES]: 'credential-helpers = ["containers-auth.json"]\n',
      [`${REGISTRIES}.d/9.conf`]: 'credential-helpers = [\n  "containers-auth.json",\n  "ocir",\n]\n',
    },
    [`other-helper ${REGISTRIES} or ${ROOTS_REGISTRIES}: credential-helpers, ocir`],
    [],
  ],
  [
    "a helper in root's own list of registries",
    { [ROOTS_REGISTRIES]: 'credential-helpers = ["ocir"]' },
    [`other-helper ${REGISTRIES} or ${ROOTS_REGISTRIES}: credential-helpers, ocir`],
    [],
  ],
  ["nothing in files of another form", { [OF_ROOT]: "[", "/run/containers/0/auth.json": "null" }, [], []],
  ["nothing in a file with empty keys", { [OF_ROOT]: '{"auths": null, "credHelpers": null}' }, [], []],
])("checkOtherLogins finds %s", async (_what, texts, onCriO, onContainerd) => {
  expect(await found("CRI-O", texts)).toEqual(onCriO);
  expect(await found("containerd", texts)).toEqual(onContainerd);
});

function both(...expected: string[]): [string[], string[]] {
  return [expected, expected];
}

it.each([
  ["our helper", "ocir", { tokenExchange: "oke", rootHelper: "node" }, "root-helper-open"],
  ["another helper", "pass", { tokenExchange: "oke", rootHelper: "node" }, "other-helper"],
  ["our helper, which refuses", "ocir", { tokenExchange: "oke" }, "other-helper"],
  ["our helper without service accounts", "ocir", { rootHelper: "node" }, "other-helper"],
])("checkOtherLogins reports %s", async (_what, helper, settings, name) => {
  const text = JSON.stringify({ credHelpers: { "iad.ocir.io": helper } });
  expect(await found("CRI-O", { [OF_ROOT]: text }, settings)).toEqual([`${name} ${OF_ROOT}: credHelpers, iad.ocir.io`]);
});
