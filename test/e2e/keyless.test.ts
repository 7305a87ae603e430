/** `ocir-broker get` as in a CI job and in a pod, and what the set-ups that do not work say: no key and no password is stored anywhere. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configOf } from "@ocir-broker/config/test/config";
import { createOneShotBroker } from "@ocir-broker/credentials/one-shot-broker";
import { claimsOf, requestFor } from "@ocir-broker/credentials/test/kubelet-request";
import { errorLineOf } from "@ocir-broker/errors/describe-error";
import { systemRandom } from "@ocir-broker/foundation/random";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";
import { BROKER } from "../daemon.ts";
import { writeImageLayout } from "../image-layout.ts";
import { lackOf, startDistribution } from "../real-registry.ts";
import { runProgram } from "../run-program.ts";
import { lackOfMounts } from "./silent-nameserver.ts";

const HOST = "iad.ocir.io";
const AUDIENCE = "oci";
const SECRET = "s3cret-of-the-client";
const SUBJECT = "repo:acme/shop:ref:refs/heads/main";
const GITHUB = "https://token.actions.githubusercontent.com";
const API_SERVER = "https://kubernetes.default.svc.cluster.local";
/** OKE's exchange has a fixed port, so each test process has its own address. */
const CLUSTER = `127.84.${(process.pid >> 8) & 255}.${process.pid & 255}`;

type Stage = Awaited<ReturnType<typeof setUp>>;
type Variables = Readonly<Record<string, string>>;

async function setUp(options: SimulatorOptions = {}) {
  const simulator = await startSimulator({ tls: true, ...options });
  onTestFinished(() => simulator.close());
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const write = (name: string, text: string, mode = 0o644) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  const config = {
    registries: { prefetch: [], endpoints: { [HOST]: simulator.registryUrl.origin } },
    upstream: { caFile: write("region.crt", simulator.caCertificate ?? "") },
  };
  const args = ["get", "--config", write("config.yaml", JSON.stringify(config)), "--output", "password"];
  const environment = { HOME: folder, PATH: String(process.env["PATH"]) };
  return {
    simulator,
    folder,
    write,
    /** The same in this process. */
    broker(variables: Variables, clock: Clock = createSystemClock()) {
      const broker = createOneShotBroker({
        config: configOf({ ...config, identity: { provider: "workload-identity-federation" } }),
        environment: variables,
        clock,
        random: systemRandom,
        limitMs: 20_000,
      });
      onTestFinished(() => broker.close());
      return broker;
    },
    doctor: (variables: Variables) =>
      callCredentialProvider({
        path: BROKER,
        args: ["doctor", "--config", join(folder, "config.yaml"), "--identity", "workload-identity-federation"],
        env: { ...environment, ...variables },
        stdin: "",
      }),
    get: (variables: Variables, { command = [BROKER], image = `${HOST}/acme/web` } = {}) => {
      const [path = "", ...before] = command;
      return callCredentialProvider({
        path,
        args: [...before, ...args, image],
        env: { ...environment, ...variables },
        stdin: "",
      });
    },
  };
}

const trustGithub = (simulator: Simulator) =>
  simulator.addTrust({
    issuer: GITHUB,
    audience: AUDIENCE,
    oauthClients: { app: SECRET },
    serviceUsers: [{ rule: `sub eq ${SUBJECT}`, name: "ci", group: "pushers" }],
  });

const onGithub = ({ simulator }: Stage): Variables => ({
  GITHUB_ACTIONS: "true",
  ACTIONS_ID_TOKEN_REQUEST_URL: simulator.githubUrl.href,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: simulator.startJob(SUBJECT),
  OCI_WORKLOAD_IDENTITY_AUDIENCE: AUDIENCE,
});
const inVariable = (token: string): Variables => ({ OCI_WORKLOAD_IDENTITY_TOKEN: token });
const inFile = ({ write }: Stage, token: string): Variables => ({
  OCI_WORKLOAD_IDENTITY_TOKEN_PATH: write("token", token),
});

const settings = ({ simulator }: Stage): Variables => ({
  OCI_CLI_AUTH: "workload_identity_federation",
  OCI_REGION: "us-ashburn-1",
  OCI_TOKEN_EXCHANGE_DOMAIN_URL: simulator.domainUrl.origin,
  OCI_TOKEN_EXCHANGE_CLIENT_ID: "app",
  OCI_TOKEN_EXCHANGE_CLIENT_SECRET: SECRET,
});

it("a CI job gets a token, with the token of its issuer from a file, a variable or GitHub's endpoint", async () => {
  const stage = await setUp();
  trustGithub(stage.simulator);
  const token = stage.simulator.jobToken({ subject: SUBJECT, audience: AUDIENCE });
  for (const place of [inFile(stage, token), inVariable(token), onGithub(stage)]) {
    const { stdout, stderr } = await stage.get({ ...settings(stage), ...place });
    expect(stderr).toBe("");
    expect(claimsOf(stdout)).toMatchObject({ aud: stage.simulator.registryUrl.host });
  }
});

type Mistake = readonly [
  name: string,
  line: RegExp,
  variables: (stage: Stage) => Variables,
  image?: string | undefined,
];

/** A host that may be a registry only in the realm of the region. */
const IN_ANOTHER_REALM = "ocir.us-ashburn-1.oci.example.com/acme/web";

const refused = (name: string, cause: RegExp, variables: (stage: Stage) => Variables): Mistake => [
  name,
  new RegExp(`: subject-token-refused: .*${cause.source}`),
  variables,
];
const asSubject =
  (subject: string, audience = AUDIENCE) =>
  (stage: Stage) =>
    inVariable(stage.simulator.jobToken({ subject, audience }));
const ended = (stage: Stage) => stage.simulator.jobToken({ subject: SUBJECT, audience: AUDIENCE, lifeMs: -1_000 });

/**
 * Each is the working set-up with GitHub's endpoint, and one change. More, without the simulator:
 * packages/identity/src/workload-identity/workload-identity-federation.test.ts
 */
const MISTAKES: readonly Mistake[] = [
  refused(
    "a rule for another branch",
    /subject repo:acme\/shop:ref:refs\/heads\/topic/,
    asSubject(`${SUBJECT.replace("main", "topic")}`),
  ),
  refused("another audience", /audience sts/, asSubject(SUBJECT, "sts")),
  [
    "a job without the permission",
    /: github-permission-missing: .*id-token: write/,
    () => ({ ACTIONS_ID_TOKEN_REQUEST_URL: "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "" }),
  ],
  ["no OCI_REGION", /: identity-variable-missing: .*: OCI_REGION; /, () => ({ OCI_REGION: "" }), IN_ANOTHER_REALM],
  ["another secret", /: domain-client-refused: /, () => ({ OCI_TOKEN_EXCHANGE_CLIENT_SECRET: "wrong" })],
  ["a region that does not exist", /: oci-region-unknown: /, () => ({ OCI_REGION: "us-asburn-1" }), IN_ANOTHER_REALM],
];

it("a CI job that is set up wrong says in its first line what is wrong", async () => {
  const stage = await setUp();
  trustGithub(stage.simulator);
  const said = new Map<string, string>();
  for (const [name, , variables, image = `${HOST}/acme/web`] of MISTAKES) {
    const { decide } = stage.broker({ ...settings(stage), ...onGithub(stage), ...variables(stage) });
    const decision = await decide(requestFor(image));
    said.set(name, decision.outcome === "error" ? errorLineOf(decision.error) : decision.outcome);
  }
  expect(Object.fromEntries(said)).toEqual(
    Object.fromEntries(MISTAKES.map(([name, line]) => [name, expect.stringMatching(line)])),
  );
  expect([...said.values()].join()).not.toContain(SECRET);
  const { exitCode, stdout, stderr } = await stage.get({ ...settings(stage), ...inVariable(ended(stage)) });
  expect([exitCode, stdout, stderr]).toEqual([1, "", expect.stringMatching(/: subject-token-variable-expired: /)]);
});

it.each(["a rule for another branch", "another audience", "a job without the permission"])(
  "doctor reports the same cause as the only problem: %s",
  async (mistake) => {
    const stage = await setUp();
    trustGithub(stage.simulator);
    const [, line, variables] = MISTAKES.find(([name]) => name === mistake) as Mistake;
    const { stdout } = await stage.doctor({ ...settings(stage), ...onGithub(stage), ...variables(stage) });
    const problems = stdout.split("\n").filter((each) => each.startsWith("PROBLEM"));
    const [problem = "", ...others] = stdout.slice(stdout.indexOf("PROBLEM")).split("\n");
    // As one line, like that of the other commands.
    expect([problems.length, `: ${problem.slice("PROBLEM ".length)} ${others.join(" ")}`]).toEqual([
      1,
      expect.stringMatching(line),
    ]);
  },
);

const lackOfClients = lackOf("skopeo", "docker-registry");

it.skipIf(lackOfClients !== "")(
  `a build of 70 minutes pushes at its end with a file and with GitHub's endpoint, but not with a variable${lackOfClients}`,
  async () => {
    const { port, stop } = await startDistribution(temporaryFolder(), { http: { relativeurls: true } });
    onTestFinished(stop);
    let minutes = 0;
    const clock = createSystemClock();
    const moved = { ...clock, wallMs: () => clock.wallMs() + minutes * 60_000 };
    const stage = await setUp({ clock: moved, storage: new URL(`http://127.0.0.1:${port}`) });
    const { simulator, folder } = stage;
    trustGithub(simulator);
    simulator.iam({ repository: "acme/web", group: "pushers", granted: true });
    simulator.iam({ repository: "acme/web", writable: true });
    const newToken = () => simulator.jobToken({ subject: SUBJECT, audience: AUDIENCE });
    const builds = Object.entries({
      file: inFile(stage, newToken()),
      endpoint: onGithub(stage),
      variable: inVariable(newToken()),
    });
    /** As docker asks the helper, once at the start of a build and once when it pushes. */
    const askHelpers = () =>
      Promise.all(
        builds.map(async ([name, place]) => {
          const broker = stage.broker({ ...settings(stage), ...place }, moved);
          return [name, await broker.decideForDocker(Buffer.from(HOST))] as const;
        }),
      );
    const outcomes = (decisions: Awaited<ReturnType<typeof askHelpers>>) =>
      Object.fromEntries(decisions.map(([name, { outcome }]) => [name, outcome]));
    expect(outcomes(await askHelpers())).toEqual({ file: "miss", endpoint: "miss", variable: "miss" });

    minutes = 70;
    // As the CI system does meanwhile.
    inFile(stage, newToken());
    const atEnd = await askHelpers();
    expect(outcomes(atEnd)).toEqual({ file: "miss", endpoint: "miss", variable: "error" });
    expect(atEnd[2]?.[1]).toMatchObject({ error: { code: "subject-token-variable-expired" } });
    const image = writeImageLayout(join(folder, "image"), "built for 70 minutes\n");
    for (const [name, decision] of atEnd.slice(0, 2)) {
      const { Username, Secret } = JSON.parse(String("body" in decision && decision.body));
      const target = `docker://${simulator.registryUrl.host}/acme/web:${name}`;
      const options = ["--dest-tls-verify=false", `--dest-creds=${Username}:${Secret}`];
      await runProgram(["skopeo", "copy", ...options, `oci:${image.path}:latest`, target], {
        env: { PATH: String(process.env["PATH"]), HOME: folder },
        cwd: folder,
      });
    }
    expect(simulator.requests()["github.token"]).toBe(2);
  },
);

const MOUNTED = "run/secrets/kubernetes.io/serviceaccount";
const POD = {
  OCI_CLI_AUTH: "oke_workload_identity",
  OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1",
  KUBERNETES_SERVICE_HOST: CLUSTER,
};
const PUSHER = { namespace: "builds", serviceAccount: "push", audience: API_SERVER };

async function mountToken({ simulator, write }: Stage, wanted: object = {}): Promise<void> {
  write(`${MOUNTED}/token`, await simulator.serviceAccountToken({ ...PUSHER, ...wanted }));
}

const POD_MISTAKES: readonly (readonly [
  name: string,
  line: RegExp,
  change: (stage: Stage) => unknown,
  variables?: Variables,
  image?: string,
])[] = [
  [
    "no region",
    /: identity-variable-missing: .*: OCI_RESOURCE_PRINCIPAL_REGION; /,
    () => {},
    { OCI_RESOURCE_PRINCIPAL_REGION: "" },
    IN_ANOTHER_REALM,
  ],
  [
    "another cluster's authority",
    /: cluster-tls: /,
    ({ write, simulator }) => write(`${MOUNTED}/ca.crt`, String(simulator.caCertificate)),
  ],
];

it.skipIf(lackOfMounts !== "")(
  `a pod gets a token with its own service account, or says in the first line what is wrong${lackOfMounts}`,
  async () => {
    const stage = await setUp({ cluster: `${CLUSTER}:12250` });
    const { simulator, folder, write } = stage;
    mkdirSync(join(folder, MOUNTED), { recursive: true });
    // /var/run is a link to /run.
    const inside = `mount --bind ${folder}/run /run && exec "$0" "$@"`;
    const get = (variables: Variables = {}, image?: string) =>
      stage.get({ ...POD, ...variables }, { command: ["unshare", "--mount", "sh", "-c", inside, BROKER], image });
    const mount = async () => {
      write(`${MOUNTED}/ca.crt`, simulator.clusterCaCertificate);
      await mountToken(stage);
    };
    await mount();
    const { stdout, stderr } = await get();
    expect(stderr).toBe("");
    expect(claimsOf(stdout)).toMatchObject({ aud: simulator.registryUrl.host });

    for (const [name, line, change, variables, image] of POD_MISTAKES) {
      await mount();
      await change(stage);
      const said = (await get(variables, image)).stderr.split("\n")[0];
      expect([name, said]).toEqual([name, expect.stringMatching(line)]);
    }
  },
);
