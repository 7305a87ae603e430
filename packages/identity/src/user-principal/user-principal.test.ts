import { describe, expect, it } from "vitest";
import { COMPLETE, createHome, FINGERPRINT, type Home, KEYS, PEM, SIGNAL, TENANCY, USER } from "../../test/home.ts";
import type { SigningSession } from "../provider.ts";
import { createUserPrincipal } from "./user-principal.ts";

const KEY_ID = `${TENANCY}/${USER}/${FINGERPRINT}`;
const PASS = { cipher: "aes-256-cbc", passphrase: "a = b # c ; d" } as const;

function homeWith(config: string | undefined, key: string = PEM, mode?: number): Home {
  const home = createHome();
  if (config !== undefined) home.write(".oci/config", config);
  home.write(".oci/key.pem", key, mode);
  return home;
}

async function sessionIn(home: Home, variables = {}, settings = {}): Promise<SigningSession> {
  return (await createUserPrincipal({ user: settings }, home.context(variables)).session(SIGNAL)).value;
}

function expectUser({ keyId, privateKey, tenancyId }: SigningSession): void {
  expect([keyId.reveal(), tenancyId, privateKey.equals(KEYS.privateKey)]).toEqual([KEY_ID, TENANCY, true]);
}

describe("createUserPrincipal", () => {
  it("does not wait for a pipe in the place of the profile or the key", async () => {
    const home = homeWith(`[DEFAULT]\n${COMPLETE}`);
    home.pipe(".oci/key.pem");
    expect(await sessionIn(home).catch((error) => error.code)).toBe("identity-file-unreadable");
    home.pipe(".oci/config");
    expect(await sessionIn(home).catch((error) => error.code)).toBe("oci-config-unreadable");
  });

  it.each([
    ["the profile DEFAULT", `[DEFAULT]\n${COMPLETE}`, {}],
    ["a profile without a DEFAULT", `[ME]\n${COMPLETE}`, { profile: "ME" }],
    ["what a profile inherits", `[DEFAULT]\nuser=no\n${COMPLETE}[ME]\nuser = ${USER}\n`, { profile: "ME" }],
    ["a DEFAULT after the profile", `[ME]\nuser=${USER}\n[DEFAULT]\n${COMPLETE}`, { profile: "ME" }],
    [
      "comments, white space, CRLF and capitals",
      `# a\r\n;b\r\n\r\n [DEFAULT] \r\n${COMPLETE.replace(/^\w+=/gm, (key) => ` ${key.toUpperCase()} `).replaceAll("\n", "\r\n")}`,
      {},
    ],
    ["a fingerprint in capitals", `[DEFAULT]\n${COMPLETE.replace(FINGERPRINT, FINGERPRINT.toUpperCase())}`, {}],
  ])("reads %s", async (_what, config, settings) => {
    expectUser(await sessionIn(homeWith(config), {}, settings));
  });

  it.each([
    ["OCI_CONFIG_FILE", (file: string) => ({ OCI_CONFIG_FILE: file }), {}],
    ["OCI_CLI_CONFIG_FILE before it", (file: string) => ({ OCI_CONFIG_FILE: "/none", OCI_CLI_CONFIG_FILE: file }), {}],
    ["OCI_CLI_PROFILE", (file: string) => ({ OCI_CONFIG_FILE: file, OCI_CLI_PROFILE: "DEFAULT" }), {}],
    ["user.configFile before both", () => ({ OCI_CLI_CONFIG_FILE: "/none" }), { configFile: "~/mine" }],
  ])("finds the file by %s", async (_what, variables, settings) => {
    const home = homeWith(undefined);
    expectUser(await sessionIn(home, variables(home.write("mine", `[DEFAULT]\n${COMPLETE}`)), settings));
  });

  it("takes everything from the command line's variables, which win over a file", async () => {
    const variables = {
      OCI_CLI_USER: USER,
      OCI_CLI_FINGERPRINT: FINGERPRINT,
      OCI_CLI_TENANCY: TENANCY,
      OCI_CLI_REGION: "ap-seoul-1",
    };
    expectUser(await sessionIn(homeWith(undefined), { ...variables, OCI_CLI_KEY_CONTENT: PEM }));
    const other = COMPLETE.replace(USER, "ocid1.user.oc1..other").replace(FINGERPRINT, "00");
    expectUser(await sessionIn(homeWith(`[DEFAULT]\n${other}`), { ...variables, OCI_CLI_KEY_FILE: "~/.oci/key.pem" }));
  });

  it.each([
    ["PKCS#8", PEM],
    ["PKCS#8 with the Console's last line", `${PEM}OCI_API_KEY\n`],
    ["PKCS#1", KEYS.privateKey.export({ type: "pkcs1", format: "pem" })],
    ["encrypted PKCS#8", KEYS.privateKey.export({ type: "pkcs8", format: "pem", ...PASS })],
    ["encrypted PKCS#1", KEYS.privateKey.export({ type: "pkcs1", format: "pem", ...PASS })],
  ])("reads a key in %s", async (_form, key) => {
    expectUser(await sessionIn(homeWith(`[DEFAULT]\n${COMPLETE}pass_phrase=${PASS.passphrase}\n`, String(key))));
  });

  const encrypted = String(KEYS.privateKey.export({ type: "pkcs8", format: "pem", ...PASS }));
  const publicKey = String(KEYS.publicKey.export({ type: "spki", format: "pem" }));
  it.each<[code: string, place: string, config: string | undefined, key?: string, mode?: number, profile?: string]>([
    ["oci-config-incomplete", "config [DEFAULT] tenancy", undefined],
    [
      "oci-config-incomplete",
      "config [DEFAULT] key_file",
      `[DEFAULT]\n${COMPLETE.replace(/key_file.*/, "key_content=x")}`,
    ],
    ["oci-config-invalid", ".oci/config", `[DEFAULT]\n${COMPLETE}sesame\n`],
    ["oci-config-invalid", "config [DEFAULT] user", `[DEFAULT]\n${COMPLETE.replace(USER, 'me",x="')}`],
    ["oci-config-unreadable", ".oci/config", undefined, PEM, 0o600, "ME"],
    ["oci-profile-missing", "config [ME]", `[DEFAULT]\n${COMPLETE}`, PEM, 0o600, "ME"],
    ["identity-file-unreadable", "key_file", `[DEFAULT]\n${COMPLETE.replace("key.pem", "none.pem")}`],
    ["identity-file-permissions", "key_file", `[DEFAULT]\n${COMPLETE}`, PEM, 0o640],
    ["identity-file-permissions", "key_file", `[DEFAULT]\n${COMPLETE}`, PEM, 0o604],
    ["key-invalid", "key_file", `[DEFAULT]\n${COMPLETE}`, publicKey],
    ["key-invalid", "key_file", `[DEFAULT]\n${COMPLETE}`, ""],
    ["key-encrypted", "key_file", `[DEFAULT]\n${COMPLETE}`, encrypted],
    ["key-encrypted", "key_file", `[DEFAULT]\n${COMPLETE}pass_phrase=sesame\n`, encrypted],
    ["key-fingerprint", "fingerprint", `[DEFAULT]\n${COMPLETE.replace(FINGERPRINT, "00:11")}`],
  ])("reports %s of %s", async (code, place, config, key, mode, profile) => {
    const home = homeWith(config, key, mode);
    const error = await sessionIn(home, {}, { profile }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(place) });
    expect(`${error.message}${error.cause ?? ""}`).not.toMatch(/sesame|BEGIN/);
  });

  it("reads the files again, accepts a new key and refuses another user", async () => {
    const home = homeWith(`[DEFAULT]\n${COMPLETE}`);
    const provider = createUserPrincipal({ user: {} }, home.context());
    const { obtainedAtMs, expiresAtMs } = await provider.session(SIGNAL);
    expect(expiresAtMs - obtainedAtMs).toBe(600_000);
    home.write(".oci/config", `[DEFAULT]\n${COMPLETE.replace("key.pem", "new.pem")}`);
    home.write(".oci/new.pem", PEM);
    await provider.session(SIGNAL);
    home.write(".oci/config", `[DEFAULT]\n${COMPLETE.replace(USER, `${USER}c`)}`);
    await expect(provider.session(SIGNAL)).rejects.toMatchObject({ code: "identity-changed" });
  });

  it.each([
    ["ap-seoul-1", { id: "ap-seoul-1", key: "icn", realmDomain: "oraclecloud.com" }],
    ["ICN", { id: "ap-seoul-1" }],
    ["moon-base-1", "oci-region-unknown"],
    ["", "oci-config-incomplete"],
  ])("finds the region %j", async (region, expected) => {
    const home = homeWith(`[DEFAULT]\n${COMPLETE.replace("ap-seoul-1", region)}`);
    const found = createUserPrincipal({ user: {} }, home.context()).region(SIGNAL);
    if (typeof expected === "string") await expect(found).rejects.toMatchObject({ code: expected });
    else expect(await found).toMatchObject(expected);
  });
});
