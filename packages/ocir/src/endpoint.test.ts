import { expect, test } from "vitest";
import { isEndpointAllowed } from "./endpoint.ts";

test.each([
  "https://iad.ocir.io",
  "https://10.0.0.1:8443/opc/v2",
  "http://127.0.0.1:18080",
  "http://localhost:18080",
  "http://[::1]:18080",
  "http://[::ffff:127.0.0.1]",
  "http://169.254.169.254/opc/v2",
  "http://[fe80::1]",
  "http://[fd00:c1::a9fe:a9fe]/opc/v2",
])("isEndpointAllowed accepts %s", (url) => {
  expect(isEndpointAllowed(new URL(url))).toBe(true);
});

test.each([
  "http://iad.ocir.io",
  "http://10.0.0.1",
  "http://169.253.0.1",
  "http://0.0.0.0",
  "http://[::]",
  "http://[fd00:c1::a9fe:a9ff]",
  "http://[::ffff:10.0.0.1]",
  "http://localhost.evil.com",
  "http://127.0.0.1.evil.com",
  "http://evil.localhost",
  "http://localhost./",
  "https://user@iad.ocir.io",
  "https://:password@iad.ocir.io",
  "https://iad.ocir.io/?x=1",
  "https://iad.ocir.io/#x",
  "ftp://127.0.0.1",
  "file:///etc/passwd",
])("isEndpointAllowed refuses %s", (url) => {
  expect(isEndpointAllowed(new URL(url))).toBe(false);
});
