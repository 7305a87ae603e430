import { expect, it } from "vitest";
import { missingFlags, wordsOf } from "./kubelet-args.ts";

const CONFIG = "--image-credential-provider-config";
const BIN_DIR = "--image-credential-provider-bin-dir";

it.each([
  ["", "/c.yaml", `${CONFIG}=/c.yaml ${BIN_DIR}=/bin`],
  ["--v=2", "/a b.yaml", `'${CONFIG}=/a b.yaml' ${BIN_DIR}=/bin`],
  [`${CONFIG} /c.yaml --v=2`, "/c.yaml", `${BIN_DIR}=/bin`],
  [`--image_credential_provider_config=/c.yaml ${BIN_DIR}=/bin`, "/c.yaml", ""],
])("missingFlags returns what the arguments %j lack", (args, config, flags) => {
  expect(missingFlags(args, { config, binDir: "/bin" })).toBe(flags);
});

it("wordsOf removes quotes and keeps the blanks in them", () => {
  expect(wordsOf(`--a  '--b=c d' --e="f 'g'"\n-h`)).toEqual(["--a", "--b=c d", "--e=f 'g'", "-h"]);
});
