/** docker-credential-ocir and doctor for a user who is not root and has no daemon, as in a container of a CI job. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { AS_USER, createPerson, HOST } from "../person.ts";
import { claimsOf } from "./stage.ts";

it("a user without a daemon gets a token with the user's API key, and no error shows a secret", async () => {
  const person = await createPerson();
  const { exitCode, stdout, stderr } = await person.get();
  expect([exitCode, stderr]).toEqual([0, ""]);
  const response = JSON.parse(stdout.toString());
  expect(response).toMatchObject({ ServerURL: `https://${HOST}`, Username: "BEARER_TOKEN" });
  expect(claimsOf(response.Secret)).toMatchObject({ aud: person.simulator.registryUrl.host, ptype: "user" });

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
])("doctor --identity user finds %s on a laptop", async (error, exitCode, name) => {
  const person = await createPerson();
  if (error === "an unsafe key") chmodSync(join(person.home, ".oci/key.pem"), 0o644);
  const options = ["doctor", "--identity", "user", "--output", "json", `${HOST}/acme/shop/web`];
  const [path = "", ...args] = [...AS_USER, BROKER, ...options];
  const result = await callCredentialProvider({ path, args, env: person.env, stdin: "" });
  const { findings } = JSON.parse(result.stdout.toString()) as { findings: { name: string; verdict: string }[] };
  const names = findings.map((finding) => finding.name);
  expect(names).toContain(name);
  expect(names.filter((each) => each.startsWith("kubelet"))).toEqual([]);
  expect(result.exitCode).toBe(exitCode);
  if (exitCode === 0) expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
});

it("doctor first prints that it should run as root", async () => {
  const [path = "", ...args] = [...AS_USER, BROKER, "doctor"];
  const env = { OCI_METADATA_BASE_URL: "http://127.0.0.1:1/opc/v2" };
  const { stdout, stderr } = await callCredentialProvider({ path, args, env, stdin: "" });
  expect(stderr).toMatch(/^ocir-broker: run doctor as root; /);
  expect(stdout.toString()).toContain("PROBLEM");
});
