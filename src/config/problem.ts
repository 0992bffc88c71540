/** Collects everything wrong with a configuration, in the order of the file, and writes it as lines. */

import { NOWHERE, type Origin, type Place, type Tree } from "./tree.ts";
import type { Problem, ProblemCode } from "./types.ts";

/** What a check found; the path and the place are added by whoever called it. */
export interface Fault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly suggestion?: string | null;
}

/** A reader mends a few and looks again; more would only fill the screen. */
export const PROBLEMS_MAX = 500;

/** Where to point: at a node's value, at its key, or nowhere in the file. */
export type Pointer = { readonly place: Place; readonly origin?: Origin };

export const NOWHERE_POINTER: Pointer = { place: NOWHERE };

export function atValue(node: Tree | undefined): Pointer {
  return node === undefined ? NOWHERE_POINTER : { place: node.at, origin: node.origin };
}

export function atKey(node: Tree | undefined): Pointer {
  return node === undefined ? NOWHERE_POINTER : { place: node.keyAt, origin: node.origin };
}

export class ProblemList {
  readonly #problems: Problem[] = [];
  readonly #paths = new Set<string>();
  /** Paths with a problem in them, themselves included. */
  readonly #enclosing = new Set<string>();
  #dropped = 0;

  get size(): number {
    return this.#problems.length;
  }

  add(path: string, pointer: Pointer, fault: Fault): void {
    this.addProblem({
      path,
      line: pointer.place.line,
      column: pointer.place.column,
      code: fault.code,
      message: fault.message + describeOrigin(pointer.origin),
      suggestion: fault.suggestion ?? null,
    });
  }

  addProblem(problem: Problem): void {
    const { path } = problem;
    this.#paths.add(path);
    this.#enclosing.add(path);
    for (let at = path.length - 1; at > 0; at--) {
      if (path[at] === "." || path[at] === "[") this.#enclosing.add(path.slice(0, at));
    }
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem);
    else this.#dropped += 1;
  }

  addAll(other: ProblemList): void {
    for (const problem of other.#problems) this.addProblem(problem);
    this.#dropped += other.#dropped;
  }

  /** Whether something is already wrong at exactly this path: a check of its meaning would only add noise. */
  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Whether something is wrong at this path or anywhere inside. */
  hasBelow(path: string): boolean {
    return this.#enclosing.has(path);
  }

  /** In the order of the file; what has no place there comes first. */
  sorted(): Problem[] {
    const sorted = this.#problems.toSorted((left, right) => left.line - right.line || left.column - right.column);
    if (this.#dropped > 0) {
      const message = `${this.#dropped} more problems are not shown`;
      sorted.push({ path: "", line: 0, column: 0, code: "bad_value", message, suggestion: null });
    }
    return sorted;
  }
}

function describeOrigin(origin: Origin | undefined): string {
  return origin === undefined || origin.kind === "file" ? "" : ` (set by ${origin.name})`;
}

/** `config.yml:3:9 server.port: must be an integer; did you mean "8787"?` */
export function formatProblem(problem: Problem, file: string | null): string {
  const place = problem.line === 0 ? null : `${file ?? "config"}:${problem.line}:${problem.column}`;
  const head = [place, problem.path].filter((part) => part !== null && part !== "").join(" ");
  const tail = problem.suggestion === null ? "" : `; did you mean ${JSON.stringify(problem.suggestion)}?`;
  return `${head === "" ? (file ?? "config") : head}: ${problem.message}${tail}`;
}
