import { describe, expect, it } from "vitest";
import { parseKubeletVersion } from "./minor.ts";

describe("parseKubeletVersion", () => {
  it.each([
    "1.33",
    "v1.33",
    "1.33.2",
    "v1.33.2",
    "Kubernetes v1.33.2\n",
    "Kubernetes v1.33.0-rc.1+a1",
    "v1.33.2+vmware",
  ])("parses %j", (text) => expect(parseKubeletVersion(text)).toBe(33));

  it.each(["", "33", "2.33", "kubelet", "1.x", "1.33 and more"])("returns undefined for %j", (text) =>
    expect(parseKubeletVersion(text)).toBeUndefined(),
  );
});
