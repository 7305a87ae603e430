/** `npm run package` runs this for the man pages of its packages: JSON on stdout. */
import { describeConfigKeys } from "@ocir-broker/credentials/config/keys";
import { createProgram } from "../../program.ts";
import { describeCommand } from "../command-tree.ts";
import { renderManPages } from "./man-page.ts";

process.stdout.write(JSON.stringify(renderManPages(describeCommand(createProgram()), describeConfigKeys())));
