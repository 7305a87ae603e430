import { createPublicKey } from "node:crypto";
import { UpstreamError, type UpstreamRequest, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { describe, expect, it, vi } from "vitest";
import { createHome, type Home, SIGNAL, startedIn } from "../../test/home.ts";
import { describeProvider } from "../../test/provider-conformance.ts";
import { EXCHANGED, sessionClaims } from "../../test/service-account-tokens.ts";
import { createWorkloadIdentityFederation } from "./workload-identity-federation.ts";

const DOMAIN = "https://idcs-1.identity.oraclecloud.com";
const SECRET = "s3cret-of-the-client";
const SUBJECT = "repo:acme/web:ref:refs/heads/main";
const GITHUB = "https://pipelines.actions.test/token?api-version=2";
const ON_GITHUB = {
  GITHUB_ACTIONS: "true",
  ACTIONS_ID_TOKEN_REQUEST_URL: GITHUB,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of-the-job",
};
const SETTINGS = {
  OCI_REGION: "us-ashburn-1",
  OCI_TOKEN_EXCHANGE_DOMAIN_URL: DOMAIN,
  OCI_TOKEN_EXCHANGE_CLIENT_ID: "app",
  OCI_TOKEN_EXCHANGE_CLIENT_SECRET: SECRET,
};

type Reply = Partial<UpstreamResponse> & { readonly text?: string };

interface Change {
  readonly variables?: Readonly<Record<string, string>>;
  readonly github?: () => Reply;
  readonly domain?: () => Reply;
}

const subject = (home: Home, claims: object = {}) =>
  jwtOf({ iss: "https://ci.test", sub: SUBJECT, aud: "oci", exp: home.clock.wallMs() / 1_000 + 300, ...claims });

function setUp(change: (home: Home) => Change = () => ({})) {
  const home = createHome();
  const inFile = { OCI_WORKLOAD_IDENTITY_TOKEN_PATH: home.write("token", `${subject(home)}\n`, 0o644) };
  const {
    variables = inFile,
    github = () => ({ text: JSON.stringify({ value: subject(home) }) }),
    domain,
  } = change(home);
  const send = vi.fn(async ({ url, body = "" }: UpstreamRequest): Promise<UpstreamResponse> => {
    const issue = () => {
      const key = Buffer.from(new URLSearchParams(body).get("public_key") ?? "", "base64");
      const claims = sessionClaims(createPublicKey({ key, format: "der", type: "spki" }));
      return { text: JSON.stringify({ token: jwtOf(claims) }) };
    };
    const { text = "", ...reply }: Reply = url.href.startsWith(DOMAIN) ? (domain ?? issue)() : github();
    return { status: 200, headers: {}, body: Buffer.from(text), sentAtMs: 5, serverDateMs: undefined, ...reply };
  });
  const context = { ...home.context({ ...SETTINGS, ...variables }), sendAuth: send };
  const provider = createWorkloadIdentityFederation({}, context);
  const exchanged = () =>
    send.mock.calls.flatMap(([{ url, body }]) =>
      url.href.startsWith(DOMAIN) ? [new URLSearchParams(body).get("subject_token")] : [],
    );
  return { home, send, provider, exchanged };
}

describeProvider<(home: Home) => Change>("createWorkloadIdentityFederation", {
  start(change) {
    const { home, provider } = setUp(change);
    return { ...startedIn(home, provider), secrets: () => [SECRET, "of-the-job", "c2ln"] };
  },
  session: EXCHANGED,
  refusedAs: undefined,
  refused: [
    ...Object.keys(SETTINGS)
      .filter((name) => name !== "OCI_REGION")
      .map(
        (name) =>
          [
            `no ${name}`,
            "identity-variable-missing",
            () => ({ variables: { [name]: "" } }),
            { subject: name },
          ] as const,
      ),
    [
      "a domain without https",
      "identity-variable-invalid",
      () => ({ variables: { OCI_TOKEN_EXCHANGE_DOMAIN_URL: "http://idcs-1.test" } }),
    ],
    ["no token", "subject-token-missing", () => ({ variables: {} })],
    [
      "a missing file",
      "identity-file-unreadable",
      () => ({ variables: { OCI_WORKLOAD_IDENTITY_TOKEN_PATH: "/none" } }),
    ],
    ["a text as token", "subject-token-invalid", () => ({ variables: { OCI_WORKLOAD_IDENTITY_TOKEN: "a.b" } })],
    [
      "a file with an expired token",
      "subject-token-expired",
      (home) => ({ variables: { OCI_WORKLOAD_IDENTITY_TOKEN_PATH: home.write("old", subject(home, { exp: 1 })) } }),
    ],
    [
      "a variable with an expired token",
      "subject-token-variable-expired",
      (home) => ({ variables: { OCI_WORKLOAD_IDENTITY_TOKEN: subject(home, { exp: 1 }) } }),
    ],
    [
      "a job without the permission",
      "github-permission-missing",
      () => ({ variables: { GITHUB_ACTIONS: "true" } }),
      { subject: "ACTIONS_ID_TOKEN_REQUEST_URL" },
    ],
    [
      "half of GitHub's variables",
      "github-permission-missing",
      () => ({ variables: { ...ON_GITHUB, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "" } }),
      { subject: "ACTIONS_ID_TOKEN_REQUEST_TOKEN" },
    ],
    ["a refusal of GitHub", "github-refused", () => ({ variables: ON_GITHUB, github: () => ({ status: 403 }) })],
    ["a page of GitHub", "github-refused", () => ({ variables: ON_GITHUB, github: () => ({ text: "<html>" }) })],
    [
      "a token that no rule matches",
      "subject-token-refused",
      () => ({ domain: () => ({ status: 400, text: '{"error":"invalid_grant"}' }) }),
      { subject: `issuer https://ci.test, subject ${SUBJECT}, audience oci` },
    ],
  ],
  failing: [
    ["an outage of GitHub", "github-unreachable", () => ({ variables: ON_GITHUB, github: () => ({ status: 503 }) })],
    [
      "a silent endpoint of GitHub",
      "github-unreachable",
      () => ({
        variables: ON_GITHUB,
        github() {
          throw new UpstreamError("timeout", "pipelines.actions.test");
        },
      }),
    ],
  ],
  waits: [],
});

describe("createWorkloadIdentityFederation", () => {
  it("reads the file again at each exchange", async () => {
    const { home, provider, exchanged } = setUp();
    await provider.session(SIGNAL);
    const renewed = subject(home, { jti: "2" });
    home.write("token", renewed);
    await provider.session(SIGNAL);
    expect(exchanged()).toEqual([subject(home), renewed]);
  });

  it("asks GitHub again at each exchange, for the chosen audience and with the job's own token", async () => {
    const audience = "https://cloud.oracle.com";
    const variables = { ...ON_GITHUB, OCI_WORKLOAD_IDENTITY_AUDIENCE: audience };
    const { home, provider, exchanged, send } = setUp(() => ({ variables }));
    await provider.session(SIGNAL);
    await provider.session(SIGNAL);
    expect(exchanged()).toEqual([subject(home), subject(home)]);
    const [{ url, headers }] = send.mock.calls[0] as [UpstreamRequest];
    expect(url.href).toBe(`${GITHUB}&audience=${encodeURIComponent(audience)}`);
    expect(headers["authorization"]).toBe("Bearer of-the-job");
  });

  it("authenticates as the confidential application", async () => {
    const { provider, send } = setUp();
    await provider.session(SIGNAL);
    const basic = `Basic ${Buffer.from(`app:${SECRET}`).toString("base64")}`;
    expect(send.mock.lastCall?.[0].headers["authorization"]).toBe(basic);
  });

  it("prints no control character of a subject", async () => {
    const { provider } = setUp((home) => ({
      variables: { OCI_WORKLOAD_IDENTITY_TOKEN: subject(home, { sub: "a\u001b[2J", aud: undefined }) },
      domain: () => ({ status: 400 }),
    }));
    await expect(provider.session(SIGNAL)).rejects.toMatchObject({
      subject: "issuer https://ci.test, subject a\\u{1b}[2J, audience none",
    });
  });

  it("leaves another error of the domain as it is", async () => {
    const { provider } = setUp(() => ({ domain: () => ({ status: 401 }) }));
    await expect(provider.session(SIGNAL)).rejects.toMatchObject({ code: "domain-client-refused" });
  });

  it("needs a region", async () => {
    const { provider } = setUp(() => ({ variables: { OCI_REGION: "" } }));
    await expect(provider.region(SIGNAL)).rejects.toMatchObject({ code: "identity-variable-missing" });
  });
});
