/** docker-credential-ocir, get and doctor for a user who is not root and has no daemon, as on a laptop, or in a container of a CI job. */
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it, onTestFinished } from "vitest";
import { BROKER, DOCKER_HELPER } from "../daemon.ts";

const HOST = "icn.ocir.io";
const FOLDERS = ["", ".oci", ".config", ".config/ocir-broker", "run", "run/ocir-broker"];
const isRoot = process.geteuid?.() === 0;
/** Root becomes the user nobody. */
const USER_ID = isRoot ? 65_534 : (process.geteuid?.() ?? 0);
/** For chown: the group stays. Not every user has the number of their group. */
const KEEP = -1;

function runAsUser(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  { stdin = "", userId = USER_ID } = {},
) {
  const change = isRoot ? ["setpriv", `--reuid=${userId}`, `--regid=${userId}`, "--clear-groups"] : [];
  const [path = "", ...args] = [...change, ...command];
  return callCredentialProvider({ path, args, env, stdin });
}

/** A person with an API key in `~/.oci`, on a machine without the node's daemon, until the test ends. */
async function createPerson(userId = USER_ID) {
  const home = temporaryFolder();
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const encryption = { cipher: "aes-128-cbc", passphrase: "open = sesame" };
  const key = simulator.addApiKey(String(publicKey.export({ type: "spki", format: "pem" })));
  const lines = Object.entries({ ...key, key_file: "~/.oci/key.pem", pass_phrase: encryption.passphrase });
  const config = {
    registries: { prefetch: [], endpoints: { [HOST]: simulator.registryUrl.origin } },
    log: { level: "trace" },
    // Only root's helper refuses then.
    serviceAccounts: { tokenExchange: "oke" },
  };
  const files = {
    ".oci/config": `[DEFAULT]\n${lines.map(([name, value]) => `${name}=${value}\n`).join("")}`,
    ".oci/key.pem": privateKey.export({ type: "pkcs1", format: "pem", ...encryption }),
    ".config/ocir-broker/config.yaml": JSON.stringify(config),
  };
  for (const folder of FOLDERS) mkdirSync(join(home, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text, { mode: 0o600 });
  for (const name of [...FOLDERS, ...Object.keys(files)]) chownSync(join(home, name), userId, KEEP);
  const helper = join(home, "docker-credential-ocir");
  symlinkSync(DOCKER_HELPER, helper);
  const env = { HOME: home, PATH: String(process.env["PATH"]) };
  return {
    ...{ simulator, env },
    configPath: join(home, ".config/ocir-broker/config.yaml"),
    runtimeFolder: join(home, "run"),
    exposeKey: () => chmodSync(join(home, ".oci/key.pem"), 0o644),
    get: (variables: Readonly<Record<string, string>> = {}) =>
      runAsUser([helper, "get"], { ...env, ...variables }, { stdin: `https://${HOST}\n` }),
    brokerGet: (args: readonly string[] = [], variables: Readonly<Record<string, string>> = {}) =>
      runAsUser([BROKER, "get", ...args, `${HOST}/acme/shop/web`], { ...env, ...variables }, { userId }),
  };
}

it("a user without a daemon gets a token with the user's API key, and no error shows a secret", async () => {
  const person = await createPerson();
  const { exitCode, stdout, stderr } = await person.get();
  expect([exitCode, stderr]).toEqual([0, ""]);
  const response = JSON.parse(stdout);
  expect(response).toMatchObject({ ServerURL: `https://${HOST}`, Username: "BEARER_TOKEN" });
  expect(claimsOf(response.Secret)).toMatchObject({ aud: person.simulator.registryUrl.host, ptype: "user" });

  person.exposeKey();
  const refused = await person.get();
  expect([refused.exitCode, refused.stderr]).toEqual([1, ""]);
  expect(refused.stdout).toMatch(
    /^ocir-broker: identity-file-permissions: .*key_file; .*chmod 600 your own file .*\n$/,
  );
  const wrong = await person.get({ OCI_CLI_AUTH: "instance_obo_user" });
  expect(wrong.stdout).toMatch(
    /^ocir-broker: config-invalid: .*OCI_CLI_AUTH must be instance_principal, api_key, .*\n$/,
  );
  const session = await person.get({ OCI_CLI_AUTH: "security_token" });
  expect(session.stdout).toMatch(/oci-config-incomplete: .*\[DEFAULT\] security_token_file/);
  const seen = [refused, wrong, session].map((each) => each.stdout).join("");
  expect(seen).not.toMatch(/sesame|BEGIN|ocid1/);
});

const AS_NODE = { OCI_CLI_AUTH: "instance_principal" };

/** Root can become anybody; an ordinary user has only their own rows. */
const GET_ROWS: [
  who: string,
  userId: number,
  isFileNamed: boolean,
  args: string[],
  variables: Record<string, string>,
][] = [
  ["a user", USER_ID, false, [], {}],
  ["a user who names the file", USER_ID, true, [], {}],
  ["a user who names the identity", USER_ID, false, ["--identity", "user"], AS_NODE],
  ["a user with an identity that we do not have", USER_ID, false, ["--identity", "user"], { OCI_CLI_AUTH: "other" }],
  ["root with --user", 0, false, ["--user"], {}],
  ["root who names the identity", 0, false, ["--identity", "user"], AS_NODE],
  ["root with OCI_CLI_AUTH", 0, true, [], { OCI_CLI_AUTH: "api_key" }],
];

describe("ocir-broker get", () => {
  it.each(GET_ROWS.filter(([, userId]) => isRoot || userId === USER_ID))(
    "of %s signs with the user's API key",
    async (_who, userId, isFileNamed, args, variables) => {
      const person = await createPerson(userId);
      const all = [...(isFileNamed ? ["--config", person.configPath] : []), "--output", "password", ...args];
      const { stdout, stderr } = await person.brokerGet(all, variables);
      expect(stderr).toBe("");
      expect(claimsOf(stdout)).toMatchObject({ aud: person.simulator.registryUrl.host, ptype: "user" });
    },
  );

  it("asks the user's own daemon, unless an identity is named", async () => {
    const person = await createPerson();
    const socket = join(person.runtimeFolder, "ocir-broker/credentials.sock");
    await serveOnSocket((_request, response) => response.end('{"from":"daemon"}'), socket);
    chownSync(socket, USER_ID, KEEP);
    const own = { XDG_RUNTIME_DIR: person.runtimeFolder };
    expect((await person.brokerGet([], own)).stdout).toBe('{"from":"daemon"}\n');
    expect((await person.brokerGet(["--identity", "user"], own)).stdout).toContain("BEARER_TOKEN");
  });
});

it.each([
  ["nothing", 0, "session-ok"],
  ["an unsafe key", 1, "identity-file-permissions"],
])("doctor --identity user finds %s on a laptop", async (error, exitCode, name) => {
  const person = await createPerson();
  if (error === "an unsafe key") person.exposeKey();
  const options = ["doctor", "--identity", "user", "--output", "json", `${HOST}/acme/shop/web`];
  const result = await runAsUser([BROKER, ...options], person.env);
  const { findings } = JSON.parse(result.stdout) as { findings: { name: string; verdict: string }[] };
  const names = findings.map((finding) => finding.name);
  expect(names).toContain(name);
  expect(names.filter((each) => each.startsWith("kubelet"))).toEqual([]);
  expect(result.exitCode).toBe(exitCode);
  if (exitCode === 0) expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
});

it("doctor first prints that it should run as root", async () => {
  const env = { OCI_METADATA_BASE_URL: "http://127.0.0.1:1/opc/v2" };
  const { stdout, stderr } = await runAsUser([BROKER, "doctor"], env);
  expect(stderr).toMatch(/^ocir-broker: run doctor as root; /);
  expect(stdout).toContain("PROBLEM");
});
