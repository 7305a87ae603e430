import { createPublicKey } from "node:crypto";
import { chmodSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { describe, expect, it, vi } from "vitest";
import { createHome, type Home, SIGNAL, startedIn } from "../../test/home.ts";
import { describeProvider } from "../../test/provider-conformance.ts";
import { createSend, EXCHANGED, sessionClaims } from "../../test/service-account-tokens.ts";
import { createOkeWorkloadIdentity } from "./oke-workload-identity.ts";

const POD = { KUBERNETES_SERVICE_HOST: "10.96.0.1", OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1" };

interface Change {
  readonly variables?: Readonly<Record<string, string>>;
  readonly token?: string;
}

const tokenOf = (home: Home, lifeMs = 3_600_000) => jwtOf(podClaims(home.clock.wallMs() + lifeMs));

function setUp(change: (home: Home) => Change = () => ({})) {
  const home = createHome();
  home.write("ca.crt", "AUTHORITY");
  const { variables = {}, token = tokenOf(home) } = change(home);
  // As the kubelet mounts it: links, in a folder that everybody may change.
  if (token !== "") {
    home.write("..1/token", token);
    symlinkSync("..1", join(home.path, "..data"));
    symlinkSync("..data/token", join(home.path, "token"));
  }
  chmodSync(home.path, 0o1777);
  const send = createSend(
    (podKey) => {
      const issued = JSON.stringify({ token: `ST$${jwtOf(sessionClaims(podKey))}` });
      return { text: JSON.stringify(Buffer.from(issued).toString("base64")) };
    },
    (body) => createPublicKey(JSON.parse(body).podKey),
  );
  const connect = vi.fn((_authority: string) => ({ send, close: () => Promise.resolve() }));
  const provider = createOkeWorkloadIdentity({}, home.context({ ...POD, ...variables }), {
    folder: home.path,
    connect,
  });
  return { home, send, connect, provider };
}

describeProvider<(home: Home) => Change>("createOkeWorkloadIdentity", {
  start(change) {
    const { home, provider } = setUp(change);
    return { ...startedIn(home, provider), secrets: () => ["c2ln"] };
  },
  session: EXCHANGED,
  refusedAs: undefined,
  refused: [
    ["a machine that is no pod", "pod-missing", () => ({ variables: { KUBERNETES_SERVICE_HOST: "" } })],
    ["a pod without a token", "identity-file-unreadable", () => ({ token: "" })],
    [
      "a missing authority",
      "identity-file-unreadable",
      () => ({ variables: { OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH: "/none" } }),
    ],
  ],
  failing: [],
  waits: [],
});

describe("createOkeWorkloadIdentity", () => {
  it("reads the token again at each exchange, and trusts the pod's authority alone", async () => {
    const { home, provider, send, connect } = setUp();
    await provider.session(SIGNAL);
    home.write("..1/token", tokenOf(home, 7_200_000));
    await provider.session(SIGNAL);
    const sent = send.mock.calls.map(([{ url, headers }]) => [url.href, headers["authorization"]]);
    const url = "https://10.96.0.1:12250/resourcePrincipalSessionTokens";
    expect(sent).toEqual([
      [url, `Bearer ${tokenOf(home)}`],
      [url, `Bearer ${tokenOf(home, 7_200_000)}`],
    ]);
    expect(connect.mock.calls.map(([authority]) => authority)).toEqual(["AUTHORITY", "AUTHORITY"]);
  });

  it("returns no session that outlives the pod's token", async () => {
    const { home, provider } = setUp((of) => ({ token: tokenOf(of, 600_000) }));
    const { expiresAtMs } = await provider.session(SIGNAL);
    expect(expiresAtMs - home.clock.monotonicMs()).toBe(600_000);
  });

  it("connects to an address of version 6", async () => {
    const { provider, send } = setUp(() => ({ variables: { KUBERNETES_SERVICE_HOST: "fd00::1" } }));
    await provider.session(SIGNAL);
    expect(send.mock.lastCall?.[0].url.host).toBe("[fd00::1]:12250");
  });

  it("refuses a token that is not a service account's", async () => {
    const { provider } = setUp(() => ({ token: jwtOf({ sub: "x" }) }));
    await expect(provider.session(SIGNAL)).rejects.toMatchObject({ code: "service-account-token-unreadable" });
  });

  it("needs a region", async () => {
    const { provider } = setUp(() => ({ variables: { OCI_RESOURCE_PRINCIPAL_REGION: "" } }));
    await expect(provider.region(SIGNAL)).rejects.toMatchObject({ code: "identity-variable-missing" });
  });
});
