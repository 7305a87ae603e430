import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { createHome, type Home, PEM, SIGNAL, startedIn, tokenOf } from "../../test/home.ts";
import { describeProvider, type Started } from "../../test/provider-conformance.ts";
import { createCliSession } from "./cli-session.ts";

/** As `oci session authenticate` leaves it. */
function homeWith(claims: object = {}): Home {
  const home = createHome();
  home.write(
    ".oci/config",
    "[ME]\nregion=ap-seoul-1\nkey_file=~/.oci/sessions/ME/key.pem\nsecurity_token_file=~/.oci/sessions/ME/token\n",
  );
  home.write(".oci/sessions/ME/key.pem", PEM);
  home.write(".oci/sessions/ME/token", tokenOf(home, claims));
  return home;
}

const provider = (home: Home, variables = {}) =>
  createCliSession({ cliSession: { profile: "ME" } }, home.context(variables));

const other = String(
  generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
);

function start(change?: (home: Home) => void): Started {
  const home = homeWith();
  change?.(home);
  return startedIn(home, provider(home));
}

const TOKEN = ".oci/sessions/ME/token";
const AT_TOKEN = { subject: expect.stringContaining("[ME] security_token_file") };
const withToken =
  (claims: object, mode?: number) =>
  (home: Home): unknown =>
    home.write(TOKEN, tokenOf(home, claims), mode);

describeProvider("createCliSession", {
  start,
  session: {
    parts: { keyId: `ST$${tokenOf(createHome())}`, privateKeyPem: PEM, lifeMs: 600_000 },
    regionKey: "icn",
  },
  refusedAs: "cli-session-refused",
  refused: [
    ["a token that has ended", "cli-session-expired", withToken({ exp: 1 }), AT_TOKEN],
    ["no token", "oci-config-incomplete", (home) => home.write(".oci/config", "[ME]\nkey_file=~/key\n"), AT_TOKEN],
    ["everybody's token", "identity-file-permissions", withToken({}, 0o644), AT_TOKEN],
    ["an empty token", "security-token-invalid", (home) => home.write(TOKEN, ""), AT_TOKEN],
    ["a token without an end", "security-token-invalid", withToken({ exp: "soon" }), AT_TOKEN],
    ["another key", "security-token-key", (home) => home.write(".oci/sessions/ME/key.pem", other), AT_TOKEN],
  ],
  failing: [],
  waits: [["a pipe as token", "identity-file-unreadable", () => (home) => home.pipe(TOKEN)]],
});

it("createCliSession expires with the token, and reads a file again that the OCI CLI has rewritten", async () => {
  const home = homeWith({ exp: createHome().clock.wallMs() / 1_000 + 60 });
  const principal = provider(home);
  expect((await principal.session(SIGNAL)).expiresAtMs - home.clock.monotonicMs()).toBe(60_000);
  await home.clock.advance(60_000);
  await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "cli-session-expired" });
  home.write(".oci/sessions/ME/token", `${tokenOf(home)}\n`);
  expect((await principal.session(SIGNAL)).value.keyId.reveal()).toBe(`ST$${tokenOf(home)}`);
  const moved = home.write("token", tokenOf(home));
  expect(await provider(home, { OCI_CLI_SECURITY_TOKEN_FILE: moved }).session(SIGNAL)).toBeDefined();
  home.write(".oci/sessions/ME/token", tokenOf(home, { sub: "ocid1.user.oc1..other" }));
  await expect(principal.session(SIGNAL)).rejects.toMatchObject({ code: "identity-changed" });
});
