/** docker-credential-ocir and doctor for a user who is not root and has no daemon, as on a laptop, or in a container of a CI job. */
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";
import { BROKER, SHIM } from "../daemon.ts";

const HOST = "icn.ocir.io";
const FOLDERS = ["", ".oci", ".config", ".config/ocir-broker", "run", "run/ocir-broker"];
const isRoot = process.geteuid?.() === 0;
/** Root becomes the user nobody. */
const USER_ID = isRoot ? 65_534 : (process.geteuid?.() ?? 0);

function runAsUser(command: readonly string[], env: Readonly<Record<string, string>>, stdin = "") {
  const change = isRoot ? ["setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups"] : [];
  const [path = "", ...args] = [...change, ...command];
  return callCredentialProvider({ path, args, env, stdin });
}

/** A person with an API key in `~/.oci`, on a machine without the node's daemon, until the test ends. */
async function createPerson() {
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
  };
  const files = {
    ".oci/config": `[DEFAULT]\n${lines.map(([name, value]) => `${name}=${value}\n`).join("")}`,
    ".oci/key.pem": privateKey.export({ type: "pkcs1", format: "pem", ...encryption }),
    ".config/ocir-broker/config.yaml": JSON.stringify(config),
  };
  for (const folder of FOLDERS) mkdirSync(join(home, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text, { mode: 0o600 });
  for (const name of [...FOLDERS, ...Object.keys(files)]) chownSync(join(home, name), USER_ID, USER_ID);
  const helper = join(home, "docker-credential-ocir");
  symlinkSync(SHIM, helper);
  const env = { HOME: home, PATH: String(process.env["PATH"]) };
  return {
    ...{ simulator, env },
    exposeKey: () => chmodSync(join(home, ".oci/key.pem"), 0o644),
    get: (variables: Readonly<Record<string, string>> = {}) =>
      runAsUser([helper, "get"], { ...env, ...variables }, `https://${HOST}\n`),
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
  expect(refused.stdout).toMatch(/^ocir-broker: identity-file-permissions: .*key_file; chmod 600 .*\n$/);
  const wrong = await person.get({ OCI_CLI_AUTH: "instance_obo_user" });
  expect(wrong.stdout).toMatch(
    /^ocir-broker: config-invalid: .*OCI_CLI_AUTH must be instance_principal, api_key, .*\n$/,
  );
  const session = await person.get({ OCI_CLI_AUTH: "security_token" });
  expect(session.stdout).toMatch(/oci-config-incomplete: .*\[DEFAULT\] security_token_file/);
  const seen = [refused, wrong, session].map((each) => each.stdout).join("");
  expect(seen).not.toMatch(/sesame|BEGIN|ocid1/);
});

it.each([
  ["nothing", 0, "identity-ok"],
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
