/** The official Python SDKs in a process of their own, asked by lines of JSON: `test/python/sdks.py` does the asking. */
import { join } from "node:path";
import { pythonTools } from "../../scripts/python.ts";
import { PIXEL, type Told } from "./sdks/index.ts";

const tools = pythonTools();
/** Why tests with the Python SDKs cannot run, or `undefined`. */
export const missingPython = "missing" in tools ? tools.missing : undefined;
/** Their interpreter. */
export const PYTHON = "python" in tools ? tools.python : "";

/** What an exception said of itself. */
export class PythonFailure extends Error {
  constructor(
    readonly told: {
      /** Which SDK's own base class it has, or `none`. */
      readonly family: string;
      readonly class: string;
      readonly status: number | null;
      readonly message: string;
      readonly code: unknown;
      readonly requestId: string | null;
      /** The header, as the SDK's own exception shows it. */
      readonly retryAfterMs: string | null;
    },
  ) {
    super(`${told.class}: ${told.message}`);
  }
}

/** Runs a script of its own to its end, with this environment and no other; throws for what it says on stderr. */
export async function runPython(
  source: string,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<string> {
  const child = Bun.spawn([PYTHON, "-c", source], {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: options.cwd,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONUTF8: "1",
      ...options.env,
    },
  });
  const [out, problems, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0 || problems !== "") throw new Error(`ended with ${code}: ${problems}`);
  return out;
}

export type PythonClient = "openai, chat" | "openai, responses" | "anthropic" | "google-genai";

export interface PythonQuestion {
  readonly model: string;
  readonly text: string;
  readonly stream: boolean;
  /** Offers `weather(city)` and `now()`. */
  readonly tools?: boolean;
  /** Shows a picture of one pixel as well. */
  readonly picture?: boolean;
  readonly system?: string;
  /** Asks for JSON of this schema. */
  readonly schema?: object;
  /** Answers the calls and asks again; told is the second answer, with the first one's calls. */
  readonly results?: boolean;
  readonly key?: string;
  readonly retries?: number;
}

export interface PythonSdks {
  ask(client: PythonClient, question: PythonQuestion): Promise<Omit<Told, "thoughts">>;
  /** Any other kind of `sdks.py`. */
  do<T>(kind: string, question: object): Promise<T>;
  stop(): Promise<void>;
}

/** Throws, from its questions, `PythonFailure` for an exception in Python. */
export function startPythonSdks(url: string, key: string): PythonSdks {
  const child = Bun.spawn([PYTHON, "-X", "utf8", join(import.meta.dir, "../python/sdks.py")], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"] ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      RELAY_URL: url,
      RELAY_KEY: key,
      PIXEL,
    },
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const ended = (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { id, answer, failure } = JSON.parse(line);
        if (failure === undefined) waiting.get(id)?.resolve(answer);
        else waiting.get(id)?.reject(new PythonFailure(failure));
        waiting.delete(id);
      }
    }
    for (const { reject } of waiting.values()) reject(new Error("the Python process has ended"));
  })();
  let last = 0;
  const send = <T>(kind: string, question: object): Promise<T> => {
    const asked = Promise.withResolvers<unknown>();
    last += 1;
    waiting.set(last, asked);
    child.stdin.write(`${JSON.stringify({ ...question, kind, id: last })}\n`);
    child.stdin.flush();
    return asked.promise as Promise<T>;
  };
  return {
    ask: send,
    do: send,
    async stop() {
      child.stdin.end();
      await child.exited;
      await ended;
    },
  };
}
