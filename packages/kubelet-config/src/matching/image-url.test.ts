import { describe, expect, test } from "vitest";
import { parseImageUrl } from "./image-url.ts";

describe("parseImageUrl", () => {
  test.each([
    ["iad.ocir.io", ["iad", "ocir", "io"], "", ""],
    ["iad.ocir.io:443/acme/x", ["iad", "ocir", "io"], "443", "/acme/x"],
    ["iad.ocir.io:", ["iad", "ocir", "io"], "", ""],
    ["*.ocir.io/", ["*", "ocir", "io"], "", "/"],
    ["", [""], "", ""],
    ["/a", [""], "", "/a"],
    ["https://iad.ocir.io", ["https"], "", "//iad.ocir.io"],
    ["user:pass@iad.ocir.io", ["iad", "ocir", "io"], "", ""],
    ["ia?.ocir.io/x", ["ia"], "", ""],
    ["ia#.ocir.io", ["ia"], "", ""],
    ["a#\t", ["a"], "", ""],
    ["a/%41%c3%a9", ["a"], "", "/Aé"],
    ["a%25%c3%a9.io", ["a%é", "io"], "", ""],
    ["é.io", ["é", "io"], "", ""],
    ["[::1]:5000/x", ["::1"], "5000", "/x"],
    ["[::1]", ["[::1]"], "", ""],
  ])("parses %j", (text, labels, port, path) => {
    expect(parseImageUrl(text)).toStrictEqual({ labels, port, path, refusedByNewerGo: false });
  });

  test.each([
    ["i[a-z]d.ocir.io", ["i[a-z]d", "ocir", "io"], ""],
    ["i[a-z]d.io:5000", ["i[a-z]d", "io:5000"], ""],
    ["[abc]", ["[abc]"], ""],
    ["[fe80::zz]:5000", ["fe80::zz"], "5000"],
    ["::1", ["::1"], ""],
    ["a:1:2", ["a:1:2"], ""],
  ])("parses %j, which newer kubelets reject", (text, labels, port) => {
    expect(parseImageUrl(text)).toStrictEqual({ labels, port, path: "", refusedByNewerGo: true });
  });

  test.each([
    ["a glob in the port", "iad.ocir.io:*"],
    ["a name for a port", "iad.ocir.io:https"],
    ["a class at the beginning", "[a-z]ad.ocir.io"],
    ["a bracket that stays open", "[::1"],
    ["a negated class", "i[^b]d.ocir.io"],
    ["a backslash", "iad\\*.ocir.io"],
    ["a space", "iad .ocir.io"],
    ["a line break", "iad.ocir.io\n"],
    ["DEL", "iad\u007f.ocir.io"],
    ["an escaped letter in the host", "%41.ocir.io"],
    ["half an escape in the host", "a%2.io"],
    ["half an escape in the path", "a/%"],
    ["half an escape in the fragment", "a#%z"],
    ["half an escape in the user name", "u%@a"],
    ["a bad user name", "u|@a"],
  ])("rejects %s", (_name, text) => {
    expect(parseImageUrl(text)).toBeUndefined();
  });
});
