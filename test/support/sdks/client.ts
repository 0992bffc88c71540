/** One face for all SDKs: the questions a matrix asks of each, and what it wants to hear. */

export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
} as const;

/** What `isObject` asks for. */
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
} as const;

export interface Question {
  readonly model: string;
  readonly text: string;
  readonly stream: boolean;
  /** Instructions, where the dialect has them. */
  readonly system?: string;
  /** Offers `weather(city)` and `now()`. */
  readonly hasTools?: boolean;
  /** These are their results: they are told, and the answer to them is the one returned. */
  readonly results?: readonly string[];
  /** Shows a picture of one pixel as well. */
  readonly hasPicture?: boolean;
  /** Wants an object of the form `WEATHER`; `text` of the answer is its JSON. */
  readonly wantsObject?: boolean;
  /** Asks for thoughts. */
  readonly wantsThoughts?: boolean;
  /** Asks how likely each token was. */
  readonly wantsLogprobs?: boolean;
  readonly signal?: AbortSignal;
  /** Each piece of text as it arrives, where the answer is streamed. */
  readonly onText?: (piece: string) => void;
}

export interface Told {
  readonly text: string;
  /** Name and input of each call, in order. */
  readonly calls: readonly (readonly [name: string, input: unknown])[];
  readonly thoughts: string;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** Each token of the text, and the logarithm of its probability; absent where none was told. */
  readonly logprobs?: readonly (readonly [token: string, logprob: number])[];
}

/** As OpenAI's SDKs and Vercel's give them. */
export function likelihoods(tokens: readonly { token: string; logprob: number }[] | null | undefined) {
  if (tokens === undefined || tokens === null || tokens.length === 0) return {};
  return { logprobs: tokens.map(({ token, logprob }) => [token, logprob] as const) };
}

export interface SdkClient {
  ask(question: Question): Promise<Told>;
  /** The HTTP status that an error of this SDK's own class names; `undefined` for one of another class. */
  statusOf(error: unknown): number | undefined;
  /** The SDK's own name for what this status means, as its documentation lists them. */
  classOf(status: number): abstract new (...args: never[]) => Error;
  /** Is it this SDK's way to say that a stream went wrong? */
  isStreamFailure(error: unknown): boolean;
  /** Is it this SDK's way to say that its caller had enough? */
  isAbort(error: unknown): boolean;
}

/** The typed exceptions that OpenAI's and Anthropic's SDKs have in common. */
export type ErrorClasses = {
  readonly [Name in
    | "APIError"
    | "BadRequestError"
    | "AuthenticationError"
    | "PermissionDeniedError"
    | "NotFoundError"
    | "UnprocessableEntityError"
    | "RateLimitError"
    | "InternalServerError"]: abstract new (
    ...args: never[]
  ) => Error;
};

export function typedError(of: ErrorClasses, status: number): abstract new (...args: never[]) => Error {
  switch (status) {
    case 400:
      return of.BadRequestError;
    case 401:
      return of.AuthenticationError;
    case 403:
      return of.PermissionDeniedError;
    case 404:
      return of.NotFoundError;
    case 422:
      return of.UnprocessableEntityError;
    case 429:
      return of.RateLimitError;
    default:
      return status >= 500 ? of.InternalServerError : of.APIError;
  }
}
