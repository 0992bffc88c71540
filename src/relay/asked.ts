/** Looks at a JSON request as far as routing needs it: its top-level fields, checked, and the model it asks for. */
import { amendTop } from "./amend.ts";
import type { Call } from "./call.ts";
import type { OtherShape, RelayRoute } from "./route.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { validateFields } from "./validate.ts";

/** The model stands in the path, in the body, or in the configuration for calls that name none. */
export function lookAt(call: Call, body: Uint8Array<ArrayBuffer>): TopLevel {
  let top = scanTopLevel(body);
  const { alsoTakes, headerField } = call.route;
  if (alsoTakes !== undefined) call.route = shapeOf(top, alsoTakes) ?? call.route;
  if (headerField !== undefined) top = withoutHeaderField(call, top, headerField);
  const defaultModel = call.identity.defaultModel ?? call.snapshot.config.modelRouting.defaultModel;
  validateFields(top, call.route, defaultModel === null ? undefined : "model");
  call.requestedModel = call.said?.model ?? (top.value("model") as string | undefined) ?? defaultModel!;
  return top;
}

function shapeOf(top: TopLevel, shapes: readonly OtherShape[]): RelayRoute | undefined {
  for (let index = 0; index < shapes.length; index += 1) {
    const { field, unless, route } = shapes[index]!;
    if (top.find(field) !== undefined && (unless === undefined || top.find(unless) === undefined)) return route;
  }
  return undefined;
}

const HEADER_TEXT = /^[\x21-\x7e][\x20-\x7e]{0,1023}$/;

function withoutHeaderField(
  call: Call,
  top: TopLevel,
  { field, header }: NonNullable<RelayRoute["headerField"]>,
): TopLevel {
  if (top.find(field) === undefined) return top;
  const value = top.value(field);
  const text = (Array.isArray(value) ? value : [value]).filter((entry) => typeof entry === "string").join(",");
  const given = call.request.headers.get(header);
  const joined = [given, text].filter((part) => part !== null && part !== "").join(",");
  if (HEADER_TEXT.test(joined)) call.moreHeaders = { [header]: joined };
  return amendTop(top, [{ type: "remove", name: field }], call.route.codec.layout!);
}
