/** Which proxy a request goes through. */
import { describe, expect, test } from "bun:test";
import { chooseProxy, DIRECT, proxyOf } from "../../src/net/proxy.ts";

const HTTPS = { isTls: true, hostname: "api.example.com", port: 443 };
const HTTP = { isTls: false, hostname: "api.example.com", port: 80 };

describe("a proxy's URL", () => {
  test.each([
    ["http://proxy.internal", { scheme: "http", hostname: "proxy.internal", port: 80, user: "", password: "" }],
    ["https://proxy.internal", { scheme: "https", port: 443 }],
    ["socks5://proxy.internal", { scheme: "socks5", port: 1080 }],
    ["http://[::1]:3128", { hostname: "::1", port: 3128 }],
    ["http://u%40corp:p%3Aw@proxy:3128", { user: "u@corp", password: "p:w" }],
    ["http://u:100%@proxy:3128", { user: "u", password: "100%" }],
  ])("%s", (url, parts) => {
    expect(proxyOf(url)).toMatchObject(parts as object);
  });

  test.each(["ftp://proxy", "proxy:3128", "", "http://"])("%p is none, and is not repeated", (url) => {
    expect(() => proxyOf(url)).toThrow("The URL of a proxy is malformed.");
  });
});

describe("who decides", () => {
  const environment = { HTTPS_PROXY: "http://env:1", HTTP_PROXY: "http://env:2", NO_PROXY: "*" };

  test("the configuration before the environment, and `none` is none", () => {
    expect(chooseProxy("http://own:3", environment)(HTTPS)).toMatchObject({ hostname: "own", port: 3 });
    expect(chooseProxy("none", { HTTPS_PROXY: "http://env:1" })).toBe(DIRECT);
    expect(chooseProxy(null, {})).toBe(DIRECT);
  });

  test.each([
    ["https by HTTPS_PROXY", { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:2" }, HTTPS, "a:1"],
    ["http by HTTP_PROXY", { HTTPS_PROXY: "http://a:1", HTTP_PROXY: "http://b:2" }, HTTP, "b:2"],
    ["both by ALL_PROXY", { ALL_PROXY: "https://c:3" }, HTTPS, "c:3"],
    ["small letters first", { https_proxy: "http://small:1", HTTPS_PROXY: "http://large:2" }, HTTPS, "small:1"],
    ["a value without scheme", { https_proxy: "bare:8080" }, HTTPS, "bare:8080"],
    ["nobody for the other kind", { HTTP_PROXY: "http://b:2" }, HTTPS, null],
    ["another kind of proxy counts as not set", { ALL_PROXY: "socks5://s:1" }, HTTPS, null],
    ["nonsense counts as not set", { HTTPS_PROXY: "http://", ALL_PROXY: "http://c:3" }, HTTPS, "c:3"],
    ["an empty value counts as not set", { https_proxy: "", HTTPS_PROXY: "http://a:1" }, HTTPS, "a:1"],
  ])("%s", (_name, environment, to, expected) => {
    const proxy = chooseProxy(null, environment)(to);
    expect(proxy === null ? null : `${proxy.hostname}:${proxy.port}`).toBe(expected);
  });
});

describe("NO_PROXY", () => {
  const isDirect = (entries: string, hostname: string, port = 443) =>
    chooseProxy(null, { HTTPS_PROXY: "http://p:1", NO_PROXY: entries })({ isTls: true, hostname, port }) === null;

  test.each([
    ["*", "api.example.com", true],
    ["example.com", "api.example.com", true],
    ["example.com", "example.com", true],
    [".example.com", "api.example.com", true],
    ["*.example.com", "api.example.com", true],
    ["EXAMPLE.com", "api.Example.COM.", true],
    ["example.com", "badexample.com", false],
    ["a.test, example.com", "example.com", true],
    ["a.test example.com", "example.com", true],
    ["10.0.0.0/8", "10.1.2.3", true],
    ["10.0.0.0/8", "11.1.2.3", false],
    ["127.0.0.1", "127.0.0.1", true],
    ["::1", "::1", true],
    ["[::1]", "::1", true],
    ["[::1]:443", "::1", true],
    ["[::1]:80", "::1", false],
    ["fd00::/8", "fd00::1", true],
    ["example.com:443", "example.com", true],
    ["example.com:8443", "example.com", false],
    [" , ,", "example.com", false],
    [".", "example.com", false],
  ])("%p and %s: directly is %p", (entries, hostname, expected) => {
    expect(isDirect(entries, hostname)).toBe(expected);
  });

  test("does not bind a proxy of the configuration", () => {
    expect(chooseProxy("http://own:3", { NO_PROXY: "*" })(HTTPS)).not.toBeNull();
  });
});
