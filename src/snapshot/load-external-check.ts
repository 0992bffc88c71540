/** Checks what a plugin file exports: the shape the relay relies on, before any of it is used. */
import { Kind, type TSchema } from "@sinclair/typebox";
import { propertiesOf, toSnakeCase } from "../config/options.ts";
import { PROVIDER_FIELDS } from "../config/schema/providers.ts";
import { type AnyAuthPlugin, type AnyProviderPlugin, API_VERSION } from "../plugin/index.ts";
import type { Fault } from "./load-external-fault.ts";

export type AnyPlugin = AnyProviderPlugin | AnyAuthPlugin;

export interface Checked {
  /** Absent when there is any fault. */
  readonly plugin?: AnyPlugin;
  readonly faults: readonly Fault[];
  /** Worth saying, no reason to refuse: options without a description. */
  readonly remarks: readonly string[];
}

const ID = /^[a-z0-9][a-z0-9-]{0,31}$/;
const OPTION_NAME = /^[a-z][A-Za-z0-9]*$/;
const MAKERS = "defineProvider, openaiCompatible, localProvider or defineAuth";
/** A default may be of any depth; an error about it names only the option. */
type ValueModule = typeof import("@sinclair/typebox/value");

/** `exported`: the module's namespace. `file`: as messages name it. */
export async function checkExport(exported: Readonly<Record<string, unknown>>, file: string): Promise<Checked> {
  const check = new Check(file);
  const { default: plugin } = exported;
  if (!isRecord(plugin)) {
    const what =
      "default" in exported ? `exports ${nameOf(plugin)} as its default, which is no plugin` : "has no default export";
    check.shape(what, `Write: export default followed by what ${MAKERS} returns.`);
    return check.result();
  }
  if (typeof plugin["apiVersion"] === "number" && plugin["apiVersion"] > API_VERSION) {
    check.tooNew(plugin["apiVersion"]);
    return check.result();
  }
  const { Value } = await import("@sinclair/typebox/value");
  check.plugin(plugin, Value);
  return check.result(plugin as unknown as AnyPlugin);
}

class Check {
  readonly #faults: Fault[] = [];
  readonly #remarks: string[] = [];

  constructor(readonly file: string) {}

  result(plugin?: AnyPlugin): Checked {
    const isSound = plugin !== undefined && this.#faults.length === 0;
    return { ...(isSound ? { plugin } : {}), faults: this.#faults, remarks: this.#remarks };
  }

  shape(what: string, advice: string): void {
    this.#faults.push({ code: "PLUGIN_SHAPE", file: this.file, what, advice });
  }

  tooNew(wanted: number): void {
    const what = `was written for version ${wanted} of the plugin API, and this relay speaks ${API_VERSION}`;
    const advice = "Update the relay, or take an earlier release of the plugin.";
    this.#faults.push({ code: "PLUGIN_API_VERSION", file: this.file, what, advice });
  }

  plugin(plugin: Readonly<Record<string, unknown>>, value: ValueModule["Value"]): void {
    const { kind, id, setup, options, apiVersion, baseUrl, keys, local, price } = plugin;
    if (kind !== "provider" && kind !== "auth") {
      this.#wrong("kind", `"provider" or "auth"`, kind, `Let ${MAKERS} make the export.`);
    }
    if (typeof id !== "string" || !ID.test(id)) {
      this.#wrong("id", "1 to 32 of a-z, 0-9 and -, not beginning with -", id, "Choose another id.");
    }
    if (typeof setup !== "function")
      this.#wrong("setup", "a function", setup, "Write: setup: (options, host) => ({ … }).");
    if (apiVersion !== undefined && !(Number.isInteger(apiVersion) && Number(apiVersion) >= 1)) {
      this.#wrong("apiVersion", "a whole number from 1", apiVersion, `Write ${API_VERSION}, or leave it out.`);
    }
    for (const name of ["version", "homepage"]) {
      if (plugin[name] !== undefined && typeof plugin[name] !== "string")
        this.#wrong(name, "a string", plugin[name], "Leave it out if unsure: it is only shown.");
    }
    if (kind === "provider") {
      if (baseUrl !== undefined && !isBaseUrl(baseUrl)) {
        this.#wrong(
          "baseUrl",
          "an http or https URL without a query",
          baseUrl,
          "Write the API's root, or leave it out.",
        );
      }
      if (keys !== undefined && keys !== "required" && keys !== "optional" && keys !== "none") {
        this.#wrong("keys", `"required", "optional" or "none"`, keys, "Leave it out if calls need a key.");
      }
      if (local !== undefined && typeof local !== "boolean")
        this.#wrong("local", "true or false", local, "Leave it out if unsure.");
      if (price !== undefined && typeof price !== "function")
        this.#wrong(
          "price",
          "a function",
          price,
          "Write: price: (model) => ({ input: 1, output: 2 }), or leave it out.",
        );
    }
    if (isObjectSchema(options)) this.#options(options, kind === "provider", value);
    else
      this.#wrong(
        "options",
        "a Type.Object({ … })",
        options,
        `Build it with Type from "monorelay/plugin", or leave it out.`,
      );
  }

  #options(schema: TSchema, isProvider: boolean, value: ValueModule["Value"]): void {
    for (const [name, option] of Object.entries(propertiesOf(schema))) {
      const path = `options.${name}`;
      if (!OPTION_NAME.test(name)) {
        this.shape(
          `names an option ${JSON.stringify(name)}`,
          "Write option names like signingKey; in the configuration it is signing_key.",
        );
        continue;
      }
      if (isProvider && PROVIDER_FIELDS.includes(toSnakeCase(name))) {
        const what = `has an option ${name}, but ${toSnakeCase(name)} is a key that every provider has already`;
        this.#faults.push({
          code: "PLUGIN_OPTION_RESERVED",
          file: this.file,
          what,
          advice: "Give the option another name.",
        });
      }
      if (!isRecord(option) || !(Kind in option)) {
        this.#wrong(path, "made with Type", option, `Build it with Type from "monorelay/plugin".`);
        continue;
      }
      if (option["default"] !== undefined && !value.Check(option as unknown as TSchema, option["default"])) {
        this.shape(`gives ${path} a default that its own type refuses`, "Correct the default or the type.");
      }
      if (typeof option["description"] !== "string" || option["description"] === "") {
        this.#remarks.push(
          `${this.file} describes no option ${name}: give it a description, operators see it in forms and errors`,
        );
      }
    }
  }

  #wrong(path: string, expected: string, found: unknown, advice: string): void {
    this.shape(`exports a plugin whose ${path} must be ${expected}, and is ${nameOf(found)}`, advice);
  }
}

/** Names a value by its type, and a short text by itself. */
function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "string") return value.length <= 64 ? JSON.stringify(value) : "a long string";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isRecord(value: unknown): value is Readonly<Record<string | symbol, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isObjectSchema(value: unknown): value is TSchema {
  return isRecord(value) && Kind in value && value["type"] === "object" && isRecord(value["properties"]);
}

function isBaseUrl(value: unknown): boolean {
  const url = typeof value === "string" ? URL.parse(value) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.username === "";
}
