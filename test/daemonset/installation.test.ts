import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createInstallation } from "../../packages/daemonset/src/installation.ts";

const SCRIPT = `
echo "$OCIR_BROKER_BOOTSTRAP $OCIR_BROKER_VERSION audience=$OCIR_BROKER_SERVICE_ACCOUNTS"
printf '%s\\n' nothing /config /bin >"$OCIR_BROKER_KUBELET_NEED"
`;

it.each([
  [undefined, "running 1.2.3 audience="],
  ["ocir", "running 1.2.3 audience=ocir"],
])("the image's script receives the version and the audience %j", async (serviceAccounts, line) => {
  const image = temporaryFolder();
  for (const folder of ["ocir-broker", "status"]) mkdirSync(join(image, folder));
  writeFileSync(join(image, "ocir-broker/SHA256SUMS"), "0  ocir-broker-1.2.3-linux-amd64.tar.gz\n");
  writeFileSync(join(image, "ocir-broker/ocir-broker-node.sh"), SCRIPT);
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const installation = createInstallation({ image, leaseSeconds: 60, serviceAccounts, settings: "", say });
  expect(await installation.install()).toEqual({ ok: true, kubelet: { kind: "nothing" } });
  expect(said).toEqual([line]);
});
