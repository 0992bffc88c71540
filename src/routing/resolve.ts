/** From the model name a client wrote to the providers that could serve it, in order. */
import type { RoutingConfig } from "../config/types.ts";
import { RelayError } from "../contract/errors.ts";
import { compileGlob, isGlob } from "../support/glob.ts";
import { nearest } from "../support/nearest.ts";
import type { ProviderEntry } from "./entry.ts";

/** One provider that could serve a call, and the name the model has there. */
export interface Target {
  readonly entry: ProviderEntry;
  readonly model: string;
}

export interface Step {
  readonly rule: "suffix" | "alias" | "mapping" | "override" | "search" | "default";
  readonly from: string;
  readonly to: string;
}

export interface Resolution {
  readonly requested: string;
  /** After aliases and overrides. */
  readonly resolved: string;
  readonly steps: readonly Step[];
  /** Never empty. */
  readonly targets: readonly Target[];
}

/** Resolutions remembered per generation; clients ask for few different names. */
const REMEMBERED_MAX = 4096;
/** A longer model name is refused rather than searched for. */
const NAME_LENGTH_MAX = 512;

interface Listed {
  readonly entry: ProviderEntry;
  /** Literal names: as written, and folded. */
  readonly names: ReadonlySet<string>;
  readonly folded: ReadonlyMap<string, string>;
  readonly globs: readonly ((name: string) => boolean)[];
  readonly excludes: readonly ((name: string) => boolean)[];
}

/** Without case, `-` and `_`: how names are compared when no exact one is found. */
export function foldName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}

/** Pure once made: the same name gives the same answer for the life of a generation. */
export class Router {
  readonly #listed: readonly Listed[];
  readonly #byName: ReadonlyMap<string, ProviderEntry>;
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #mapping: readonly { matches: (name: string) => boolean; provider: string }[];
  readonly #overrides: readonly { matches: (name: string) => boolean; model: string }[];
  readonly #fallbacks: readonly { matches: (name: string) => boolean; models: readonly string[] }[];
  readonly #remembered = new Map<string, Resolution>();

  /** `entries`: enabled providers only, in file order. */
  constructor(
    entries: readonly ProviderEntry[],
    private readonly config: RoutingConfig,
  ) {
    const ordered = entries
      .map((entry, position) => ({ entry, position }))
      .sort(
        (a, b) =>
          a.entry.config.priority - b.entry.config.priority ||
          b.entry.config.weight - a.entry.config.weight ||
          a.position - b.position,
      )
      .map(({ entry }) => entry);
    this.#byName = new Map(ordered.map((entry) => [entry.name, entry]));
    this.#listed = ordered.map((entry) => {
      const literal = entry.include.filter((name) => !isGlob(name));
      return {
        entry,
        names: new Set(literal),
        folded: new Map(literal.map((name) => [foldName(name), name])),
        globs: entry.include.filter(isGlob).map(compileGlob),
        excludes: entry.config.models.exclude.map(compileGlob),
      };
    });
    this.#aliases = new Map(Object.entries(config.aliases).map(([name, model]) => [foldName(name), model]));
    this.#mapping = config.providerMapping.map(({ pattern, provider }) => ({
      matches: compileGlob(pattern),
      provider,
    }));
    this.#overrides = config.modelOverrides.map(({ pattern, model }) => ({ matches: compileGlob(pattern), model }));
    this.#fallbacks = config.fallbacks.map(({ pattern, models }) => ({ matches: compileGlob(pattern), models }));
  }

  /** Throws `model-not-found`, naming the nearest known model. */
  resolve(requested: string): Resolution {
    const remembered = this.#remembered.get(requested);
    if (remembered !== undefined) return remembered;
    const resolution = this.#resolve(requested);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(requested, resolution);
    return resolution;
  }

  /** Models to try when every provider of `model` failed; those that resolve to nothing are left out. */
  fallbacksOf(model: string): Resolution[] {
    const found = this.#fallbacks.find(({ matches }) => matches(model));
    return (found?.models ?? []).flatMap((name) => {
      try {
        return [this.resolve(name)];
      } catch (error) {
        if (RelayError.is(error) && error.code === "model-not-found") return [];
        throw error;
      }
    });
  }

  /**
   * Who is configured to serve names of this form, though they stand in no list; a pattern that fits all names says
   * nothing of any.
   */
  servedByPattern(name: string): ProviderEntry | undefined {
    const found = this.#listed.find(
      ({ entry: { include }, excludes }) =>
        include.some((pattern) => isGlob(pattern) && /[^*?]/.test(pattern) && compileGlob(pattern)(name)) &&
        !excludes.some((matches) => matches(name)),
    );
    return found?.entry;
  }

  /** Names offered in lists: literal includes, first provider wins, excluded ones left out. */
  offered(): { readonly id: string; readonly entry: ProviderEntry }[] {
    const seen = new Set<string>();
    const models: { id: string; entry: ProviderEntry }[] = [];
    for (const { entry, names, excludes } of this.#listed) {
      for (const id of names) {
        if (seen.has(id) || excludes.some((matches) => matches(id))) continue;
        seen.add(id);
        models.push({ id, entry });
      }
    }
    return models;
  }

  #resolve(requested: string): Resolution {
    if (requested.length > NAME_LENGTH_MAX) throw this.#unknown(requested.slice(0, 64));
    const steps: Step[] = [];
    const bySuffix = this.#suffix(requested, steps);
    if (bySuffix !== undefined) return { requested, resolved: bySuffix.model, steps, targets: [bySuffix] };

    let model = requested;
    if (this.config.enabled) {
      model = this.#alias(model, steps);
      // An alias may itself name its provider.
      const aliased = model === requested ? undefined : this.#suffix(model, steps);
      if (aliased !== undefined) return { requested, resolved: aliased.model, steps, targets: [aliased] };
      const mapped = this.#mapped(model, steps);
      if (mapped !== undefined) return { requested, resolved: model, steps, targets: [mapped] };
      const override = this.#overrides.find(({ matches }) => matches(model));
      if (override !== undefined && override.model !== model) {
        steps.push({ rule: "override", from: model, to: override.model });
        model = override.model;
      }
    }
    const targets = this.#search(model);
    if (targets.length === 0) throw this.#unknown(requested);
    steps.push({ rule: "search", from: model, to: targets[0]!.model });
    return { requested, resolved: model, steps, targets };
  }

  /** `model@provider`, unless the whole name is one that a provider lists. */
  #suffix(name: string, steps: Step[]): Target | undefined {
    const at = name.lastIndexOf("@");
    if (at <= 0) return undefined;
    if (this.#listed.some(({ names }) => names.has(name))) return undefined;
    const entry = this.#byName.get(name.slice(at + 1));
    if (entry === undefined) throw this.#unknownProvider(name, name.slice(at + 1));
    const model = name.slice(0, at);
    const listed = this.#listed.find((candidate) => candidate.entry === entry);
    if (listed?.excludes.some((matches) => matches(model))) throw this.#unknown(name);
    steps.push({ rule: "suffix", from: name, to: model });
    return { entry, model: listed?.folded.get(foldName(model)) ?? model };
  }

  #alias(name: string, steps: Step[]): string {
    let model = name;
    // Loops are refused when the configuration is loaded; the bound is for a table that changed underneath.
    for (let hops = 0; hops <= this.#aliases.size; hops += 1) {
      const next = this.#aliases.get(foldName(model));
      if (next === undefined) return model;
      steps.push({ rule: "alias", from: model, to: next });
      model = next;
    }
    return model;
  }

  #mapped(model: string, steps: Step[]): Target | undefined {
    for (const { matches, provider } of this.#mapping) {
      if (!matches(model)) continue;
      const entry = this.#byName.get(provider);
      // A disabled provider is skipped: the next pattern, or the search, decides.
      if (entry === undefined) continue;
      const listed = this.#listed.find((candidate) => candidate.entry === entry);
      if (listed?.excludes.some((excludes) => excludes(model))) continue;
      steps.push({ rule: "mapping", from: model, to: provider });
      return { entry, model: listed?.folded.get(foldName(model)) ?? model };
    }
    return undefined;
  }

  /** The first kind of match that finds anybody decides: listed, then listed under a folded name, then catch-all. */
  #search(model: string): Target[] {
    const allowed = this.#listed.filter(({ excludes }) => !excludes.some((matches) => matches(model)));
    const exact = allowed.filter(({ names, globs }) => names.has(model) || globs.some((matches) => matches(model)));
    if (exact.length > 0) return exact.map(({ entry }) => ({ entry, model }));
    const folded = foldName(model);
    const near = allowed.flatMap(({ entry, folded: names }) => {
      const name = names.get(folded);
      return name === undefined ? [] : [{ entry, model: name }];
    });
    if (near.length > 0) return near;
    return allowed.filter(({ entry }) => entry.include.length === 0).map(({ entry }) => ({ entry, model }));
  }

  #unknown(name: string): RelayError {
    const known = [...this.offered().map(({ id }) => id), ...Object.keys(this.config.aliases)];
    const suggestion = nearest(name, known);
    const hint = suggestion === undefined ? "" : ` Did you mean "${suggestion}"?`;
    return new RelayError("model-not-found", `Model "${printable(name)}" is not available.${hint}`, {
      wireCode: "model_not_found",
      param: "model",
    });
  }

  #unknownProvider(name: string, provider: string): RelayError {
    const suggestion = nearest(provider, [...this.#byName.keys()]);
    const hint = suggestion === undefined ? "" : ` Did you mean "${suggestion}"?`;
    return new RelayError(
      "model-not-found",
      `Model "${printable(name)}" is not available: there is no provider "${printable(provider)}".${hint}`,
      { wireCode: "model_not_found", param: "model" },
    );
  }
}

/** Names come from callers: bounded, and without control characters, before they stand in a message. */
function printable(name: string): string {
  return name.slice(0, 128).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
}
