import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createHome, type Home, KEYS, PEM, SIGNAL, TENANCY, tokenOf } from "../../test/home.ts";
import { createCliSession } from "./cli-session.ts";

/** As `oci session authenticate` leaves it. */
function homeWith(claims: object = {}, key = PEM): Home {
  const home = createHome();
  home.write(
    ".oci/config",
    "[ME]\nregion=ap-seoul-1\nkey_file=~/.oci/sessions/ME/key.pem\nsecurity_token_file=~/.oci/sessions/ME/token\n",
  );
  home.write(".oci/sessions/ME/key.pem", key);
  home.write(".oci/sessions/ME/token", tokenOf(home, claims));
  return home;
}

const provider = (home: Home, variables = {}) =>
  createCliSession({ session: { profile: "ME" } }, home.context(variables));

describe("createCliSession", () => {
  it("signs with the token, for ten minutes at most", async () => {
    const home = homeWith();
    const { value, expiresAtMs } = await provider(home).session(SIGNAL);
    expect([value.keyId.reveal(), value.tenancyId]).toEqual([`ST$${tokenOf(home)}`, TENANCY]);
    expect(value.privateKey.equals(KEYS.privateKey)).toBe(true);
    expect(expiresAtMs - home.clock.monotonicMs()).toBe(600_000);
    expect(await provider(home).region(SIGNAL)).toMatchObject({ key: "icn" });
  });

  it("ends with the token, and follows a file that the command line has rewritten", async () => {
    const home = homeWith({ exp: createHome().clock.wallMs() / 1_000 + 60 });
    const principal = provider(home);
    expect((await principal.session(SIGNAL)).expiresAtMs - home.clock.monotonicMs()).toBe(60_000);
    await home.clock.advance(60_000);
    await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "session-expired" });
    const token = home.write(".oci/sessions/ME/token", `${tokenOf(home)}\n`);
    expect((await principal.session(SIGNAL)).value.keyId.reveal()).toBe(`ST$${tokenOf(home)}`);
    const moved = home.write("token", tokenOf(home));
    expect(await provider(home, { OCI_CLI_SECURITY_TOKEN_FILE: moved }).session(SIGNAL)).toBeDefined();
    home.write(".oci/sessions/ME/token", tokenOf(home, { sub: "ocid1.user.oc1..other" }));
    await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "identity-changed" });
    expect(token).toContain(home.path);
  });

  const other = String(
    generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
  );
  it.each<[code: string, change: (home: Home) => void, key?: string]>([
    ["oci-config-incomplete", (home) => home.write(".oci/config", "[ME]\nkey_file=~/key\n")],
    ["identity-file-permissions", (home) => home.write(".oci/sessions/ME/token", tokenOf(home), 0o644)],
    ["security-token-invalid", (home) => home.write(".oci/sessions/ME/token", "")],
    ["security-token-invalid", (home) => home.write(".oci/sessions/ME/token", tokenOf(home, { exp: "soon" }))],
    ["security-token-key", () => undefined, other],
  ])("reports %s", async (code, change, key) => {
    const home = homeWith({}, key);
    change(home);
    const error = await provider(home)
      .session(SIGNAL)
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code, place: expect.stringContaining("[ME] security_token_file") });
    expect(JSON.stringify(error.message)).not.toContain(tokenOf(home).split(".")[1]);
  });
});
