import { chownSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  COMPLETE,
  createHome,
  FINGERPRINT,
  type Home,
  KEYS,
  PEM,
  SIGNAL,
  startedIn,
  TENANCY,
  USER,
} from "../../test/home.ts";
import { describeProvider, type Started } from "../../test/provider-conformance.ts";
import type { SigningSession } from "../identity-provider.ts";
import { createUserPrincipal } from "./user-principal.ts";

/** Of a user who is not root. */
const DAEMON_ID = 65_530;
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

function expectUser({ keyId, privateKey }: SigningSession): void {
  expect([keyId.reveal(), privateKey.equals(KEYS.privateKey)]).toEqual([KEY_ID, true]);
}

const encrypted = String(KEYS.privateKey.export({ type: "pkcs8", format: "pem", ...PASS }));
const publicKey = String(KEYS.publicKey.export({ type: "spki", format: "pem" }));
const WORKING = `[DEFAULT]\n${COMPLETE}`;

interface HomeOptions {
  readonly config?: string;
  readonly key?: string;
  readonly mode?: number;
  readonly profile?: string;
  readonly pipe?: string;
}

function start({ config, key, mode, profile, pipe }: HomeOptions = { config: WORKING }): Started {
  const home = homeWith(config, key, mode);
  if (pipe !== undefined) home.pipe(pipe);
  return startedIn(home, createUserPrincipal({ user: { profile } }, home.context()));
}

const inWorking = (text: string | RegExp, other: string) => `[DEFAULT]\n${COMPLETE.replace(text, other)}`;
const KEY_IN_FILE = inWorking(/key_file.*/, "key_content=x");
const WRONG_PASS_PHRASE = `${WORKING}pass_phrase=sesame\n`;
const at = (place: string) => ({ subject: expect.stringContaining(place) });

describeProvider("createUserPrincipal", {
  start,
  session: { parts: { keyId: KEY_ID, privateKeyPem: PEM, lifeMs: 600_000 }, regionKey: "icn" },
  refusedAs: "api-key-refused",
  refused: [
    ["no file", "oci-config-missing", {}, at(".oci/config, and OCI_CLI_TENANCY is not set")],
    ["a file without the key", "oci-config-incomplete", { config: "[DEFAULT]\n" }, at("config [DEFAULT] tenancy")],
    ["key_content in the file", "oci-config-incomplete", { config: KEY_IN_FILE }, at("config [DEFAULT] key_file")],
    ["a line without a key", "oci-config-invalid", { config: `${WORKING}sesame\n` }, at(".oci/config")],
    ["a quote in an OCID", "oci-config-invalid", { config: inWorking(USER, 'me",x="') }, at("config [DEFAULT] user")],
    ["a profile without a file", "oci-config-missing", { profile: "ME" }, at(".oci/config")],
    ["an unknown profile", "oci-profile-missing", { config: WORKING, profile: "ME" }, at("config [ME]")],
    ["no key", "identity-file-unreadable", { config: inWorking("key.pem", "none.pem") }, at("key_file")],
    ["a key that its group can read", "identity-file-permissions", { config: WORKING, mode: 0o640 }, at("key_file")],
    ["everybody's key", "identity-file-permissions", { config: WORKING, mode: 0o604 }, at("key_file")],
    ["a public key", "key-invalid", { config: WORKING, key: publicKey }, at("key_file")],
    ["an empty key", "key-invalid", { config: WORKING, key: "" }, at("key_file")],
    ["a key without its pass phrase", "key-encrypted", { config: WORKING, key: encrypted }, at("key_file")],
    ["a wrong pass phrase", "key-encrypted", { config: WRONG_PASS_PHRASE, key: encrypted }, at("key_file")],
    ["another key's fingerprint", "key-fingerprint", { config: inWorking(FINGERPRINT, "00:11") }, at("fingerprint")],
  ],
  failing: [],
  waits: [
    ["a pipe as key", "identity-file-unreadable", () => ({ config: WORKING, pipe: ".oci/key.pem" })],
    ["a pipe as profile", "oci-config-unreadable", () => ({ config: WORKING, pipe: ".oci/config" })],
  ],
});

describe("createUserPrincipal", () => {
  it.each([
    ["a profile without a DEFAULT", `[ME]\n${COMPLETE}`, { profile: "ME" }],
    ["inherited values", `[DEFAULT]\nuser=no\n${COMPLETE}[ME]\nuser = ${USER}\n`, { profile: "ME" }],
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

  it("reads everything from the OCI CLI's variables, which take precedence over a file", async () => {
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

  it("takes an empty variable as one that is not set", async () => {
    const names = [
      ...[
        "CLI_CONFIG_FILE",
        "CONFIG_FILE",
        "CLI_PROFILE",
        "CLI_USER",
        "CLI_FINGERPRINT",
        "CLI_TENANCY",
        "CLI_KEY_FILE",
      ],
      ...["CLI_KEY_CONTENT", "CLI_PASSPHRASE", "CLI_REGION", "REGION"],
    ];
    const empty = Object.fromEntries(names.map((name) => [`OCI_${name}`, ""]));
    const home = homeWith(`[DEFAULT]\n${COMPLETE}pass_phrase=${PASS.passphrase}\n`, encrypted);
    expectUser(await sessionIn(home, empty));
    expect(await createUserPrincipal({ user: {} }, home.context(empty)).region(SIGNAL)).toMatchObject({ key: "icn" });
  });

  it("reads the pass phrase also under the name that Oracle's SDK for Go accepts", async () => {
    expectUser(await sessionIn(homeWith(`[DEFAULT]\n${COMPLETE}passphrase=${PASS.passphrase}\n`, encrypted)));
  });

  it.runIf(process.geteuid?.() === 0).each([
    ["accepts root's key that its group may read", 0, 0o640, true],
    ["refuses root's key that its group may write", 0, 0o660, false],
    ["refuses root's key that its group may execute", 0, 0o650, false],
    ["refuses root's key that everybody may read", 0, 0o644, false],
    ["accepts its own key", DAEMON_ID, 0o600, true],
    ["refuses its own key that its group may write", DAEMON_ID, 0o620, false],
    ["refuses another user's key", DAEMON_ID + 1, 0o600, false],
  ])("as the node's daemon %s", async (_what, ownerId, mode, isAccepted) => {
    const home = homeWith(WORKING);
    chownSync(home.write(".oci/key.pem", PEM, mode), ownerId, 65_533);
    // Root's programs refuse a file that anybody else can change before they look at its mode.
    const asDaemon = vi.spyOn(process, "geteuid").mockReturnValue(DAEMON_ID);
    onTestFinished(() => asDaemon.mockRestore());
    const session = sessionIn(home);
    if (isAccepted) expectUser(await session);
    else await expect(session).rejects.toMatchObject({ code: "identity-file-permissions" });
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

  it("names the file in the home of the node's daemon, which is /", async () => {
    const session = createUserPrincipal({ user: {} }, createHome().context({ HOME: "/" })).session(SIGNAL);
    await expect(session).rejects.toMatchObject({ subject: expect.stringMatching(/^\/\.oci\/config, /) });
  });

  it("takes the region of the OCI CLI's variable before that of the SDKs'", async () => {
    const context = homeWith(WORKING).context({ OCI_REGION: "phx", OCI_CLI_REGION: "lhr" });
    expect(await createUserPrincipal({ user: {} }, context).region(SIGNAL)).toMatchObject({ key: "lhr" });
  });

  it("names no file of the working directory if HOME is empty", async () => {
    const settings = { configFile: "~/none/config" };
    const session = createUserPrincipal({ user: settings }, createHome().context({ HOME: "" })).session(SIGNAL);
    await expect(session).rejects.toMatchObject({ subject: join(homedir(), "none/config") });
  });

  it("reads the files again, accepts a new key and refuses another user", async () => {
    const home = homeWith(`[DEFAULT]\n${COMPLETE}`);
    const provider = createUserPrincipal({ user: {} }, home.context());
    await provider.session(SIGNAL);
    home.write(".oci/config", `[DEFAULT]\n${COMPLETE.replace("key.pem", "new.pem")}`);
    home.write(".oci/new.pem", PEM);
    await provider.session(SIGNAL);
    home.write(".oci/config", `[DEFAULT]\n${COMPLETE.replace(USER, `${USER}c`)}`);
    await expect(provider.session(SIGNAL)).rejects.toMatchObject({ code: "identity-changed" });
  });

  it.each([
    ["ICN", { id: "ap-seoul-1", realmDomain: "oraclecloud.com" }],
    ["moon-base-1", "oci-region-unknown"],
    ["", "oci-config-incomplete"],
  ])("finds the region %j", async (region, expected) => {
    const home = homeWith(`[DEFAULT]\n${COMPLETE.replace("ap-seoul-1", region)}`);
    const found = createUserPrincipal({ user: {} }, home.context()).region(SIGNAL);
    if (typeof expected === "string") await expect(found).rejects.toMatchObject({ code: expected });
    else expect(await found).toMatchObject(expected);
  });
});
