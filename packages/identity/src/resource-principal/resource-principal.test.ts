import { describe, expect, it } from "vitest";
import { createHome, type Home, KEYS, PEM, SIGNAL, startedIn, TENANCY, tokenOf } from "../../test/home.ts";
import { describeProvider, type Started } from "../../test/provider-conformance.ts";
import { createResourcePrincipal } from "./resource-principal.ts";

const PREFIX = "OCI_RESOURCE_PRINCIPAL_";
const PASS_PHRASE = "PRIVATE_PEM_PASSPHRASE";
const ENCRYPTED = String(
  KEYS.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "sesame" }),
);

function provider(home: Home, changes: object) {
  const token = tokenOf(home, { res_tenant: TENANCY, tenant: undefined });
  const values = { VERSION: "2.2", RPST: token, PRIVATE_PEM: PEM, REGION: "us-ashburn-1", ...changes };
  const variables = Object.entries(values).map(([name, value]) => [PREFIX + name, value]);
  return createResourcePrincipal({}, home.context(Object.fromEntries(variables)));
}

function start(changes: (home: Home) => object = () => ({})): Started {
  const home = createHome();
  return startedIn(home, provider(home, changes(home)));
}

function piped(home: Home): object {
  home.pipe("rpst");
  return { RPST: `${home.path}/rpst` };
}

const at = (name: string) => ({ subject: PREFIX + name });

describeProvider("createResourcePrincipal", {
  start,
  session: {
    parts: { keyId: expect.stringMatching(/^ST\$/), privateKeyPem: PEM, lifeMs: 600_000 },
    regionKey: "iad",
  },
  refusedAs: "resource-principal-refused",
  refused: [
    ["an old token", "resource-principal-expired", (home) => ({ RPST: tokenOf(home, { exp: 1 }) }), at("RPST")],
    ["no version", "resource-principal-missing", () => ({ VERSION: "" }), at("VERSION")],
    ["version 1.1", "resource-principal-version", () => ({ VERSION: "1.1" }), at("VERSION")],
    ["no token", "resource-principal-missing", () => ({ RPST: "" }), at("RPST")],
    ["a pass phrase in a file", "resource-principal-mixed", () => ({ [PASS_PHRASE]: "/run/pass" }), at(PASS_PHRASE)],
    ["no key", "identity-file-unreadable", () => ({ PRIVATE_PEM: "/none" }), at("PRIVATE_PEM")],
    ["a key without its pass phrase", "key-encrypted", () => ({ PRIVATE_PEM: ENCRYPTED }), at("PRIVATE_PEM")],
    ["a text as token", "security-token-invalid", () => ({ RPST: "a.b" }), at("RPST")],
  ],
  failing: [],
  waits: [["a pipe as token", "identity-file-unreadable", () => piped]],
});

describe("createResourcePrincipal", () => {
  it.each([
    ["values, with a pass phrase", () => ({ PRIVATE_PEM: ENCRYPTED, PRIVATE_PEM_PASSPHRASE: "sesame" })],
    [
      "files, which others may read because the platform owns them",
      (home: Home) => ({
        RPST: home.write("rpst", tokenOf(home, { res_tenant: TENANCY }), 0o644),
        PRIVATE_PEM: home.write("key", ENCRYPTED, 0o644),
        PRIVATE_PEM_PASSPHRASE: home.write("pass", "sesame\n", 0o644),
      }),
    ],
    [
      "a pass phrase's file with a line of Windows",
      (home: Home) => ({
        PRIVATE_PEM: home.write("key", ENCRYPTED),
        PRIVATE_PEM_PASSPHRASE: home.write("pass", "sesame\r\n"),
      }),
    ],
  ])("reads %s", async (_what, changes) => {
    const home = createHome();
    const principal = provider(home, changes(home));
    const { value } = await principal.session(SIGNAL);
    expect(value.keyId.reveal()).toMatch(/^ST\$/);
    expect(value.privateKey.equals(KEYS.privateKey)).toBe(true);
    expect(await principal.region(SIGNAL)).toMatchObject({ key: "iad" });
  });

  it("reads a file again when the platform has rewritten it", async () => {
    const home = createHome();
    const file = home.write("rpst", tokenOf(home));
    const principal = provider(home, { RPST: file });
    await principal.session(SIGNAL);
    await home.clock.advance(3_600_000);
    await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "resource-principal-expired" });
    home.write("rpst", tokenOf(home));
    await principal.session(SIGNAL);
  });
});
