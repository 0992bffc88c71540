/** Signatures as AWS's own published examples have them, and what is not in them. */
import { describe, expect, test } from "bun:test";
import { type AwsCredentials, RelayError, signAws } from "../../src/plugin/index.ts";

/** The account of the signature test suite: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-test-suite.html */
const CREDENTIALS: AwsCredentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);
const base = { service: "service", region: "us-east-1", credentials: CREDENTIALS, now: NOW, body: null } as const;

const signatureOf = (headers: Record<string, string>) =>
  /Signature=([0-9a-f]+)$/.exec(headers["authorization"] ?? "")?.[1];

describe("signAws", () => {
  test.each([
    [
      "get-vanilla",
      "GET",
      "https://example.amazonaws.com/",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ],
    [
      "post-vanilla",
      "POST",
      "https://example.amazonaws.com/",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ],
    [
      "get-vanilla-query-order-key-case",
      "GET",
      "https://example.amazonaws.com/?Param2=value2&Param1=value1",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
  ])("%s", async (_name, method, url, signature) => {
    const headers = await signAws({ ...base, method, url });
    expect(headers).toEqual({
      "x-amz-date": "20150830T123600Z",
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    });
  });

  test("covers method, address, body, day, region and service; and is the same for the same", async () => {
    const url = "https://example.amazonaws.com/model/a%3A0/converse";
    const request = { ...base, url, body: "{}" };
    const first = signatureOf(await signAws(request));
    expect(signatureOf(await signAws({ ...request, body: new TextEncoder().encode("{}") }))).toBe(first!);
    const others = await Promise.all(
      [
        { ...request, method: "PUT" },
        { ...request, url: url.replace("%3A", "%3a") },
        { ...request, body: "{ }" },
        { ...request, now: NOW + 86_400_000 },
        { ...request, region: "us-west-2" },
        { ...request, service: "other" },
        { ...request, credentials: { ...CREDENTIALS, secretAccessKey: "another" } },
      ].map(async (other) => signatureOf(await signAws(other))),
    );
    expect(new Set([first, ...others]).size).toBe(others.length + 1);
  });

  test("lent keys bring their session token, which is signed too; the secret goes nowhere", async () => {
    const credentials = { ...CREDENTIALS, sessionToken: "the-session-token" };
    const headers = await signAws({ ...base, url: "https://example.amazonaws.com/", credentials });
    expect(headers["x-amz-security-token"]).toBe("the-session-token");
    expect(headers["authorization"]).toContain("SignedHeaders=host;x-amz-date;x-amz-security-token,");
    expect(JSON.stringify(headers)).not.toContain(CREDENTIALS.secretAccessKey);
  });

  test("a failure to sign does not show what was signed with", async () => {
    const url = "https://example.amazonaws.com/";
    const body = new ReadableStream() as unknown as string;
    const failure = await signAws({ ...base, url, body }).catch((error: unknown) => error);
    expect(RelayError.is(failure)).toBe(true);
    expect(String(failure)).not.toContain("EXAMPLE");
  });
});
