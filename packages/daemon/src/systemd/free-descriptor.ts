import { closeSync, openSync } from "node:fs";
import { codeOf } from "@ocir-broker/errors/describe-error";

/** False if this process has used up its descriptors, so it can accept no connection. Any other failure of the attempt counts as true. */
export function hasFreeDescriptor(): boolean {
  try {
    closeSync(openSync("/", "r"));
    return true;
  } catch (error) {
    return codeOf(error) !== "EMFILE";
  }
}
