/**
 * Asks the questions on the node, with the identity of its instance. Its only argument is the image; the answers are one line.
 * Bundled and sent to the node, which has no checkout.
 */
import { configOf } from "@ocir-broker/config/test/config";
import { holdProcess } from "@ocir-broker/foundation/time/clock";
import { askAll } from "./questions.ts";

const [image = ""] = process.argv.slice(-1);
const config = configOf({ metadata: { baseUrl: "http://169.254.169.254/opc/v2" } });
holdProcess();
askAll({ config, image }).then((answers) => {
  process.stdout.write(`${JSON.stringify(answers)}\n`, () => process.exit());
});
