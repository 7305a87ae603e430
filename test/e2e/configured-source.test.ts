/** Each identity that the settings can name, against Oracle's services behind a proxy, as in a private cluster. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { Secret } from "@ocir-broker/foundation/secret";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import type { PullSecret } from "../../packages/pull-secrets/src/objects/pull-secret.ts";
import type { Settings } from "../../packages/pull-secrets/src/settings.ts";
import { createConfiguredSource } from "../../packages/pull-secrets/src/tokens/configured-source.ts";
import { startConnectProxy } from "../connect-proxy.ts";

const HOST = "us-ashburn-1.ocir.io";
const DOMAIN = "idcs-1.identity.oraclecloud.com";
/** Of this file alone, because the port of the token exchange is OKE's. */
const CLUSTER = "127.77.25.1";
const RESOURCE = { namespace: "shop", name: "ocir-pull", registries: [HOST], serviceAccountName: undefined };
const AUDIENCE = "ocir";

const simulator = await sharedSimulator({ tls: true, cluster: `${CLUSTER}:12250` });
const folder = temporaryFolder();
const environment = { SSL_CERT_FILE: join(folder, "ca.crt"), CREDENTIALS_DIRECTORY: folder };
writeFileSync(environment.SSL_CERT_FILE, simulator.caCertificate ?? "");
writeFileSync(join(folder, "identity-domain-secret"), "s3cret");
chmodSync(join(folder, "identity-domain-secret"), 0o600);

const podToken = (serviceAccount: string, audience?: string) =>
  simulator.serviceAccountToken({ namespace: "shop", serviceAccount, pod: null, ...(audience && { audience }) });

/** @returns the claims of the token, and the hosts and ports that were reached through the proxy. */
async function fetchWith(identity: Settings["identity"]) {
  const proxied: string[] = [];
  const https = await startConnectProxy((target) => {
    proxied.push(target);
    return { [`${HOST}:443`]: simulator.registryUrl, [`${DOMAIN}:443`]: simulator.domainUrl }[target];
  });
  const own = await podToken("ocir-pull-secrets");
  const source = createConfiguredSource({
    settings: { identity, proxy: { https, noProxy: undefined } },
    cluster: {
      requestToken: async (_namespace, account) =>
        new Secret(
          await podToken(account, "exchange" in identity && "audience" in identity.exchange ? AUDIENCE : undefined),
        ),
    },
    access: {
      url: new URL(`https://${CLUSTER}:6443`),
      caCertificate: simulator.clusterCaCertificate,
      token: () => own,
    },
    clock: createSystemClock(),
    random: () => 0.99,
    environment,
    isRegistry: () => true,
  });
  const wanted = { registries: [HOST], subject: "" };
  const { tokens, failure } = await source(RESOURCE as unknown as PullSecret, wanted, new AbortController().signal);
  const { token, fetchedAtMs, expiresAtMs, renewAtMs } = tokens.get(HOST) ?? expect.fail(JSON.stringify(failure));
  // docs/pull-secrets.md promises how long an outage may be.
  expect((renewAtMs - fetchedAtMs) / (expiresAtMs - fetchedAtMs)).toBeCloseTo(0.549, 3);
  return { claims: parseJwt(token.reveal())?.claims, proxied };
}

const account = (serviceAccount: string) => ({ namespace: "shop", service_account: serviceAccount });

it.each<[string, Settings["identity"], string[], object]>([
  [
    "a service account's token, exchanged in the cluster",
    { kind: "service-account", exchange: { kind: "oke" } },
    [`${HOST}:443`],
    account("ocir-pull"),
  ],
  [
    "a service account's token, exchanged at an identity domain",
    {
      kind: "service-account",
      exchange: { kind: "identity-domain", url: `https://${DOMAIN}`, clientId: "app", audience: AUDIENCE },
    },
    [`${DOMAIN}:443`, `${HOST}:443`],
    { sub: "ocid1.user.oc1..pulls" },
  ],
  [
    "the controller's own account",
    {
      kind: "controller",
      principal: "workload",
      serviceAccount: "pulls",
      namespaces: new Set(["shop"]),
      namespaceSelector: undefined,
    },
    [`${HOST}:443`],
    account("ocir-pull-secrets"),
  ],
])(
  "fetches a token for %s, and connects to Oracle's services through the proxy only",
  async (_whose, identity, hosts, claims) => {
    simulator.addTrust({
      audience: AUDIENCE,
      oauthClients: { app: "s3cret" },
      serviceUsers: [{ rule: "sub eq system:serviceaccount:shop:ocir-pull", name: "pulls", group: "pullers" }],
    });
    expect(await fetchWith(identity)).toEqual({ claims: expect.objectContaining(claims), proxied: hosts });
  },
);
