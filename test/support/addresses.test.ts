/** Whose address counts behind trusted proxies, however the proxy writes it. */
import { expect, test } from "bun:test";
import { clientAddress } from "../../src/support/addresses.ts";

const PROXIES = ["10.0.0.0/8", "fd00::/8"];
const behind = (forwarded: string, peer = "10.0.0.1") =>
  clientAddress(peer, new Headers({ "x-forwarded-for": forwarded }), PROXIES);

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["192.0.2.1:4711", "192.0.2.1"],
  ["203.0.113.9, 192.0.2.1:4711, 10.0.0.2:80", "192.0.2.1"],
  ["2001:db8::1", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[2001:db8::1]:4711, fd00::2", "2001:db8::1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  // What is no address stops the search: nothing before it can be believed.
  ["192.0.2.1, unknown", "10.0.0.1"],
  ["192.0.2.1:port", "10.0.0.1"],
  ["192.0.2.1:123456", "10.0.0.1"],
  ["[192.0.2.1", "10.0.0.1"],
  ["", "10.0.0.1"],
])("X-Forwarded-For: %s → %s", (forwarded, expected) => {
  expect(behind(forwarded)).toBe(expected);
});

test("from anybody else it is not read, port or none", () => {
  expect(behind("192.0.2.1:4711", "198.51.100.7")).toBe("198.51.100.7");
});
