/**
 * `ocir-broker get`: prints one response on stdout, or one line on stderr and exit status 1; never an empty stdout with 0. Uses the
 * daemon or, without one, Oracle's services. The identity is that of docker-credential-ocir: the node's for root, a person's own for
 * anybody else.
 */
import { existsSync } from "node:fs";
import { findConfig } from "@ocir-broker/config/config-in-force";
import type { Config } from "@ocir-broker/config/schema";
import { createOneShotBroker } from "@ocir-broker/credentials/one-shot-broker";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import { errorLineOf } from "@ocir-broker/errors/describe-error";
import { printable, printableJson } from "@ocir-broker/foundation/printable";
import { systemRandom } from "@ocir-broker/foundation/random";
import { type Clock, createSystemClock, holdProcess } from "@ocir-broker/foundation/time/clock";
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import { askSocket } from "@ocir-broker/node/health-socket";
import {
  API_VERSIONS,
  CREDENTIALS_ROUTE,
  CREDENTIALS_SOCKET,
  DISABLED_FILE,
  MAX_RESPONSE_BYTES,
  SHIM_CALL_MS,
} from "@ocir-broker/protocol/contract";
import { type Command, Option } from "commander";
import {
  CONFIG_OPTION,
  type ConfigOptions,
  callersSource,
  identityOption,
  isRoot,
  personalSource,
  USER_OPTION,
} from "../config/config-source.ts";
import { reportFailure, UsageError } from "../failure.ts";
import { environment } from "../process/environment.ts";
import { exitNow } from "../process/exit-now.ts";
import { readRequest, writeOut } from "../process/standard-streams.ts";

interface GetOptions extends ConfigOptions {
  readonly identity?: IdentityProviderName;
  readonly output: "json" | "password";
}

const NO_IMAGE = "error: no image was given, and standard input contains no request";

const SWITCHED_OFF =
  "ocir-broker: switched-off: this token is for you; the kubelet gets none until you run: ocir-broker enable\n";

/** Time limit without a daemon. A shorter `request.deadline` has precedence. */
const LIMIT_MS = 20_000;

export function addGetCommand(program: Command): void {
  program
    .command("get")
    .description("print credentials for an image, from the daemon or without one")
    .argument("[image]", "image or repository; without it a CredentialProviderRequest is read from stdin")
    .option(...CONFIG_OPTION)
    .option(USER_OPTION[0], `${USER_OPTION[1]} (the default, except for root)`)
    .addOption(identityOption("sign as this identity, as on a laptop, and do not ask a daemon"))
    .addOption(
      new Option("--output <form>", "the kubelet's CredentialProviderResponse, or the bare password of BEARER_TOKEN")
        .choices(["json", "password"])
        .default("json"),
    )
    .addHelpText(
      "after",
      `
Examples:
  ocir-broker get icn.ocir.io/acme/shop/web:1.2
  ocir-broker get icn.ocir.io/acme/shop/web --output password |
    docker login icn.ocir.io --username BEARER_TOKEN --password-stdin`,
    )
    .action(async (image: string | undefined, options: GetOptions, command: Command) => {
      if (image === undefined && process.stdin.isTTY) command.error(NO_IMAGE);
      await get(image, options, command);
    });
}

async function get(image: string | undefined, options: GetOptions, command: Command): Promise<void> {
  // Any end of this process before a response is written is a failure.
  process.exitCode = 1;
  holdProcess();
  process.once("uncaughtException", (error) => {
    process.stderr.write(errorLineOf(error));
    exitNow();
  });
  try {
    const request = image === undefined ? await readRequest() : requestFor(image);
    // A person forgot the image: the kubelet never sends an empty request.
    if (request.length === 0) command.error(NO_IMAGE);
    const response = await respond(request, options);
    if (response.body === undefined) process.stderr.write(response.line ?? errorLineOf(response.error));
    else if (await writeOut(`${outputOf(response.body, options)}\n`)) process.exitCode = 0;
  } catch (error) {
    if (error instanceof UsageError || error instanceof BrokerError) reportFailure(error);
    else process.stderr.write(errorLineOf(error));
  }
  exitNow();
}

interface Response {
  /** A CredentialProviderResponse; undefined for an error. */
  readonly body?: Buffer;
  /** A daemon's error. */
  readonly line?: string;
  readonly error?: unknown;
}

async function respond(request: Buffer, options: GetOptions): Promise<Response> {
  const { identity } = options;
  const { config, configError } = findConfig(
    identity === undefined ? callersSource(options) : personalSource(options.config, identity),
  );
  if (configError !== undefined && options.config !== undefined) throw configError;
  const clock = createSystemClock();
  // Where the file is invalid, the daemon may still have a configuration.
  const socket = daemonSocket(config, options);
  const response = socket === undefined ? undefined : await askDaemon(socket, request, clock);
  if (response !== undefined) return response;
  if (configError !== undefined) throw configError;
  if (socket === CREDENTIALS_SOCKET && existsSync(DISABLED_FILE)) process.stderr.write(SWITCHED_OFF);
  const broker = createOneShotBroker({
    config: identity === undefined ? config : { ...config, identity: { provider: identity } },
    environment,
    clock,
    random: systemRandom,
    limitMs: LIMIT_MS,
  });
  const decision = await broker.decide(request);
  return decision.outcome === "anonymous" ? { error: decision.error } : decision;
}

/** Undefined if no daemon signs as the wanted identity: the node's daemon never signs as a person. */
function daemonSocket({ sockets }: Config, { user, identity }: GetOptions): string | undefined {
  const isPerson = user === true || !isRoot();
  const hasDaemon = identity === undefined && !(isPerson && sockets.credentials === CREDENTIALS_SOCKET);
  return hasDaemon ? sockets.credentials : undefined;
}

function requestFor(image: string): Buffer {
  return Buffer.from(JSON.stringify({ kind: "CredentialProviderRequest", apiVersion: API_VERSIONS[0], image }));
}

/** @throws {BrokerError} `registry-foreign`, `service-account-failed` if a password is wanted and there is none. */
function outputOf(body: Buffer, { output }: GetOptions): string {
  return output === "json" ? printableJson(body.toString()) : passwordIn(body);
}

function passwordIn(body: Buffer): string {
  const { auth } = JSON.parse(body.toString()) as { auth: Record<string, { password: string }> };
  const [first] = Object.values(auth);
  if (first === undefined) throw new BrokerError("registry-foreign", "the response has no credentials");
  if (first.password === "") throw new BrokerError("service-account-failed", "the response is anonymous");
  if (printable(first.password) !== first.password) throw new Error("the password has control characters");
  return first.password;
}

/**
 * @returns undefined if no daemon gave a whole response of at most 64 KiB.
 * @throws {BrokerError} `socket-denied` if this user may not connect.
 */
async function askDaemon(socketPath: string, body: Buffer, clock: Clock): Promise<Response | undefined> {
  const headers = { "Content-Type": "application/json", "Content-Length": body.length };
  const limits = { maxBytes: MAX_RESPONSE_BYTES, limitMs: SHIM_CALL_MS };
  const request = { socketPath, path: CREDENTIALS_ROUTE, method: "POST", headers, body, ...limits };
  const response = await askSocket(request, clock);
  if (!("failure" in response)) {
    const { status, body } = response;
    if (status !== 200) return { line: `${printable(body.toString().trimEnd())}\n` };
    return body.length > 0 ? { body } : {};
  }
  if (response.failure !== "EACCES") return undefined;
  throw new BrokerError("socket-denied", `${socketPath}: this user may not connect`);
}
