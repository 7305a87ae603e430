/** A daemon without free descriptors refuses calls; a shim tries again, and gets its answer from the same daemon once it has some. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { ask } from "../chaos/known-tokens.ts";
import { startSupervisedNode } from "../chaos/supervised-node.ts";
import { answerOf, REGISTRY_HOSTS } from "../e2e/stage.ts";
import { leaveDescriptors, limitDescriptors, openDescriptors } from "./descriptors.ts";

const [HOST] = REGISTRY_HOSTS as [string];
const LIVEZ = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

it("without a descriptor left it takes no connection, and answers the waiting pull once it has one", async () => {
  const stage = await startSupervisedNode(() => {});
  onTestFinished(() => stage.takeDown());
  const pull = async (): Promise<unknown> => answerOf(await stage.call(`${HOST}/acme/app`)).auth[HOST];
  expect(await pull()).toMatchObject({ password: expect.stringContaining(".") });
  const pid = stage.supervisor.pid() as number;
  const older = connect(stage.healthSocket, () => older.write(LIVEZ));
  await once(older, "data");
  expect(leaveDescriptors(pid, 0)).toBe(true);
  // A descriptor that an earlier connection frees is not available for another one.
  older.end().resume();
  await once(older, "close");
  const before = openDescriptors(pid).length;
  const waiting = pull();
  const turnedAway = connect(stage.healthSocket);
  const bytes: Buffer[] = [];
  const closed = new Promise((resolve) => turnedAway.on("close", resolve));
  turnedAway.on("data", (piece: Buffer) => bytes.push(piece)).on("error", () => {});
  turnedAway.write(LIVEZ);
  await closed;
  expect(Buffer.concat(bytes).toString()).toBe("");
  expect(openDescriptors(pid).length).toBeLessThanOrEqual(before);

  expect(limitDescriptors(pid, 4_096)).toBe(true);
  expect(await ask(stage.healthSocket, "/livez")).toBeDefined();
  expect(await waiting).toMatchObject({ password: expect.stringContaining(".") });
  expect(stage.supervisor.pid()).toBe(pid);
});
