export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { type MswServer, type ReceivedRequest, startMswServer } from "./msw-server.ts";
