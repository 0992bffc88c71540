/** Turns whatever a plugin threw into plain data that can cross between threads. */
import type { Place } from "./load-external-fault.ts";

export interface Thrown {
  /** The error's class, e.g. `TypeError`; empty if no error was thrown. */
  readonly name: string;
  readonly message: string;
  /** Where in a file, as far as the error knows. */
  readonly at?: Place & { readonly file: string };
}

/** Never throws itself, whatever the value is. */
export function describeThrown(thrown: unknown): Thrown {
  try {
    if (!(thrown instanceof Error) && !isMessage(thrown)) return { name: "", message: String(thrown) };
    const at = positionOf(thrown) ?? topOfStack(thrown);
    return { name: String(thrown.name), message: String(thrown.message), ...(at === undefined ? {} : { at }) };
  } catch {
    return { name: "", message: "something that cannot be shown" };
  }
}

/** The same of an error that the runtime has already printed: source lines, `name: message`, stack. */
export function describePrinted(text: string): Thrown {
  const match = /^(\w+): (.*)$/m.exec(text);
  if (match === null) return { name: "", message: text };
  const at = topOfStack({ stack: text });
  return { name: match[1] === "error" ? "Error" : match[1]!, message: match[2]!, ...(at === undefined ? {} : { at }) };
}

interface Message {
  readonly name: string;
  readonly message: string;
  readonly position?: { readonly file?: string; readonly line?: number; readonly column?: number } | null;
  readonly stack?: string;
}

/** The runtime's own messages about a module are no instances of `Error`. */
function isMessage(thrown: unknown): thrown is Message {
  return typeof thrown === "object" && thrown !== null && "name" in thrown && "message" in thrown;
}

function positionOf({ position }: Message): Thrown["at"] {
  if (typeof position?.file !== "string" || typeof position.line !== "number") return undefined;
  return { file: position.file, line: position.line, column: position.column ?? 1 };
}

function topOfStack({ stack }: { readonly stack?: string }): Thrown["at"] {
  const match = /^\s+at (?:.*\()?((?:\/|[A-Za-z]:\\)[^:\n]*):(\d+):(\d+)\)?$/m.exec(
    typeof stack === "string" ? stack : "",
  );
  return match === null ? undefined : { file: match[1]!, line: Number(match[2]), column: Number(match[3]) };
}
