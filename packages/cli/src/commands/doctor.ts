/**
 * `ocir-broker doctor [IMAGE]`: explains why a pull fails on this node. Exit status 0: no problem; 1: a problem; 2: a wrong
 * command line; 3: a check could not be made, or doctor itself failed.
 */
import { readFileSync } from "node:fs";
import { findConfig } from "@ocir-broker/config/config-in-force";
import { pathOf as configPathOf } from "@ocir-broker/config/load";
import { diagnose } from "@ocir-broker/doctor/doctor";
import type { DoctorOptions } from "@ocir-broker/doctor/doctor-options";
import { exitStatusOf, renderReport } from "@ocir-broker/doctor/report";
import { systemRandom } from "@ocir-broker/foundation/random";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import type { Secret } from "@ocir-broker/foundation/secret";
import { createSystemClock, holdProcess } from "@ocir-broker/foundation/time/clock";
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import { parseServiceAccountToken } from "@ocir-broker/identity/token-exchange/service-account-token";
import { readDaemonEnvironment } from "@ocir-broker/node/daemon-environment";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import { type Command, Option } from "commander";
import { withUnitSockets } from "../config/config-in-force.ts";
import { CONFIG_OPTION, describeSource, identityOption, personalSource } from "../config/config-source.ts";
import { reportFailure, UsageError } from "../failure.ts";
import { environment as ownEnvironment, version } from "../process/environment.ts";

/** Four times the longest token. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;

const JWT = /^ey[\w-]+\.[\w-]+\.[\w-]+$/;

interface CommandOptions {
  readonly config?: string;
  readonly identity?: IdentityProviderName;
  readonly output: "text" | "json";
  readonly root: string;
  readonly serviceAccountToken?: string;
  readonly verbose?: true;
}

const SHOWN_ERRORS = 3;

const EXIT_STATUS = `
Exit status:
  0  no problem was found
  1  a problem was found
  2  the command line is wrong
  3  no problem was found, but a check could not be made`;

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("explain why a pull fails on this node, and how to fix it")
    .argument("[image]", "the image whose pull fails, as the pod names it")
    .option(...CONFIG_OPTION)
    .addOption(identityOption("examine only this identity and the registry, as on a laptop"))
    .addOption(
      new Option("--output <form>", "text for people, json for programs").choices(["text", "json"]).default("text"),
    )
    .option(
      "--service-account-token <file>",
      "examine the pull of a pod's service account: a file with its token for the kubelet's audience, or - for standard input",
    )
    .option("--verbose", "on a terminal, also print the evidence of checks that passed")
    .addOption(new Option("--root <directory>", "the folder with the node's files").default("/").hideHelp())
    .addHelpText(
      "after",
      `
Examples:
  ocir-broker doctor
  ocir-broker doctor icn.ocir.io/acme/shop/web:1.2
  kubectl create token puller --namespace shop --audience AUDIENCE |
    ocir-broker doctor icn.ocir.io/acme/shop/web:1.2 --service-account-token -`,
    )
    .addHelpText("after", EXIT_STATUS)
    .action(async (image: string | undefined, options: CommandOptions) => {
      using _hold = holdProcess();
      try {
        process.exitCode = await examine(image, options);
      } catch (error) {
        reportFailure(error);
        if (!(error instanceof UsageError)) process.exitCode = 3;
      }
    });
}

async function examine(image: string | undefined, options: CommandOptions): Promise<0 | 1 | 3> {
  if (options.identity === undefined && options.root === "/" && process.geteuid?.() !== 0)
    process.stderr.write("ocir-broker: run doctor as root; other users may not read much of what it checks\n");
  const findings = await diagnose(await doctorOptions(image, options));
  if (options.output === "json") process.stdout.write(`${JSON.stringify({ version, findings }, undefined, 2)}\n`);
  else
    process.stdout.write(
      renderReport(findings, {
        colored: isColored(),
        columns: process.stdout.columns,
        image,
        isVerbose: options.verbose,
      }),
    );
  return exitStatusOf(findings);
}

function readToken(file: string): Secret {
  // Checked first, because an error of the file system would print the text as a path.
  if (JWT.test(file)) throw new UsageError("usage-invalid: --service-account-token takes a file, not a token");
  const bytes = file === "-" ? readFileSync(0) : readRegularFile(file, { maxBytes: MAX_TOKEN_FILE_BYTES });
  return parseServiceAccountToken(bytes.toString());
}

/** Uses the node's settings and the daemon's environment; with `identity`, those of the person who runs it. */
async function doctorOptions(
  image: string | undefined,
  { config: path, identity, root, serviceAccountToken }: CommandOptions,
): Promise<DoctorOptions> {
  const clock = createSystemClock();
  const isNode = identity === undefined;
  const ofDaemon = isNode ? await readDaemonEnvironment(createNodeFiles(root), createRunProgram(clock)) : undefined;
  // The home of the daemon's dynamic user.
  const environment = ofDaemon === undefined ? ownEnvironment : { HOME: "/", ...ofDaemon };
  const source = isNode ? { path, environment } : personalSource(path, identity);
  const { config, configError, warning } = findConfig(source);
  return {
    ...{ image, version, clock, random: systemRandom, environment, isNode, root },
    // A root other than / belongs to the user who tries doctor out, and so do the sockets below it.
    ownerId: root === "/" ? 0 : (process.getuid?.() ?? 0),
    configPath: configPathOf(source),
    configSource: describeSource(source),
    config: isNode ? withUnitSockets(config, root) : { ...config, identity: { provider: identity } },
    serviceAccountToken: isNode && serviceAccountToken !== undefined ? readToken(serviceAccountToken) : undefined,
    configError: configError === undefined ? undefined : configErrorIn(configError.what),
    configFix: configError?.fix,
    configWarning: warning,
  };
}

/** One line with the keys and their errors. The values are left out: `config check` shows them. */
function configErrorIn(message: string): string {
  const [head = "", ...errors] = message.split(/\n */).map((line) => line.split(" (got ", 1)[0] ?? line);
  const more = errors.length > SHOWN_ERRORS ? [`${errors.length - SHOWN_ERRORS} more`] : [];
  return [head, [...errors.slice(0, SHOWN_ERRORS), ...more].join("; ")].join(" ").trimEnd();
}

/** https://no-color.org: any non-empty text disables colour. */
function isColored(): boolean {
  return process.stdout.isTTY === true && !ownEnvironment["NO_COLOR"] && ownEnvironment["TERM"] !== "dumb";
}
