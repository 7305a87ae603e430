import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "./secret.ts";

const secret = new Secret("canary");

test("Secret gives its text only through reveal()", () => {
  const shown = [secret.reveal(), String(secret), JSON.stringify(secret), inspect(secret)];
  expect(shown).toEqual(["canary", "[redacted]", '"[redacted]"', "[redacted]"]);
});

test.each<[string, string]>([
  ["a string", `${secret}`],
  ["JSON", JSON.stringify({ secret, list: [secret] })],
  ["inspect with hidden properties and getters", inspect({ secret }, { depth: 9, showHidden: true, getters: true })],
  ["a format", format("%s %j %o %O", secret, secret, secret, secret)],
  ["an error's properties", inspect(Object.assign(new Error("x"), { secret }))],
  ["a thrown value", inspect(new Error("x", { cause: secret }), { showHidden: true })],
  ["its keys", JSON.stringify([Object.getOwnPropertyNames(secret), { ...secret }])],
])("Secret does not show its text in %s", (_where, printed) => {
  expect(printed).not.toContain("canary");
});
