/** A user on a laptop, who is not root: an API key, docker's helper, and the user's own daemon. */
import { generateKeyPairSync } from "node:crypto";
import { chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";
import { SHIM } from "./daemon.ts";

export const HOST = "icn.ocir.io";
/** Root becomes the user nobody. */
export const USER_ID = process.geteuid?.() === 0 ? 65_534 : (process.geteuid?.() ?? 0);
export const AS_USER =
  process.geteuid?.() === 0 ? ["setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups"] : [];

export interface Person {
  readonly simulator: Simulator;
  readonly home: string;
  readonly pem: string;
  readonly env: Readonly<Record<string, string>>;
  get(variables?: Readonly<Record<string, string>>): ReturnType<typeof callCredentialProvider>;
}

/** A person with an API key in `~/.oci`, on a machine without the node's daemon, until the test ends. */
export async function createPerson(): Promise<Person> {
  const home = temporaryFolder();
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
  const env = { HOME: home, PATH: String(process.env["PATH"]) };
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
