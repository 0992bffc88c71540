/** How the calls of an answer are shown to a client whose dialect has freeform tools. */
import type { AnswerContext } from "../../contract/codec.ts";
import { customToolNames, unwrapCustomInput } from "./custom-tools.ts";
import { answerToolIds, clientToolNames } from "./tool-names.ts";

/** Valid ids, the client's own tool names, freeform input unwrapped. `prefix` begins ids that nobody gave. */
export function createCallWriter({ request, seed }: AnswerContext, prefix: string) {
  const nameOf = clientToolNames(request.tools);
  const customNames = customToolNames(request.tools);
  return {
    id: answerToolIds(prefix, seed),
    name: nameOf,
    isCustom: (call: { name: string; custom?: true }) => call.custom === true || customNames.has(nameOf(call.name)),
    customInput: (call: { custom?: true }, input: string) => (call.custom ? input : unwrapCustomInput(input)),
  };
}
