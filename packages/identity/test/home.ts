/** A person's home directory with `~/.oci`, and providers that read it. */
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import type { IdentityProvider, IdentityProviderContext } from "../src/identity-provider.ts";
import type { Started } from "./provider-conformance.ts";

export const TENANCY = "ocid1.tenancy.oc1..aaaa";
export const USER = "ocid1.user.oc1..bbbb";
export const SIGNAL = new AbortController().signal;

/** One key is enough: to make it takes a second. */
export const KEYS = generateKeyPairSync("rsa", { modulusLength: 2_048 });
export const PEM = String(KEYS.privateKey.export({ type: "pkcs8", format: "pem" }));
export const FINGERPRINT = String(
  createHash("md5")
    .update(KEYS.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex")
    .match(/../g)
    ?.join(":"),
);

export const COMPLETE = `user=${USER}\nfingerprint=${FINGERPRINT}\ntenancy=${TENANCY}\nregion=ap-seoul-1\nkey_file=~/.oci/key.pem\n`;

export type Home = ReturnType<typeof createHome>;

export function createHome() {
  const path = temporaryFolder();
  const clock = createFakeClock();
  const send = () => Promise.reject(new Error("a file identity sends nothing"));
  return {
    path,
    clock,
    /** With HOME and the given variables. No request can be sent. */
    context: (variables: Readonly<Record<string, string>> = {}): IdentityProviderContext => ({
      clock,
      random: () => 0.5,
      environment: { HOME: path, ...variables },
      sendMetadata: send,
      sendAuth: send,
    }),
    /** @param name below the home. */
    write(name: string, text: string, mode = 0o600) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      // Also one that only root could overwrite.
      rmSync(file, { force: true });
      writeFileSync(file, text);
      chmodSync(file, mode);
      return file;
    },
    pipe(name: string) {
      rmSync(join(path, name), { force: true });
      execFileSync("mkfifo", [join(path, name)]);
    },
  };
}

/** A provider that reads this home, for describeProvider. The passphrase `sesame` and the signature of all tokens are secrets too. */
export function startedIn({ clock }: Home, provider: IdentityProvider): Started {
  const secrets = ["BEGIN", "sesame", SIGNATURE, ...PEM.split("\n").filter((line) => line.length === 64)];
  return { provider, clock, requests: () => [], secrets: () => secrets };
}

const SIGNATURE = Buffer.from("signature").toString("base64url");

/** A security token that ends in an hour of the home's clock and is bound to the key, unless `claims` say otherwise. */
export function tokenOf({ clock }: Pick<Home, "clock">, claims: object = {}): string {
  const jwk = JSON.stringify({ ...KEYS.publicKey.export({ format: "jwk" }), kid: "session" });
  const iat = clock.wallMs() / 1_000;
  return jwtOf({ iat, exp: iat + 3_600, sub: USER, tenant: TENANCY, jwk, ...claims }, SIGNATURE);
}
