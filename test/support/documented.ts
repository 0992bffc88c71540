/** Examples as other products document them, run as they stand: a real shell, the real curl; only host and credential are ours. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { missingBinary, type RunningBinary } from "./binary.ts";

/** Why documented examples cannot run, or `undefined`. */
export const missingForExamples = missingBinary ?? (Bun.which("curl") === null ? "no curl on PATH" : undefined);

export interface Example {
  /** Page or file of the product's documentation, and what the example shows. */
  readonly what: string;
  /** The command as documented, or as its description of the route says. */
  readonly shell: string;
  readonly status: number;
  /** Fields that the documentation promises; others may stand beside them. A text is compared whole. */
  readonly answer?: unknown;
  /** Names of what later examples use, taken from the answer. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer is what it is; `answer` above judges it.
  readonly keep?: (body: any) => Readonly<Record<string, string>>;
  /** Where the contract departs from that documentation, and why; the row then holds what rules here. */
  readonly differs?: string;
}

export interface Ran {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** `undefined` for what is no JSON. */
  readonly body: unknown;
}

/** Everything a documented command may name: host names and placeholders become ours, `$NAMES` are the environment's. */
export class Desk {
  readonly #home: string;
  readonly #words = new Map<string, string>();

  /** `hosts`: base URLs in the documentation that stand for the relay. */
  constructor(
    readonly relay: RunningBinary,
    hosts: readonly string[],
  ) {
    this.#home = join(relay.dir, "desk");
    mkdirSync(this.#home, { recursive: true });
    // The commands stay as they are; what the test wants to know beside the body comes after it.
    writeFileSync(join(this.#home, ".curlrc"), 'silent\nshow-error\nwrite-out = "\\n%{http_code} %{content_type}"\n');
    for (const host of hosts) this.#words.set(host, relay.url);
  }

  /** From now on, `word` in a command means `value`; `$NAME` is set in its environment. */
  set(words: Readonly<Record<string, string>>): void {
    for (const [word, value] of Object.entries(words)) this.#words.set(word, value);
  }

  get(word: string): string {
    const value = this.#words.get(word);
    if (value === undefined) throw new Error(`nothing has set ${word}`);
    return value;
  }

  /** A file for uploads, in the directory that commands run in. */
  file(name: string, bytes: Uint8Array): void {
    writeFileSync(join(this.#home, name), bytes);
  }

  /** The text with our host and credentials in it. */
  fill(text: string): string {
    let filled = text;
    // Longer words first: one may begin like another.
    for (const [word, value] of [...this.#words].sort(([a], [b]) => b.length - a.length)) {
      if (!word.startsWith("$")) filled = filled.replaceAll(word, value);
    }
    return filled;
  }

  /** Runs one command of the documentation. Throws when curl itself fails. */
  async run(shell: string): Promise<Ran> {
    const variables = [...this.#words].filter(([word]) => word.startsWith("$"));
    const child = Bun.spawn(["sh", "-c", this.fill(shell)], {
      cwd: this.#home,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: this.#home,
        ...Object.fromEntries(variables.map(([word, value]) => [word.slice(1), value])),
      },
    });
    const [out, problems, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`${shell}\nended with ${code}: ${problems}`);
    const end = out.lastIndexOf("\n");
    const [status = "", ...type] = out.slice(end + 1).split(" ");
    const text = out.slice(0, end);
    return { status: Number(status), contentType: type.join(" "), text, body: parsed(text) };
  }

  /** Runs the example and holds its answer against it. */
  async check(example: Example): Promise<Ran> {
    const ran = await this.run(example.shell);
    expect([ran.status, ran.text]).toEqual([example.status, ran.text]);
    // Before the comparison, which leaves its own matchers in the object.
    if (example.keep !== undefined) this.set(example.keep(ran.body));
    if (typeof example.answer === "string") expect(ran.text).toBe(example.answer);
    else if (Array.isArray(example.answer)) expect(ran.body).toEqual(example.answer);
    else if (example.answer !== undefined) expect(ran.body).toMatchObject(example.answer as object);
    return ran;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Row titles for `test.each`: what is shown, and where ours departs from it. */
export function titled(examples: readonly Example[]): [title: string, example: Example][] {
  return examples.map((example) => [
    example.differs === undefined ? example.what : `${example.what} [here: ${example.differs}]`,
    example,
  ]);
}
