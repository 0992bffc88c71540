/** The operator's own wishes about request bodies: parameters by layer, system prompts, models that cannot use tools. */
import type { Config, ModelParams, ProviderConfig } from "../config/types.ts";
import type { Json, JsonObject } from "../contract/chat.ts";
import { compileGlob } from "../support/glob.ts";

/** One change of a body. Names are those of OpenAI's chat or of the body's own dialect; a dot leads into an object. */
export type Change =
  | { readonly type: "set" | "fill"; readonly name: string; readonly value: Json }
  | { readonly type: "remove"; readonly name: string }
  /** Before the caller's own instructions, or instead of them. */
  | { readonly type: "prompt"; readonly text: string; readonly isInstead: boolean };

export interface Wishes {
  /** For the body as the client wrote it, in this order. */
  readonly client: readonly Change[];
  /** For the body as the upstream gets it, whatever its dialect. */
  readonly upstream: readonly Change[];
  /** Tools are taken away, or described in words. */
  readonly tools: "kept" | "removed" | "described";
}

/** Pure: the same names give the same wishes for the life of a generation. `undefined` = none for this model. */
export type Layers = (requested: string, model: string) => Wishes | undefined;

/** Combinations remembered per provider and generation. */
const REMEMBERED_MAX = 4096;
/** What routing decides is not for parameters to change. */
const ROUTED: ReadonlySet<string> = new Set(["model", "stream"]);

interface Rule {
  matches(requested: string, model: string): boolean;
  readonly changes: readonly Change[];
}

/** `undefined` when nothing is wished for any model: the usual case, which then costs nothing. */
export function createLayers(
  { modelRouting, toolCalling }: Pick<Config, "modelRouting" | "toolCalling">,
  provider: Pick<ProviderConfig, "params" | "systemPrompt" | "modelParams">,
): Layers | undefined {
  const { payloadTransformation, globalParams } = modelRouting;
  const byModel = modelRouting.modelParams.map(ruleOf);
  const transforms = payloadTransformation.enabled
    ? payloadTransformation.rules.map((rule) => ({
        matches: anyOf(rule.models),
        changes: [
          ...each("fill", rule.injectParams),
          ...each("set", rule.overrideParams),
          ...rule.removeParams.filter(isFree).map((name) => ({ type: "remove", name }) as const),
        ],
      }))
    : [];
  const isOverriding = globalParams.mode === "override";
  const global: readonly Change[] = globalParams.enabled
    ? [
        ...each(isOverriding ? "set" : "fill", globalParams.params),
        ...promptOf(globalParams.systemPrompt, isOverriding),
      ]
    : [];
  const ownByModel = provider.modelParams.map(ruleOf);
  const own = each("set", provider.params);
  const ownPrompt = promptOf(provider.systemPrompt, false);
  const isToolless = anyOf(toolCalling.autoDowngrade ? toolCalling.unsupportedModels : []);
  const hasToolless = toolCalling.autoDowngrade && toolCalling.unsupportedModels.length > 0;
  const lists = [byModel, transforms, global, ownByModel, own, ownPrompt];
  if (!hasToolless && lists.every((list) => list.length === 0)) return undefined;

  const compute = (requested: string, model: string): Wishes | undefined => {
    const fits = ({ matches }: Rule) => matches(requested, model);
    const providers = ownByModel.find(fits)?.changes ?? [];
    const client = [
      ...(byModel.find(fits)?.changes ?? []),
      ...transforms.filter(fits).flatMap(({ changes }) => changes),
      ...global,
      ...ownPrompt,
      ...providers.filter(({ type }) => type === "prompt"),
    ];
    const upstream = [...own, ...providers.filter(({ type }) => type !== "prompt")];
    const tools = !isToolless(requested, model) ? "kept" : toolCalling.emulate ? "described" : "removed";
    return client.length === 0 && upstream.length === 0 && tools === "kept" ? undefined : { client, upstream, tools };
  };
  const remembered = new Map<string, Wishes | undefined>();
  return (requested, model) => {
    const name = `${requested}\n${model}`;
    if (remembered.has(name)) return remembered.get(name);
    const wishes = compute(requested, model);
    if (remembered.size < REMEMBERED_MAX) remembered.set(name, wishes);
    return wishes;
  };
}

function ruleOf({ modelPattern, params, systemPrompt }: ModelParams): Rule {
  return { matches: anyOf([modelPattern]), changes: [...each("set", params), ...promptOf(systemPrompt, false)] };
}

/** By the name the caller asked for or the one the upstream knows: operators think of either. */
function anyOf(patterns: readonly string[]): (requested: string, model: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (requested, model) => globs.some((matches) => matches(requested) || matches(model));
}

function isFree(name: string): boolean {
  return !ROUTED.has(name);
}

function each(type: "set" | "fill", params: JsonObject): Change[] {
  return Object.entries(params).flatMap(([name, value]) => (isFree(name) ? [{ type, name, value }] : []));
}

function promptOf(text: string | null, isInstead: boolean): Change[] {
  return text === null || text === "" ? [] : [{ type: "prompt", text, isInstead }];
}
