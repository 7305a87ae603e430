/**
 * `ocir-broker get`: prints one answer on stdout, or one line on stderr and exit status 1; never an empty stdout with 0.
 *
 * A person's call asks the daemon, and Oracle's services directly if there is no daemon. The shim's call passes a
 * listening socket: this process is then the fallback broker for all shims that wait there, until none is left.
 */
import {
  BrokerError,
  type CredentialsAnswer,
  createFallbackBroker,
  errorAnswerOf,
  inheritedFd,
  listenFds,
  loadLenientConfig,
  startFallbackServer,
} from "@ocir-broker/broker";
import {
  type Clock,
  createSystemClock,
  holdProcess,
  kernelMonotonicUs,
  settledWithin,
  systemRandom,
} from "@ocir-broker/foundation";
import { API_VERSIONS, SHIM_DAEMON_MS, SHIM_TOTAL_MS } from "@ocir-broker/protocol";
import { type Command, Option } from "commander";
import { configInForce } from "../config/config-in-force.ts";
import { CONFIG_OPTION } from "../config/config-source.ts";
import { askDaemon, type DaemonAddress, type DaemonAnswer } from "../daemon-answer.ts";
import { reportFailure, UsageError } from "../failure.ts";
import { environment } from "../process/environment.ts";
import { exitNow } from "../process/exit-now.ts";
import { readRequest } from "../process/read-request.ts";
import { writeOut } from "../process/write-out.ts";

interface GetOptions {
  readonly config?: string;
  readonly output: "json" | "password";
}

const NO_IMAGE = "error: no image is given, and standard input has no request";

/** Total time budget if the shim passed no deadline. */
const DEFAULT_LEFT_MS = SHIM_TOTAL_MS - SHIM_DAEMON_MS;

/** Part of the time left, reserved for writing, reading and exiting, even on a busy machine. */
const END_SLACK_MS = 3_000;

/** Part of the time left, reserved for asking the daemon once more. A daemon that works answers at once. */
const DAEMON_AGAIN_MS = 2_000;

/** The kubelet waits until this process ends, so other shims get at most this long after the first answer. */
const OTHERS_QUIET_MS = 1_000;
const OTHERS_LIMIT_MS = 5_000;

export function addGetCommand(program: Command): void {
  program
    .command("get")
    .description("print credentials for an image, from the daemon or without one")
    .argument("[image]", "image or repository; without it a CredentialProviderRequest is read from stdin")
    .option(...CONFIG_OPTION)
    .addOption(
      new Option("--output <form>", "the kubelet's CredentialProviderResponse, or the bare password of BEARER_TOKEN")
        .choices(["json", "password"])
        .default("json"),
    )
    .action(async (image: string | undefined, options: GetOptions, command: Command) => {
      if (image === undefined && process.stdin.isTTY) command.error(NO_IMAGE);
      await get(image, options, command);
    });
}

async function get(image: string | undefined, options: GetOptions, command: Command): Promise<void> {
  // Any end of this process before an answer is written is a failure.
  process.exitCode = 1;
  holdProcess();
  process.once("uncaughtException", (error) => {
    process.stderr.write(errorAnswerOf(error).body);
    exitNow();
  });
  try {
    const clock = createSystemClock();
    const { credentials: fd } = listenFds(environment, process.pid);
    const request = image === undefined ? await readRequest() : requestFor(image);
    // A person forgot the image: the kubelet and the shim never send an empty request.
    if (request.length === 0) command.error(NO_IMAGE);
    if (fd === undefined) await deliver(await answerAlone(request, options, clock), options);
    else await runFallback(fd, request, options, clock);
  } catch (error) {
    if (error instanceof UsageError || error instanceof BrokerError) reportFailure(error);
    else process.stderr.write(errorAnswerOf(error).body);
  }
  exitNow();
}

async function answerAlone(request: Buffer, options: GetOptions, clock: Clock): Promise<DaemonAnswer> {
  const config = configInForce(options.config);
  const answered = await askDaemon(config.sockets.credentials, request, clock);
  if (answered !== undefined) return answered;
  const broker = createFallbackBroker({
    config,
    environment,
    clock,
    random: systemRandom,
    limitMs: DEFAULT_LEFT_MS,
  });
  return await broker.answer(request);
}

async function runFallback(fd: number, request: Buffer, options: GetOptions, clock: Clock): Promise<void> {
  const limitMs = Math.max(1, leftMs() - END_SLACK_MS);
  const endAtMs = clock.monotonicMs() + limitMs;
  // Nobody can fix a fault here, so the valid part of the configuration applies, as in the daemon.
  const { config } = loadLenientConfig({ path: options.config, environment });
  const ownLimitMs = Math.max(1, limitMs - DAEMON_AGAIN_MS);
  const broker = createFallbackBroker({ config, environment, clock, random: systemRandom, limitMs: ownLimitMs });

  // Sent at once, because a restarted daemon closes idle connections.
  const connection = daemonConnection();
  const early = connection === undefined ? undefined : askDaemon(connection, request, clock, limitMs);

  /** Asks the daemon if Oracle's services fail: it may be up again and have the token. The other shims ask it themselves. */
  async function ownAnswer(): Promise<CredentialsAnswer> {
    const own = await broker.answer(request);
    if (own.status < 500) return own;
    const againMs = Math.max(1, Math.min(DAEMON_AGAIN_MS, endAtMs - clock.monotonicMs()));
    const asked = (early ?? askDaemon(config.sockets.credentials, request, clock, againMs)).catch(() => undefined);
    const daemons = (await settledWithin(asked, againMs, clock)) ? await asked : undefined;
    return daemons?.status === 200 ? { ...own, ...daemons, contentType: "application/json" } : own;
  }

  const others = await startFallbackServer({ clock, answer: broker.answer, address: { fd }, limitMs });
  try {
    await deliver(await ownAnswer(), options);
    await others.untilQuiet(OTHERS_QUIET_MS, Math.min(OTHERS_LIMIT_MS, endAtMs - clock.monotonicMs()));
  } finally {
    await others.stop();
  }
}

/** The shim connects while it is root; this process is not root. */
function daemonConnection(): DaemonAddress | undefined {
  const fd = inheritedFd(environment["OCIR_BROKER_FALLBACK_DAEMON_FD"]);
  return fd === undefined ? undefined : { fd };
}

/** The shim passes the end of its call instead of the time left, because starting this process takes time. */
function leftMs(): number {
  const endMs = Number.parseInt(environment["OCIR_BROKER_FALLBACK_END_MS"] ?? "", 10);
  return Number.isNaN(endMs) ? DEFAULT_LEFT_MS : endMs - Number(kernelMonotonicUs()) / 1_000;
}

function requestFor(image: string): Buffer {
  return Buffer.from(JSON.stringify({ kind: "CredentialProviderRequest", apiVersion: API_VERSIONS[0], image }));
}

/** @throws {BrokerError} `registry-foreign` if a password is wanted and there is none. */
async function deliver({ status, body }: DaemonAnswer, { output }: GetOptions): Promise<void> {
  if (status !== 200 || body.length === 0) {
    process.stderr.write(status === 200 ? errorAnswerOf(undefined).body : body);
    return;
  }
  await writeOut(output === "json" ? `${body}\n` : `${passwordIn(body)}\n`);
  process.exitCode = 0;
}

function passwordIn(body: Buffer): string {
  const { auth } = JSON.parse(body.toString()) as { auth: Record<string, { password: string }> };
  const [first] = Object.values(auth);
  if (first === undefined) throw new BrokerError("registry-foreign", "the answer has no credentials");
  return first.password;
}
