import { expect, test } from "vitest";
import { createIam } from "./iam.ts";

test("a service account pushes only to a writable repository that it may pull from", () => {
  const iam = createIam();
  const puller = { ptype: "workload", namespace: "builds", service_account: "ocir-push" };
  iam.change({ repository: "ns/a", serviceAccount: "builds/ocir-push", granted: true });
  expect(iam.actions("ns/a", puller)).toEqual(["pull"]);
  iam.change({ repository: "ns/a", writable: true });
  iam.change({ repository: "ns/b", writable: true });
  expect([iam.actions("ns/a", puller), iam.actions("ns/b", puller)]).toEqual([["pull", "push"], []]);
});
