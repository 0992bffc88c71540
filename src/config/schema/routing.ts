/** Schema of `model_routing`, `key_selection` and `tool_calling`. */
import { glob, name } from "./formats.ts";
import { field, json, list, object, optional, pairs, record, required, section } from "./kit.ts";
import { EXACT_KEY, GLOB_KEY, NAME_KEY, PROVIDER_NAME } from "./names.ts";
import { modelParams } from "./providers.ts";
import { bool, choice, float, int, str } from "./scalars.ts";

const providerName = () => str({ pattern: PROVIDER_NAME, wanted: "the name of a provider" });

const complexity = object({
  enabled: field(bool(), false, "Whether a score of the messages chooses the model."),
  simple: field(name(), "openai/gpt-4o-mini", "Model for simple calls."),
  moderate: field(name(), "openai/gpt-4o", "Model for moderate calls."),
  complex: field(name(), "anthropic/claude-sonnet-4-20250514", "Model for complex calls."),
  applies_to: field(list(glob(), { itemsMin: 1 }), ["*"], "Requested models this is for."),
});

const rule = object({
  models: required(list(glob(), { itemsMin: 1 }), "Models this rule is for."),
  inject_params: field(json(), {}, "Body fields to add where absent."),
  override_params: field(json(), {}, "Body fields to set; a dotted name is a nested field."),
  remove_params: field(list(name()), [], "Body fields to delete."),
});

const target = object({
  model: required(name(), "Model at the provider."),
  provider: required(providerName(), "Provider that serves it."),
  weight: field(int(1, 1000), 1, "Share among the targets."),
  priority: field(int(0, 1000), 100, "The lowest is tried first."),
});

const group = object({
  strategy: field(
    choice(["weighted", "priority", "lowest_latency", "lowest_cost"]),
    "weighted",
    "How a target is chosen.",
  ),
  targets: required(list(target, { itemsMin: 1 }), "Where calls may go."),
});

export const modelRouting = object({
  enabled: field(bool(), true, "Off: only `model@provider` and the search by name."),
  mode: field(choice(["passthrough"]), "passthrough", "The only mode."),
  aliases: field(record(NAME_KEY, name()), {}, "Other names for models; they may be chained."),
  provider_mapping: field(
    pairs(GLOB_KEY, providerName(), { key: "pattern", value: "provider" }),
    {},
    "Sends matching models to a provider; first match, ends the search.",
  ),
  model_overrides: field(
    pairs(GLOB_KEY, name(), { key: "pattern", value: "model" }),
    {},
    "Renames models that no mapping took.",
  ),
  complexity: section(complexity, "Chooses a model by how hard the call looks."),
  cascade: section(
    object({
      enabled: field(bool(), false, "Whether chat calls walk `models` instead of the requested one."),
      models: field(list(name()), [], "Models in order."),
      max_retries: field(int(0, 20), 2, "Further models after the first."),
    }),
    "Fixed order of models for every chat call.",
  ),
  payload_transformation: section(
    object({
      enabled: field(bool(), false, "Whether the rules apply."),
      rules: field(list(rule), [], "Changes of body fields, in order."),
    }),
    "Adds, sets and deletes body fields by model.",
  ),
  global_params: section(
    object({
      enabled: field(bool(), false, "Whether they apply."),
      mode: field(choice(["default", "override"]), "default", "Fill gaps only, or set always."),
      params: field(json(), {}, "Body fields for every call."),
      system_prompt: optional(str(), "Put before the caller's, or instead of it."),
    }),
    "Body fields for every call.",
  ),
  model_params: field(list(modelParams), [], "Body fields by model; the first match rules."),
  groups: field(record(EXACT_KEY, group), {}, "Virtual models that stand for several targets."),
  fallbacks: field(
    pairs(GLOB_KEY, list(name(), { itemsMin: 1 }), { key: "pattern", value: "models" }),
    {},
    "Models to try when every candidate failed before the first byte.",
  ),
  failover: section(
    object({
      enabled: field(bool(), true, "Whether the next key or provider is tried at once."),
      max_attempts: field(int(1, 20), 3, "Tries per call."),
      budget: field(float({ min: 0, max: 1 }), 0.2, "Repeats as a share of traffic."),
    }),
    "What happens when a try fails before the first byte.",
  ),
  default_model: optional(name(), "For calls that name no model."),
  unsupported_params: field(
    choice(["drop", "reject", "forward"]),
    "drop",
    "What happens to fields the upstream does not take.",
  ),
  count_tokens: field(choice(["upstream", "estimate"]), "upstream", "Who counts tokens."),
  list_aliases: field(bool(), true, "Whether the model list shows aliases."),
  list_provider_suffix: field(bool(), false, "Whether the model list shows `model@provider` too."),
  stateful: section(
    object({
      provider: optional(providerName(), "Provider of files, batches and threads; the first enabled one while unset."),
      unknown_ids: field(choice(["deny", "forward"]), "deny", "What happens to ids the relay has not seen made."),
    }),
    "Calls that refer to something kept upstream.",
  ),
});

export const keySelection = object({
  strategy: field(
    choice(["round-robin", "random", "weighted", "least_inflight", "lowest_latency"]),
    "round-robin",
    "How a key is chosen among the available ones.",
  ),
  stickiness: field(choice(["none", "key", "session"]), "none", "Whether a caller or a conversation keeps its key."),
});

export const toolCalling = object({
  auto_downgrade: field(bool(), true, "Whether tools are removed for models that cannot use them."),
  unsupported_models: field(list(glob()), [], "Models that cannot use tools."),
  emulate: field(bool(), false, "Whether tools are described in the prompt instead."),
});
