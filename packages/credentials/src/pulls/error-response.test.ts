import { imageErrorOf } from "@ocir-broker/ocir/image-error";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { describe, expect, it } from "vitest";
import { errorResponseOf } from "./error-response.ts";

describe("errorResponseOf", () => {
  it.each([
    Object.assign(new Error("secret text"), { code: "timeout" }),
    Object.assign(new Error("secret text"), { code: "constructor" }),
    new Error("secret text"),
    "secret text",
  ])("shows only a known code of %o", (error) => {
    expect(errorResponseOf(error).body.toString()).toMatch(/^ocir-broker: (timeout|internal): /);
    expect(errorResponseOf(error).body.toString()).not.toContain("secret");
  });

  it("names the rule that an image breaks, and shows nothing of the image", () => {
    const error = new OcirError("image-invalid", "image", { reason: imageErrorOf("iad.ocir.io/Acme") });
    expect(errorResponseOf(error).body.toString()).toBe(
      "ocir-broker: image-invalid: the image's name is invalid: its repository has a character in upper case; check the pod's image name\n",
    );
  });
});
