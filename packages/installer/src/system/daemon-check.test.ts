import type { ProgramResult } from "@ocir-broker/node/program-run";
import { printed } from "@ocir-broker/node/test/program-double";
import { encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import { expect, it } from "vitest";
import { nodeContextAt } from "../../test/node-context.ts";
import { checkDaemonAnswers } from "./daemon-check.ts";

const RESPONSE = encodeCredentialProviderResponse("credentialprovider.kubelet.k8s.io/v1", {}).toString();

const TIMEOUT = printed("", { exitCode: 1, stderr: "ocir-broker: shim-timeout: no answer" });

/** @param results of the calls; the last one is that of all further calls. @returns what was said */
async function check(...results: readonly [ProgramResult, ...ProgramResult[]]): Promise<string[]> {
  const said: string[] = [];
  const left = [...results];
  const runProgram = async () => (left.length > 1 ? left.shift() : left[0]) as ProgramResult;
  await checkDaemonAnswers(nodeContextAt("/", { runProgram, say: (line) => said.push(line) }));
  return said;
}

it.each<[what: string, result: ProgramResult]>([
  ["a response", printed(RESPONSE)],
  ["an error of the cloud", printed("", { exitCode: 1, stderr: "ocir-broker: auth-denied: Oracle refuses this node" })],
])("checkDaemonAnswers accepts %s", async (_, result) => {
  expect((await check(result)).length).toBeLessThan(2);
});

it.each<[what: string, result: ProgramResult, reason: string]>([
  ["text that is not a response", printed("all is well"), "cannot be decoded"],
  ["no response", { silent: true }, "did not respond"],
  ["a missing plugin", { failure: "ENOENT" }, "ENOENT"],
  ["no daemon", TIMEOUT, "shim-timeout"],
  ["a crash", printed("", { exitCode: null, signal: "SIGSEGV" }), "SIGSEGV"],
])("checkDaemonAnswers refuses %s", async (_, result, reason) => {
  await expect(check(result)).rejects.toMatchObject({ code: "plugin", message: expect.stringContaining(reason) });
});

it("checkDaemonAnswers gives a slow daemon four calls", async () => {
  await check(TIMEOUT, TIMEOUT, TIMEOUT, printed(RESPONSE));
  await expect(check(TIMEOUT, TIMEOUT, TIMEOUT, TIMEOUT, printed(RESPONSE))).rejects.toMatchObject({ code: "plugin" });
});
