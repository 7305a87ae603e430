/**
 * `npm run pictures`: runs `status` and `doctor` on a node under a real systemd, with the simulator as its cloud, and draws
 * what the terminal shows into docs/pictures. Needs root, as the system tests do. Two to three minutes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { bootNodeStage, type NodeStage } from "../system/documentation/node-stage.ts";
import { NODE } from "../system/simulated-node.ts";
import { canBootSystemd } from "../system/systemd-root/systemd-root.ts";
import { terminalSvg } from "./terminal-svg.ts";

const PICTURES = join(import.meta.dirname, "../../docs/pictures");
const CONTROL = "http://127.0.0.1:18083";
const REPOSITORY = "acme/payments/api";
const IMAGE = `iad.ocir.io/${REPOSITORY}:2.0`;
const HOSTS = ["iad.ocir.io", "phx.ocir.io", "fra.ocir.io"];
const CONFIG = {
  registries: {
    prefetch: HOSTS.slice(0, 1),
    endpoints: Object.fromEntries(HOSTS.map((host) => [host, "http://127.0.0.1:18080"])),
  },
  auth: { endpoint: "http://127.0.0.1:18082" },
};

/** The stage writes its own before each run. */
const WRITE_CONFIG = `echo '${JSON.stringify(CONFIG)}' >/etc/ocir-broker/config.yaml`;

/** Longer than the time until the outage's tokens are due for renewal. */
const LIMIT_MS = 120_000;

interface Picture {
  readonly file: string;
  readonly title: string;
  /** Brings the node into the state to show. */
  readonly before: string;
  /** Succeeds once that state has come. */
  readonly isReady: string;
  readonly command: string;
}

const DENIED: Picture = {
  file: "doctor.svg",
  title: `ocir-broker doctor ${IMAGE}`,
  before: change("iam", { repository: REPOSITORY, granted: false }),
  isReady: "true",
  command: `systemctl reload ocir-broker.service; ${onTerminal(`ocir-broker doctor ${IMAGE}`)} || test $? = 1`,
};

/** Tokens live two minutes, so renewals become due, and fail, within a minute and a half. */
const OUTAGE: Picture = {
  file: "status.svg",
  title: "ocir-broker status",
  before: `
systemctl stop simulator ocir-broker.service
systemd-run --quiet --unit simulator-of-short-lives --working-directory=/opt/checkout \\
  ${NODE} test/oci-simulator/src/main.ts --metadata 169.254.169.254:80 --token-life 120
until curl -sf ${CONTROL}/requests >/dev/null; do sleep 0.1; done
${WRITE_CONFIG}
systemctl start ocir-broker.service
for host in ${HOSTS.join(" ")}; do
  for pull in 1 2 3; do sed "s|iad.ocir.io|$host|" request.json | credential-provider-oke >/dev/null; done
done
${change("faults", { endpoint: "registry.token", status: 503, times: 1_000 })}`,
  isReady: `test $(ocir-broker status | grep -c registry-unavailable) = ${HOSTS.length}`,
  command: `${WRITE_CONFIG}; systemctl reload ocir-broker.service; ${onTerminal("ocir-broker status")} || test $? = 1`,
};

/** The program believes that it writes to a terminal. */
function onTerminal(command: string): string {
  return `script --quiet --return --command '${command}' /dev/null </dev/null`;
}

function change(what: string, body: object): string {
  return `curl -sf -d '${JSON.stringify(body)}' ${CONTROL}/${what} >/dev/null`;
}

async function draw(node: NodeStage, { file, title, before, isReady, command }: Picture): Promise<void> {
  await run(node, before);
  await until(`the node is ready for ${file}`, async () => (await node.run(isReady)).exitCode === 0, LIMIT_MS);
  writeFileSync(join(PICTURES, file), terminalSvg(title, await run(node, command)));
}

async function run(node: NodeStage, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await node.run(script);
  if (exitCode !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
  return stdout;
}

const lack = canBootSystemd();
if (lack !== undefined) throw new Error(`npm run pictures: ${lack}`);
const node = await bootNodeStage();
try {
  for (const picture of [DENIED, OUTAGE]) await draw(node, picture);
} finally {
  await node.powerOff();
}
