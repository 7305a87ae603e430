import { errorLine } from "@ocir-broker/errors/describe-error";
import { HTTP_ERRORS } from "@ocir-broker/http-server/error-codes";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";
import { PROTOCOL_ERRORS } from "@ocir-broker/protocol/error-codes";
import { expect, it } from "vitest";
import { ERROR_TABLE, ERROR_TABLES } from "./error-catalogue.ts";

it("ERROR_TABLE joins tables that have a code in common only if they share its row, so no meaning hides another", () => {
  const rows = ERROR_TABLES.flatMap((table) => Object.entries(table));
  expect(
    rows.filter(([code, row]) => row !== Object.entries(ERROR_TABLE).find(([each]) => each === code)?.[1]),
  ).toEqual([]);
  expect(new Set(rows.map(([code]) => code))).toEqual(new Set(Object.keys(ERROR_TABLE)));
});

it.each(Object.entries(ERROR_TABLE))("reports %s in one printable line of at most 512 bytes", (code, row) => {
  const line = errorLine(code, row);
  expect(line.length).toBeLessThanOrEqual(512);
  expect(line).toMatch(new RegExp(`^ocir-broker: ${code}: [ -:<-~]+; [ -:<-~]+\n$`));
});

it.each([HTTP_ERRORS["body-too-large"], PROTOCOL_ERRORS["request-too-large"]])(
  "names the contract's limit",
  ({ what }) => {
    expect(what).toContain(`larger than ${MAX_REQUEST_BYTES / 1_024} KiB`);
  },
);
