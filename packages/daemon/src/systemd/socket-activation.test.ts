import { expect, it } from "vitest";
import { listenFds } from "./socket-activation.ts";

const PID = 42;

it.each([
  ["nothing", {}, {}],
  ["sockets of another process", { LISTEN_PID: "41", LISTEN_FDS: "2", LISTEN_FDNAMES: "credentials:health" }, {}],
  ["no sockets", { LISTEN_PID: "42", LISTEN_FDS: "0" }, {}],
  ["no number", { LISTEN_PID: "42", LISTEN_FDS: "x" }, {}],
  ["both", { LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: "credentials:health" }, { credentials: 3, health: 4 }],
  [
    "both sockets in reverse order",
    { LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: "health:credentials" },
    { credentials: 4, health: 3 },
  ],
  ["one of three", { LISTEN_PID: "42", LISTEN_FDS: "3", LISTEN_FDNAMES: "notify:x:health" }, { health: 5 }],
])("listenFds maps %s by name", (_title, environment, expected) => {
  expect(listenFds(environment, PID)).toEqual(expected);
});

it.each([undefined, "unknown:unknown", "unknown"])("listenFds refuses sockets named %j", (names) => {
  const environment = { LISTEN_PID: "42", LISTEN_FDS: "2", LISTEN_FDNAMES: names };
  expect(() => listenFds(environment, PID)).toThrow(expect.objectContaining({ code: "socket-not-listening" }));
});
