/**
 * Asks the questions on the node, with the identity of its instance. Its only argument is the image; the answers are one line.
 * Bundled and sent to the node, which has no checkout.
 */
import { checkConfig } from "@ocir-broker/credentials/config/load";
import { askAll } from "./questions.ts";

const [image = ""] = process.argv.slice(-1);
const checked = checkConfig(JSON.stringify({ metadata: { baseUrl: "http://169.254.169.254/opc/v2" } }));
if ("errors" in checked) throw new Error(checked.errors.join("\n"));
askAll({ config: checked.config, image }).then((answers) => {
  process.stdout.write(`${JSON.stringify(answers)}\n`, () => process.exit());
});
