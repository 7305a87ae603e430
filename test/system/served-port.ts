/** The port of the controller of pull secrets with the metrics of 2 000 resources, in a process of its own. Prints the port. */

import type { AddressInfo } from "node:net";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { startHttpServer } from "../../packages/pull-secrets/src/http-server.ts";
import { createMetrics } from "../../packages/pull-secrets/src/metrics.ts";
import type { PullSecret } from "../../packages/pull-secrets/src/objects/pull-secret.ts";

const status = { conditions: [{ reason: "Issued" }], expirationTime: new Date(Date.now() + 3_600_000).toISOString() };
const resources = Array.from({ length: 2_000 }, () => ({ status }));
const clock = createSystemClock();
const metrics = createMetrics(clock);
metrics.show({ resources: () => resources as unknown as PullSecret[], waiting: () => 0 });
const server = await startHttpServer(0, { clock, started: Promise.resolve(), render: metrics.render });
console.log((server.address() as AddressInfo).port);
