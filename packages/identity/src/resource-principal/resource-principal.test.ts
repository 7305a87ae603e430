import { describe, expect, it } from "vitest";
import { createHome, type Home, KEYS, PEM, SIGNAL, TENANCY, tokenOf } from "../../test/home.ts";
import { createResourcePrincipal } from "./resource-principal.ts";

const PREFIX = "OCI_RESOURCE_PRINCIPAL_";
const ENCRYPTED = String(
  KEYS.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "sesame" }),
);

const variablesOf = (home: Home, changes: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(
    Object.entries({
      VERSION: "2.2",
      RPST: tokenOf(home, { res_tenant: TENANCY, tenant: undefined }),
      PRIVATE_PEM: PEM,
      REGION: "us-ashburn-1",
      ...changes,
    }).map(([name, value]) => [PREFIX + name, value]),
  );

const provider = (home: Home, changes = {}) => createResourcePrincipal({}, home.context(variablesOf(home, changes)));

describe("createResourcePrincipal", () => {
  it.each([
    ["values", () => ({})],
    ["values, with a pass phrase", () => ({ PRIVATE_PEM: ENCRYPTED, PRIVATE_PEM_PASSPHRASE: "sesame" })],
    [
      "files, which others may read because the platform owns them",
      (home: Home) => ({
        RPST: home.write("rpst", tokenOf(home, { res_tenant: TENANCY }), 0o644),
        PRIVATE_PEM: home.write("key", ENCRYPTED, 0o644),
        PRIVATE_PEM_PASSPHRASE: home.write("pass", "sesame\n", 0o644),
      }),
    ],
  ])("reads %s", async (_what, changes) => {
    const home = createHome();
    const principal = provider(home, changes(home));
    const { value } = await principal.session(SIGNAL);
    expect([value.keyId.reveal().slice(0, 3), value.tenancyId]).toEqual(["ST$", TENANCY]);
    expect(value.privateKey.equals(KEYS.privateKey)).toBe(true);
    expect(await principal.region(SIGNAL)).toMatchObject({ key: "iad" });
  });

  it("reads a file again, which the platform has rewritten", async () => {
    const home = createHome();
    const file = home.write("rpst", tokenOf(home));
    const principal = provider(home, { RPST: file });
    await principal.session(SIGNAL);
    await home.clock.advance(3_600_000);
    await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "resource-principal-expired" });
    home.write("rpst", tokenOf(home));
    await principal.session(SIGNAL);
  });

  it.each([
    ["resource-principal-missing", "VERSION", { VERSION: "" }],
    ["resource-principal-version", "VERSION", { VERSION: "1.1" }],
    ["resource-principal-missing", "RPST", { RPST: "" }],
    ["resource-principal-mixed", "PRIVATE_PEM_PASSPHRASE", { PRIVATE_PEM_PASSPHRASE: "/run/pass" }],
    ["identity-file-unreadable", "PRIVATE_PEM", { PRIVATE_PEM: "/none" }],
    ["key-encrypted", "PRIVATE_PEM", { PRIVATE_PEM: ENCRYPTED }],
    ["security-token-invalid", "RPST", { RPST: "a.b" }],
  ])("reports %s of %s", async (code, name, changes) => {
    const error = provider(createHome(), changes).session(SIGNAL);
    await expect(error).rejects.toMatchObject({ code, place: PREFIX + name });
  });
});
