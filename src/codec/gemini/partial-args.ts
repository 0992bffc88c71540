/** Arguments of a call that Vertex streams value by value, each with the path of its place. */
import type { Json, JsonObject } from "../../contract/chat.ts";
import { isObject, numberOf, textOf } from "../shared/json.ts";
import { malformed } from "../shared/upstream-error.ts";
import { camelFields } from "./wire.ts";

/** Longest list that may grow this way; a larger index is an upstream gone wrong. */
const LIST_LENGTH_MAX = 10_000;

/** A member's name, or a position in a list. */
type Step = string | number;

/** One step of a normalised path of RFC 9535: `.name`, `['name']`, `["name"]`, `[0]`. */
const STEP = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;

function readPath(path: string): Step[] {
  if (!path.startsWith("$")) throw malformed("The upstream named no place for an argument.");
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const found = STEP.exec(path);
    if (found === null) throw malformed("The upstream named a place for an argument that cannot be read.");
    const [, plain, index, single, double] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(plain ?? (single ?? double ?? "").replace(/\\(.)/g, "$1"));
  }
  return steps;
}

/** Puts the values of one call in their places; texts grow, everything else arrives whole. */
export class PartialArgs {
  /** Without a prototype, so that no name of a member is special. */
  readonly #args: JsonObject = Object.create(null) as JsonObject;

  /** @throws RelayError `upstream-malformed` for a place that cannot be */
  add(entry: Json): void {
    if (!isObject(entry)) return;
    const partial = camelFields(entry);
    const steps = readPath(textOf(partial["jsonPath"]) ?? "");
    const value = readValue(partial);
    const last = steps.pop();
    if (last === undefined || value === undefined) return;
    let holder: JsonObject | Json[] = this.#args;
    steps.forEach((step, position) => {
      holder = enter(holder, step, typeof (steps[position + 1] ?? last) === "number");
    });
    const before = get(holder, last);
    set(holder, last, typeof value === "string" && typeof before === "string" ? before + value : value);
  }

  toJson(): string {
    return JSON.stringify(this.#args);
  }
}

function readValue(partial: JsonObject): Json | undefined {
  if (typeof partial["stringValue"] === "string") return partial["stringValue"];
  if (typeof partial["boolValue"] === "boolean") return partial["boolValue"];
  return numberOf(partial["numberValue"]) ?? ("nullValue" in partial ? null : undefined);
}

function enter(holder: JsonObject | Json[], step: Step, isList: boolean): JsonObject | Json[] {
  const inner = get(holder, step);
  if (isObject(inner) || Array.isArray(inner)) return inner;
  const fresh: JsonObject | Json[] = isList ? [] : (Object.create(null) as JsonObject);
  set(holder, step, fresh);
  return fresh;
}

function get(holder: JsonObject | Json[], step: Step): Json | undefined {
  if (Array.isArray(holder)) return typeof step === "number" ? holder[step] : undefined;
  return Object.hasOwn(holder, String(step)) ? holder[String(step)] : undefined;
}

function set(holder: JsonObject | Json[], step: Step, value: Json): void {
  if (!Array.isArray(holder)) {
    holder[String(step)] = value;
    return;
  }
  if (typeof step !== "number" || step >= LIST_LENGTH_MAX) throw malformed("The upstream put an argument nowhere.");
  while (holder.length < step) holder.push(null); // a hole would be no JSON
  holder[step] = value;
}
