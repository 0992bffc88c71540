/** Errors of upstreams filed under the house's failures, and the house's failures in each dialect's form. */
import { describe, expect, test } from "bun:test";
import { ERROR_MESSAGE_CHARS_MAX } from "../../src/codec/shared/upstream-error.ts";
import { FAILURES, type FailureCode, RelayError, type RelayErrorOptions } from "../../src/contract/errors.ts";
import { openaiCompletions } from "../../src/codec/openai-completions/index.ts";
import type { ChatEvent } from "../../src/contract/chat.ts";
import { caught, CODECS, contextOf, DIALECTS, dig } from "./support.ts";

const { decodeError } = CODECS["openai-chat"].egress;

describe("an upstream's status decides what its error means", () => {
  const cases: readonly [status: number, code: FailureCode, towardsClient: number, retry: "next" | "never"][] = [
    [400, "upstream-rejected", 400, "never"],
    [401, "upstream-credential", 502, "next"],
    [402, "upstream-rejected", 402, "next"],
    [403, "upstream-credential", 502, "next"],
    [404, "upstream-rejected", 404, "never"],
    [408, "upstream-rejected", 408, "next"],
    [409, "upstream-rejected", 409, "never"],
    [413, "upstream-rejected", 413, "never"],
    [422, "upstream-rejected", 422, "never"],
    [424, "upstream-rejected", 424, "next"],
    [429, "upstream-rate-limited", 429, "next"],
    [302, "upstream-unavailable", 502, "next"],
    [500, "upstream-unavailable", 502, "next"],
    [501, "upstream-unavailable", 502, "next"],
    [502, "upstream-unavailable", 502, "next"],
    [503, "upstream-unavailable", 503, "next"],
    [504, "upstream-timeout", 504, "next"],
    [520, "upstream-unavailable", 502, "next"],
    [529, "upstream-unavailable", 503, "next"],
  ];
  for (const [status, code, towardsClient, retry] of cases) {
    test(`${status} is ${code}, ${towardsClient} towards the client, ${retry === "next" ? "another may answer" : "the next would say the same"}`, () => {
      for (const dialect of DIALECTS) {
        const error = CODECS[dialect].egress.decodeError(status, "");
        expect(error).toMatchObject({ code, status: towardsClient, retry });
        expect(error.message.length).toBeGreaterThan(10);
      }
    });
  }
});

describe("the message is found in every shape", () => {
  const cases: readonly [body: string, message: string][] = [
    ['{"error":{"message":"No","type":"x","param":null,"code":null}}', "No"],
    ['{"type":"error","error":{"type":"invalid_request_error","message":"No"},"request_id":"r"}', "No"],
    ['{"code":"Some sentence of words","error":"No"}', "No"],
    ['{"detail":"No"}', "No"],
    [
      '{"detail":[{"loc":["body","model"],"msg":"field required"},{"loc":[],"msg":"No"}]}',
      "body.model: field required; No",
    ],
    ['{"message":"No"}', "No"],
    ['[{"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT"}}]', "No"],
    [
      '{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\\"error\\":{\\"message\\":\\"No\\"}}"}}}',
      "No",
    ],
    ['{"error":{"message":"{\\"error\\":{\\"message\\":\\"No\\"}}"}}', "No"],
    ['data: {"error":{"message":"No"}}\n\n', "No"],
    ["No", "No"],
    ['"No"', "No"],
    ["<html><body>502</body></html>", "The upstream refused the request."],
    ["<!DOCTYPE html>", "The upstream refused the request."],
    ['{"error":{"message":"<html>"}}', "The upstream refused the request."],
    ["", "The upstream refused the request."],
    ["{}", "The upstream refused the request."],
    ['{"error":null}', "The upstream refused the request."],
    ["[]", "The upstream refused the request."],
  ];
  for (const [body, message] of cases) test(body, () => expect(decodeError(400, body).message).toBe(message));

  test("and bounded", () => {
    const { message } = decodeError(400, JSON.stringify({ error: { message: "x".repeat(10_000) } }));
    expect(message.length).toBe(ERROR_MESSAGE_CHARS_MAX);
  });

  test("but not shown where it speaks of our key", () => {
    for (const [status, body] of [
      [401, '{"error":{"message":"Incorrect API key provided: sk-canary"}}'],
      [403, '{"error":{"message":"sk-canary is not allowed"}}'],
      [400, '{"code":"x","error":"Incorrect API key provided: sk-canary."}'],
      [400, '[{"error":{"message":"sk-canary","details":[{"reason":"API_KEY_INVALID"}]}}]'],
    ] as const) {
      const error = decodeError(status, body);
      expect(error).toMatchObject({
        code: "upstream-credential",
        message: "The upstream refused the relay's credentials.",
      });
      expect(JSON.stringify(error)).not.toContain("canary");
    }
  });

  const rights: readonly [name: string, body: object, isForModel: boolean][] = [
    ["Bedrock's model", { message: "You don't have access to the model with the specified model ID." }, true],
    [
      "Bedrock's resource",
      {
        message:
          "User: arn:aws:iam::123456789012:user/u is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
      },
      true,
    ],
    [
      "Vertex's resource",
      {
        error: {
          code: 403,
          status: "PERMISSION_DENIED",
          message:
            "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/p/locations/global/publishers/google/models/gemini-9' (or it may not exist).",
        },
      },
      true,
    ],
    ["OpenAI's code", { error: { message: "Project has no access.", code: "model_not_found" } }, true],
    ["a key that may do nothing", { message: "The security token included in the request is invalid." }, false],
    ["an account that is closed", { error: { message: "Your account is not active." } }, false],
    ["a country", { error: { message: "Country not supported", code: "unsupported_country_region_territory" } }, false],
  ];
  test.each(rights)("a 403 about %s: a matter of the model or of the whole key", (_name, body, isForModel) => {
    const error = decodeError(403, JSON.stringify(body));
    expect(error).toMatchObject({ code: "upstream-credential", status: 502, retry: "next", isForModel });
    expect(error.message).not.toMatch(/arn:|projects|123456789012/);
    expect(decodeError(401, JSON.stringify(body)).isForModel).toBe(false);
  });

  test("an offensive input is the client's matter, not our key's", () => {
    const body = '{"error":{"code":403,"message":"Flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}}';
    expect(decodeError(403, body)).toMatchObject({ code: "upstream-rejected", status: 403, message: "Flagged" });
  });

  test("type, code and field of a refusal are kept, sentences in their place are not", () => {
    const error = decodeError(
      400,
      '{"error":{"message":"No","type":"invalid_request_error","param":"stop","code":"unsupported_parameter"}}',
    );
    expect(error).toMatchObject({
      wireType: "invalid_request_error",
      wireCode: "unsupported_parameter",
      param: "stop",
    });
    const wordy = decodeError(
      400,
      '{"error":{"message":"No","type":"a b","code":"Client specified an invalid argument"}}',
    );
    expect(wordy).toMatchObject({ wireType: undefined, wireCode: undefined });
  });
});

describe("when to come back", () => {
  const cases: readonly [headers: Record<string, string>, body: string, ms: number | undefined][] = [
    [{ "retry-after-ms": "1500" }, "", 1500],
    [{ "retry-after": "7" }, "", 7000],
    [{ "retry-after-ms": "10", "retry-after": "7" }, "", 10],
    [{ "retry-after": "Thu, 20 Nov 2025 10:00:30 GMT", date: "Thu, 20 Nov 2025 10:00:00 GMT" }, "", 30_000],
    [{ "retry-after": "Thu, 20 Nov 2025 10:00:30 GMT" }, "", undefined],
    [{ "retry-after": "soon" }, "", undefined],
    [
      {},
      '{"error":{"message":"x","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37s"}]}}',
      37_000,
    ],
    [{}, '{"error":{"message":"Rate limit reached. Please try again in 1.2s."}}', 1200],
    [{}, '{"error":{"message":"Please try again in 350ms."}}', 350],
    [{}, '{"error":{"message":"Please try again in 6m0s."}}', 360_000],
    [{}, '{"error":{"message":"Please try again in a while."}}', undefined],
  ];
  for (const [headers, body, ms] of cases) {
    test(`${JSON.stringify(headers)} ${body} is ${ms}`, () => {
      expect(decodeError(429, body, new Headers(headers)).retryAfterMs).toBe(ms!);
    });
  }
});

describe("a conversation that is too long", () => {
  const bodies = [
    '{"error":{"message":"This model\'s maximum context length is 128000 tokens.","code":"context_length_exceeded"}}',
    '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
    '{"error":{"message":"The total length of all messages is too long.","type":"too_many_prompt_tokens","code":400}}',
    '{"error":{"message":"Please reduce the length of the messages."}}',
    '{"error":{"code":400,"message":"The input token count exceeds the maximum number of tokens allowed","status":"INVALID_ARGUMENT"}}',
  ];
  for (const body of bodies) {
    test(body, () => {
      const error = decodeError(400, body);
      expect(error).toMatchObject({ code: "upstream-rejected", wireCode: "context_length_exceeded" });
      expect(dig(CODECS["openai-chat"].ingress.encodeError(error, "r"), "error", "code")).toBe(
        "context_length_exceeded",
      );
      expect(String(dig(CODECS["anthropic-messages"].ingress.encodeError(error, "r"), "error", "message"))).toContain(
        "prompt is too long",
      );
    });
  }
});

describe("every failure in the form of each family", () => {
  const cases: readonly [
    code: FailureCode,
    options: RelayErrorOptions,
    chatType: string,
    chatCode: string,
    messagesType: string,
  ][] = [
    ["bad-request", {}, "invalid_request_error", "bad_request", "invalid_request_error"],
    ["forbidden", { wireCode: "insufficient_scope" }, "permission_error", "insufficient_scope", "permission_error"],
    ["model-not-found", {}, "invalid_request_error", "model_not_found", "not_found_error"],
    ["not-found", { wireCode: "unknown_url" }, "invalid_request_error", "unknown_url", "not_found_error"],
    ["method-not-allowed", {}, "invalid_request_error", "method_not_allowed", "invalid_request_error"],
    ["body-too-large", {}, "invalid_request_error", "request_too_large", "request_too_large"],
    ["unsupported-media-type", {}, "invalid_request_error", "unsupported_media_type", "invalid_request_error"],
    ["rate-limited", {}, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"],
    ["quota-exceeded", {}, "insufficient_quota", "quota_exceeded", "rate_limit_error"],
    ["headers-too-large", {}, "invalid_request_error", "headers_too_large", "invalid_request_error"],
    ["internal", {}, "server_error", "internal_error", "api_error"],
    ["unavailable", { wireCode: "no_keys" }, "server_error", "no_keys", "overloaded_error"],
    ["upstream-rejected", {}, "invalid_request_error", "upstream_rejected", "invalid_request_error"],
    [
      "upstream-rejected",
      { wireType: "own_type", wireCode: "own_code", status: 402 },
      "own_type",
      "own_code",
      "billing_error",
    ],
    ["upstream-credential", { wireCode: "leaked" }, "upstream_error", "upstream_credential", "api_error"],
    [
      "upstream-rate-limited",
      { wireCode: "insufficient_quota" },
      "rate_limit_error",
      "upstream_rate_limited",
      "rate_limit_error",
    ],
    ["upstream-unavailable", {}, "upstream_error", "upstream_unavailable", "api_error"],
    ["upstream-unavailable", { status: 503 }, "upstream_error", "upstream_unavailable", "overloaded_error"],
    ["upstream-timeout", {}, "upstream_error", "upstream_timeout", "timeout_error"],
    ["upstream-malformed", {}, "upstream_error", "upstream_malformed", "api_error"],
  ];
  for (const [code, options, chatType, chatCode, messagesType] of cases) {
    test(`${code} ${JSON.stringify(options)}`, () => {
      const error = new RelayError(code, "Words.", { ...options, param: "p" });
      const message = error.status >= 500 ? "Words. (request id: req_1)" : "Words.";
      expect(CODECS["openai-chat"].ingress.encodeError(error, "req_1")).toEqual({
        error: { message, type: chatType, param: "p", code: chatCode },
      });
      expect(CODECS["anthropic-messages"].ingress.encodeError(error, "req_1")).toEqual({
        type: "error",
        error: { type: messagesType, message: "Words." },
        request_id: "req_1",
      });
    });
  }

  test("covers every failure there is", () => {
    const covered = new Set<string>([...cases.map(([code]) => code), "unauthenticated", "client-closed"]);
    expect(Object.keys(FAILURES).filter((code) => !covered.has(code))).toEqual([]);
  });

  test("unauthenticated is the same bytes, whatever the reason", () => {
    for (const message of ["no key", "expired", "unknown"]) {
      const error = new RelayError("unauthenticated", message);
      expect(JSON.stringify(CODECS["openai-chat"].ingress.encodeError(error, "r"))).toBe(
        '{"error":{"message":"Unauthorized","type":"auth_error"}}',
      );
      expect(JSON.stringify(CODECS["anthropic-messages"].ingress.encodeError(error, "r"))).toBe(
        '{"type":"error","error":{"type":"auth_error","message":"Unauthorized"}}',
      );
    }
  });

  test("chat names the provider that failed, where the relay says which; our own failures name nobody", () => {
    const failed = Object.assign(new RelayError("upstream-timeout", "Slow."), { provider: "groq" });
    expect(dig(CODECS["openai-chat"].ingress.encodeError(failed, ""), "error", "message")).toBe("[groq] Slow.");
    expect(dig(CODECS["anthropic-messages"].ingress.encodeError(failed, ""), "error", "message")).toBe("Slow.");
    const ours = Object.assign(new RelayError("bad-request", "No."), { provider: "groq" });
    expect(dig(CODECS["openai-chat"].ingress.encodeError(ours, ""), "error", "message")).toBe("No.");
  });

  test("Responses says in its words how long to wait: Codex reads it nowhere else", () => {
    const { encodeError } = CODECS["openai-responses"].ingress;
    const slow = new RelayError("upstream-rate-limited", "Slow.", { retryAfterMs: 6200 });
    expect(dig(encodeError(slow, "req_1"), "error", "message")).toBe("Slow. Please try again in 7s.");
    expect(dig(encodeError(slow, "req_1"), "error", "code")).toBe("upstream_rate_limited");
    const told = new RelayError("rate-limited", "Please try again in 2s.", { retryAfterMs: 1500 });
    expect(dig(encodeError(told, ""), "error", "message")).toBe("Please try again in 2s.");
    for (const other of [
      new RelayError("upstream-rate-limited", "Slow."),
      new RelayError("unavailable", "Slow.", { retryAfterMs: 1000 }),
    ]) {
      expect(dig(encodeError(other, ""), "error", "message")).toBe("Slow.");
    }
    expect(dig(CODECS["openai-chat"].ingress.encodeError(slow, ""), "error", "message")).toBe("Slow.");
  });

  test("never shows a cause", () => {
    const error = new RelayError("internal", "Internal error", { cause: new Error("canary") });
    for (const dialect of DIALECTS) {
      expect(JSON.stringify(CODECS[dialect].ingress.encodeError(error, "r"))).not.toContain("canary");
      expect(JSON.stringify(CODECS[dialect].ingress.encodeStreamError(error, "r"))).not.toContain("canary");
    }
  });

  test("inside a stream it is one frame in the dialect's form", () => {
    const error = new RelayError("upstream-malformed", "Cut.");
    expect(CODECS["openai-chat"].ingress.encodeStreamError(error, "")).toEqual([
      { data: '{"error":{"message":"Cut.","type":"upstream_error","param":null,"code":"upstream_malformed"}}' },
    ]);
    expect(CODECS["anthropic-messages"].ingress.encodeStreamError(error, "")).toEqual([
      { event: "error", data: '{"type":"error","error":{"type":"api_error","message":"Cut."}}' },
    ]);
  });
});

describe("an answer that its model broke off after some words", () => {
  const finish = { reason: "error", raw: "MALFORMED_FUNCTION_CALL" } as const;
  const parts = [{ type: "text" as const, text: "Half" }];
  const events: ChatEvent[] = [
    { type: "response-start", id: "1", model: "m" },
    { type: "part-start", index: 0, head: { type: "text" } },
    { type: "part-delta", index: 0, delta: "Half" },
    { type: "part-end", index: 0 },
    { type: "response-end", finish, usage: {} },
  ];
  const cases = [
    ["openai-chat", CODECS["openai-chat"].ingress, "upstream_error"],
    ["anthropic-messages", CODECS["anthropic-messages"].ingress, "api_error"],
    ["openai-completions", openaiCompletions.ingress, "upstream_error"],
  ] as const;

  for (const [dialect, ingress, type] of cases) {
    test(`is no ordinary end to ${dialect}, which has no word for it`, () => {
      const write = ingress.streamEncoder(contextOf());
      const frames = events.flatMap((event) => write(event));
      expect(frames.map(({ data }) => data).join("\n")).toContain("Half");
      expect(JSON.parse(frames.at(-1)!.data)).toMatchObject({
        error: { type, message: expect.stringContaining("MALFORMED_FUNCTION_CALL") },
      });
      expect(frames.map(({ data }) => data)).not.toContain("[DONE]");
      expect(frames.map(({ event }) => event)).not.toContain("message_stop");
      const error = caught(() =>
        ingress.encodeResponse({ id: "1", model: "m", parts, finish, usage: {} }, contextOf()),
      );
      expect(error).toMatchObject({ code: "upstream-malformed", status: 502, retry: "next" });
    });
  }

  test("is told in their own words to clients of the other dialects", () => {
    const response = { id: "1", model: "m", parts, finish, usage: {} };
    expect(CODECS["openai-responses"].ingress.encodeResponse(response, contextOf())["status"]).toBe("failed");
    expect(dig(CODECS.gemini.ingress.encodeResponse(response, contextOf()), "candidates", 0, "finishReason")).toBe(
      "MALFORMED_FUNCTION_CALL",
    );
  });
});

test("a failure of the upstream's model is not called the client's fault", () => {
  const error = new RelayError("upstream-rejected", "It broke.", { status: 424 });
  expect(CODECS["anthropic-messages"].ingress.encodeError(error, "r")).toMatchObject({ error: { type: "api_error" } });
  expect(CODECS.gemini.ingress.encodeError(error, "r")).toMatchObject({ error: { status: "UNAVAILABLE" } });
});
