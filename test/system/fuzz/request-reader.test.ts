/** The fuzzer's target on inputs made of the parts of a request, which bytes at random would hardly reach. */
import { expect, it } from "vitest";
import { createSeededRandom } from "../../seeded-random.ts";
import { isLongRun } from "../long-run.ts";
import { fuzz } from "./request-reader.fuzz.ts";

const INPUTS = isLongRun ? 1_000_000 : 20_000;
const SEED = 20_261_127;

const PARTS = [
  ...["GET", "POST", " ", "/", "/a", " HTTP/1.1", " HTTP/1.0", "POST /a HTTP/1.1\r\n", "GET / HTTP/1.1\r\n"],
  ...["\r\n", "\r\n", "\r\n\r\n", "\n", "\r", ":", " ", "\t", "a", "Host: a\r\n", "\0", "\x80", "x".repeat(300)],
  ...["Content-Length: ", "Content-Length:", "0", "1", "05", "256", "257", "+1", "-1", "1, 1", "0x1", "9".repeat(30)],
  ...["Content-Length: 1\r\n\r\nx", "Content-Length: 3\r\n\r\n", "Content-Length: 0\r\n", "A: b\r\n c\r\n"],
  ...["Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n", "Expect: x\r\n", "x".repeat(7_900), "hello"],
];

it(`the request reader gives ${INPUTS} inputs one end and one verdict each, however they are cut`, () => {
  const random = createSeededRandom(SEED);
  const pick = (): string => PARTS[Math.floor(random() * PARTS.length)] ?? "";
  for (let index = 0; index < INPUTS; index += 1) {
    const start = random() < 0.8 ? "POST /a HTTP/1.1\r\n" : "";
    const text = start + Array.from({ length: Math.floor(random() * 8) }, pick).join("");
    expect(() => fuzz(Buffer.from(text, "latin1")), JSON.stringify(text)).not.toThrow();
  }
});
