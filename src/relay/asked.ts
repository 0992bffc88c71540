/** Looks at a JSON request as far as routing needs it: its top-level fields, checked, and the model it asks for. */
import type { Call } from "./call.ts";
import { scanTopLevel, type TopLevel } from "./scan.ts";
import { validateFields } from "./validate.ts";

/** The model stands in the path, in the body, or in the configuration for calls that name none. */
export function lookAt(call: Call, body: Uint8Array<ArrayBuffer>): TopLevel {
  const top = scanTopLevel(body);
  const defaultModel = call.identity.defaultModel ?? call.snapshot.config.modelRouting.defaultModel;
  validateFields(top, call.route, defaultModel === null ? undefined : "model");
  call.requestedModel = call.said?.model ?? top.text("model") ?? defaultModel!;
  return top;
}
