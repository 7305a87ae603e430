import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { captureSdkConsole } from "./sdk-console.ts";

/** The global one, as the SDK reaches it. */
const sdkConsole = globalThis.console;
const JWT = `eyJhbGciOiJSUzI1NiJ9.${"claims".repeat(20)}.${"signature".repeat(20)}`;
const PEM = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQ".repeat(10)}\nshort==\n-----END PRIVATE KEY-----`;

/** What the work prints goes to the messages; what reaches the real console is looked at. */
async function capture(work: () => Promise<void>): Promise<string[]> {
  const messages: string[] = [];
  await captureSdkConsole((line) => messages.push(line), work);
  return messages;
}

test.each(["debug", "error", "info", "log", "trace", "warn"] as const)(
  "captureSdkConsole takes console.%s, also after a wait",
  async (method) => {
    const messages = await capture(async () => {
      await setImmediate();
      sdkConsole[method]("Retrying the request... %d", 2);
    });

    expect(messages).toEqual(["Retrying the request... 2"]);
  },
);

test.each([
  ["a JWT", `Failed with token ${JWT}!`, "Failed with token [withheld]!"],
  ["a JWT behind ST$", `keyId="ST$${JWT}"`, 'keyId="[withheld]"'],
  ["a PEM block", `key ${PEM} bad`, "key [withheld] bad"],
  ["a PEM block without an end", `key ${PEM.slice(0, 60)}`, "key [withheld]"],
  ["control characters", "one\r\ntwo\u001b[31m", "one two [31m"],
  ["anything long", "word ".repeat(100), "word ".repeat(60).trim()],
])("captureSdkConsole withholds %s", async (_, text, expected) => {
  expect(await capture(async () => sdkConsole.log(text))).toEqual([expected]);
});

test("captureSdkConsole leaves alone what others print meanwhile, its own listener included", async () => {
  const printed = vi.spyOn(sdkConsole, "log").mockImplementation(() => undefined);
  onTestFinished(() => printed.mockRestore());
  const goOn = Promise.withResolvers<void>();

  const work = captureSdkConsole(
    (line) => sdkConsole.log(`heard: ${line}`),
    async () => {
      await goOn.promise;
      sdkConsole.log("from inside");
    },
  );
  sdkConsole.log("from outside");
  goOn.resolve();
  await work;

  expect(printed.mock.calls).toEqual([["from outside"], ["heard: from inside"]]);
});
