/** docker-credential-ocir for a user who is not root: by itself, as in a container of a CI job, and with the user's own daemon. */
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { BROKER, SHIM, takesConnections } from "../daemon.ts";
import { claimsOf } from "./stage.ts";

const HOST = "icn.ocir.io";
/** Root becomes the user nobody. */
const USER_ID = process.geteuid?.() === 0 ? 65_534 : (process.geteuid?.() ?? 0);
const AS_USER =
  process.geteuid?.() === 0 ? ["setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups"] : [];

interface Person {
  readonly simulator: Simulator;
  readonly home: string;
  readonly pem: string;
  readonly env: Readonly<Record<string, string>>;
  get(variables?: Readonly<Record<string, string>>): ReturnType<typeof callCredentialProvider>;
}

/** A person with an API key in `~/.oci`, on a machine without the node's daemon. */
async function createPerson(): Promise<Person> {
  const home = mkdtempSync(join(tmpdir(), "person-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pem = String(
    privateKey.export({ type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "open = sesame" }),
  );
  const key = simulator.addApiKey(String(publicKey.export({ type: "spki", format: "pem" })));
  const lines = Object.entries({ ...key, key_file: "~/.oci/key.pem", pass_phrase: "open = sesame" });
  const config = {
    registries: { prefetch: [], endpoints: { [HOST]: simulator.registryUrl.origin } },
    log: { level: "trace" },
  };
  for (const folder of [".oci", ".config", ".config/ocir-broker", "run", "run/ocir-broker"])
    mkdirSync(join(home, folder));
  const files = {
    ".oci/config": `[DEFAULT]\n${lines.map(([name, value]) => `${name}=${value}\n`).join("")}`,
    ".oci/key.pem": pem,
    ".config/ocir-broker/config.yaml": JSON.stringify(config),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text, { mode: 0o600 });
  symlinkSync(SHIM, join(home, "docker-credential-ocir"));
  for (const name of ["", ".oci", ".config", ".config/ocir-broker", "run", "run/ocir-broker", ...Object.keys(files)])
    chownSync(join(home, name), USER_ID, USER_ID);
  const env = { HOME: home, PATH: String(process.env["PATH"]), OCIR_BROKER_FALLBACK: BROKER };
  return {
    simulator,
    home,
    pem,
    env,
    get(variables = {}) {
      const [path = "", ...args] = [...AS_USER, join(home, "docker-credential-ocir"), "get"];
      return callCredentialProvider({ path, args, env: { ...env, ...variables }, stdin: `https://${HOST}\n` });
    },
  };
}

async function startUserDaemon({ home, env }: Person, variables: Readonly<Record<string, string>>) {
  const [program = "", ...args] = [...AS_USER, BROKER, "serve", "--user"];
  const child = spawn(program, args, { env: { ...env, ...variables }, stdio: ["ignore", "pipe", "pipe"] });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
  const ended = once(child, "exit");
  const socket = join(home, "run/ocir-broker/credentials.sock");
  while (!(await takesConnections(socket))) {
    if (child.exitCode !== null) throw new Error(`the daemon ended: ${Buffer.concat(pieces)}`);
  }
  return {
    socket,
    output: () => Buffer.concat(pieces).toString(),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const secretOf = (stdout: Buffer): string => JSON.parse(stdout.toString()).Secret;

it("a user without a daemon gets a token of the own API key, and no error shows a secret", async () => {
  const person = await createPerson();
  const { exitCode, stdout, stderr } = await person.get();
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout.toString())).toMatchObject({ ServerURL: `https://${HOST}`, Username: "BEARER_TOKEN" });
  expect(claimsOf(secretOf(stdout))).toMatchObject({ aud: person.simulator.registryUrl.host, ptype: "user" });

  chmodSync(join(person.home, ".oci/key.pem"), 0o644);
  const refused = await person.get();
  expect([refused.exitCode, refused.stderr]).toEqual([1, ""]);
  expect(refused.stdout.toString()).toMatch(/^ocir-broker: identity-file-permissions: .*key_file; chmod 600 .*\n$/);
  const wrong = await person.get({ OCI_CLI_AUTH: "instance_obo_user" });
  expect(wrong.stdout.toString()).toMatch(/^ocir-broker: config-invalid: .*identity.provider: must be .*\n$/);
  const session = await person.get({ OCI_CLI_AUTH: "security_token" });
  expect(session.stdout.toString()).toMatch(/oci-config-incomplete: .*\[DEFAULT\] security_token_file/);
  const seen = [refused, wrong, session].map((each) => each.stdout.toString()).join("");
  expect(seen).not.toMatch(/sesame|BEGIN|ocid1/);
});

it.each([
  ["nothing", {}, 0, "identity-ok"],
  ["an unsafe key", {}, 1, "identity-file-permissions"],
  ["a wrong fingerprint", { OCI_CLI_FINGERPRINT: "00:11" }, 1, "key-fingerprint"],
  ["a wrong user", { OCI_CLI_USER: "ocid1.user.oc1..other" }, 1, "api-key-refused"],
])("doctor --identity user finds %s on a laptop", async (fault, variables, exitCode, name) => {
  const person = await createPerson();
  if (fault === "an unsafe key") chmodSync(join(person.home, ".oci/key.pem"), 0o644);
  const options = ["doctor", "--identity", "user", "--output", "json", `${HOST}/acme/shop/web`];
  const [path = "", ...args] = [...AS_USER, BROKER, ...options];
  const result = await callCredentialProvider({ path, args, env: { ...person.env, ...variables }, stdin: "" });
  const { findings } = JSON.parse(result.stdout.toString()) as { findings: { name: string; verdict: string }[] };
  expect(findings.map((finding) => finding.name)).toContain(name);
  expect(findings.map((finding) => finding.name)).not.toContain("kubelet-missing");
  expect(result.exitCode).toBe(exitCode);
  if (exitCode === 0) expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
});

it("a user's daemon answers that user alone, with the identity of the own file, and logs no secret", async () => {
  const person = await createPerson();
  const variables = { XDG_RUNTIME_DIR: join(person.home, "run") };
  const daemon = await startUserDaemon(person, variables);
  try {
    const { uid, mode } = statSync(daemon.socket);
    expect([uid, mode & 0o777]).toEqual([USER_ID, 0o600]);
    const first = secretOf((await person.get(variables)).stdout);
    const second = secretOf((await person.get(variables)).stdout);
    expect(second).toBe(first);
    expect(person.simulator.requests()).toMatchObject({
      "registry.token": 1,
      "auth.x509": 0,
      "metadata.regionInfo": 0,
    });
    const [path = "", ...args] = [...AS_USER, BROKER, "status", "--user"];
    const status = await callCredentialProvider({ path, args, env: { ...person.env, ...variables }, stdin: "" });
    expect(status.stdout.toString()).toContain("identity user, region us-ashburn-1");
    await daemon.stop();
    const log = daemon.output();
    expect(log).toContain('"identity":"user"');
    const secrets = [
      ...person.pem.split("\n").filter((line) => line.length > 40),
      ...first.split("."),
      "sesame",
      "ocid1",
    ];
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
  } finally {
    await daemon.stop();
  }
});
