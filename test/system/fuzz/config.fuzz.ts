import { checkConfig } from "@ocir-broker/config/load";
import { printConfig } from "@ocir-broker/config/print";

/** A configuration is accepted, or each error is one printable line; an accepted one is accepted again as printed. */
export function fuzz(data: Buffer): void {
  const checked = checkConfig(data.toString("utf8"));
  if ("errors" in checked) {
    if (checked.errors.length === 0) throw new TypeError("refused without a reason");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (checked.errors.some((error) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(error))) {
      throw new TypeError("an error that is not one line");
    }
    return;
  }
  const printed = printConfig(checked.config);
  // A proxy with a withheld password is not a valid proxy.
  if (printed.includes("[withheld]")) return;
  if (!("config" in checkConfig(printed))) throw new TypeError("not taken as printed");
}
