/** docker-credential-ocir for a user who is not root: by itself, as in a container of a CI job, and with the user's own daemon. */
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { expect, it, onTestFinished } from "vitest";
import { BROKER } from "../daemon.ts";
import { AS_USER, createPerson, HOST, type Person, startUserDaemon, USER_ID } from "../person.ts";
import { claimsOf } from "./stage.ts";

async function personOfTest(): Promise<Person> {
  const person = await createPerson();
  onTestFinished(() => person.leave());
  return person;
}

const secretOf = (stdout: Buffer): string => JSON.parse(stdout.toString()).Secret;

it("a user without a daemon gets a token with the user's API key, and no error shows a secret", async () => {
  const person = await personOfTest();
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
  ["nothing", 0, "identity-ok"],
  ["an unsafe key", 1, "identity-file-permissions"],
])("doctor --identity user finds %s on a laptop", async (fault, exitCode, name) => {
  const person = await personOfTest();
  if (fault === "an unsafe key") chmodSync(join(person.home, ".oci/key.pem"), 0o644);
  const options = ["doctor", "--identity", "user", "--output", "json", `${HOST}/acme/shop/web`];
  const [path = "", ...args] = [...AS_USER, BROKER, ...options];
  const result = await callCredentialProvider({ path, args, env: person.env, stdin: "" });
  const { findings } = JSON.parse(result.stdout.toString()) as { findings: { name: string; verdict: string }[] };
  expect(findings.map((finding) => finding.name)).toContain(name);
  expect(findings.map((finding) => finding.name)).not.toContain("kubelet-missing");
  expect(result.exitCode).toBe(exitCode);
  if (exitCode === 0) expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
});

it("a user's daemon answers that user alone, with the identity of the user's file, and logs no secret", async () => {
  const person = await personOfTest();
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
