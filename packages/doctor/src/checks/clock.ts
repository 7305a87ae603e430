/** Compares this node's clock with the Date of a service's response: OCI refuses signatures that are more than 5 minutes off. */
import { isSkewed } from "@ocir-broker/foundation/time/clock-skew";
import { attempt } from "../attempt.ts";
import type { Check } from "../check-context.ts";
import { finding } from "../finding.ts";

export const checkClock: Check = async ({ cloud, clock, registryHost }) => {
  // Every response has a Date; the last one counts, because its service verifies signatures.
  await attempt(registryHost().then((host) => cloud.token(host)));
  await attempt(cloud.session());
  const offsets = cloud.requests.flatMap(({ url, response, service }) => {
    const { serverDateMs, sentAtMs } = response ?? {};
    if (serverDateMs === undefined || sentAtMs === undefined) return [];
    const wallThenMs = clock.wallMs() - (clock.monotonicMs() - sentAtMs);
    const isRefused = isSkewed(serverDateMs, wallThenMs);
    return [{ host: url.host, service, aheadMs: wallThenMs - serverDateMs, isRefused }];
  });
  const told = offsets.findLast(({ service }) => service !== "metadata") ?? offsets.at(-1);
  if (told === undefined) return undefined;
  const seconds = Math.round(Math.abs(told.aheadMs) / 1_000);
  const difference = seconds === 0 ? "agrees with" : `is ${seconds} s ${told.aheadMs > 0 ? "ahead of" : "behind"}`;
  const evidence = `this clock ${difference} the clock of ${told.host}`;
  return finding(told.isRefused ? "clock-skew" : "clock-ok", evidence);
};
