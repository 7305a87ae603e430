/**
 * `ocir-broker docker-credential`: serves one `get` of a docker credential helper without a daemon. The program
 * docker-credential-ocir execs it if no daemon responds, as in a container of a CI job.
 *
 * The protocol requires an error to be one line on stdout, with exit status 1; a refusal has a second one, for people, on stderr. An
 * invalid configuration is an error here, because a person reads it.
 */
import { loadConfig } from "@ocir-broker/config/load";
import { createOneShotBroker } from "@ocir-broker/credentials/one-shot-broker";
import { errorLineOf } from "@ocir-broker/errors/describe-error";
import { oneLine } from "@ocir-broker/foundation/printable";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock, holdProcess } from "@ocir-broker/foundation/time/clock";
import { CREDENTIALS_NOT_FOUND } from "@ocir-broker/protocol/docker-credential";
import type { Command } from "commander";
import { callersSource } from "../config/config-source.ts";
import { brokerErrorLine } from "../failure.ts";
import { environment } from "../process/environment.ts";
import { exitNow } from "../process/exit-now.ts";
import { readRequest, writeOut } from "../process/standard-streams.ts";

/** docker has no limit of its own, but a person waits. */
const LIMIT_MS = 15_000;

export function addDockerCredentialCommand(program: Command): void {
  program
    .command("docker-credential")
    .description("serve a docker credential helper's get without a daemon: a registry host on stdin")
    .action(dockerCredential);
}

async function dockerCredential(): Promise<void> {
  process.exitCode = 1;
  holdProcess();
  if (!(await writeOut(await output()))) process.exitCode = 1;
  exitNow();
}

async function output(): Promise<Buffer | string> {
  try {
    const request = await readRequest();
    const { config } = loadConfig(callersSource());
    const broker = createOneShotBroker({
      config,
      environment,
      clock: createSystemClock(),
      random: systemRandom,
      limitMs: LIMIT_MS,
    });
    const decision = await broker.decideForDocker(request);
    if (decision.outcome === "error") return errorLineOf(decision.error);
    if (decision.outcome === "refused") process.stderr.write(errorLineOf(decision.error));
    if (decision.body === undefined) return `${CREDENTIALS_NOT_FOUND}\n`;
    process.exitCode = 0;
    return decision.body;
  } catch (error) {
    const line = brokerErrorLine(error);
    // The protocol wants one line.
    return line === undefined ? errorLineOf(error) : `ocir-broker: ${oneLine(line)}\n`;
  }
}
