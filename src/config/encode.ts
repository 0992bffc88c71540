/** A checked configuration back in the form of the file: snake_case, units, in the order of the schema. */
import type { TSchema } from "@sinclair/typebox";
import { isSecretName } from "../support/redact.ts";
import type { Catalog } from "./catalog.ts";
import { isSecretOption, propertiesOf, toSnakeCase } from "./options.ts";
import { SCHEMA } from "./schema/index.ts";
import { codeName, type MapSpec, type ObjectSpec, type Spec } from "./schema/kit.ts";
import { itemPath, keyPath, type PlainValue } from "./tree.ts";
import type { Config } from "./types.ts";

export type PlainMap = { [key: string]: PlainValue };

/** Called for each single value with the parts of it that are secret; what it returns is put there. */
export type Show = (path: string, value: PlainValue, secrets: readonly string[]) => PlainValue;

/** Options of plugins that are not in the catalog are taken for public: give the one the configuration was loaded with. */
export function encodeConfig(config: Config, catalog: Catalog, show: Show = (_path, value) => value): PlainMap {
  return new Encoder(catalog, show).encode(SCHEMA, config, "") as PlainMap;
}

class Encoder {
  constructor(
    readonly catalog: Catalog,
    readonly show: Show,
  ) {}

  /** `undefined` = nothing to write: the key speaks for others and was put into them. */
  encode(spec: Spec, value: unknown, path: string): PlainValue | undefined {
    if (value === undefined) return undefined;
    if (value === null) return spec.kind === "object" ? undefined : this.show(path, null, []);
    switch (spec.kind) {
      case "scalar":
        return this.show(path, spec.encode(value), spec.secretsIn?.(value) ?? []);
      case "list":
        return (value as readonly unknown[]).map(
          (item, index) => this.encode(spec.item, item, itemPath(path, index)) ?? null,
        );
      case "object":
        return this.#object(spec, value as Readonly<Record<string, unknown>>, path);
      case "map":
        return this.#map(spec, value, path);
      case "json":
        return this.#free(value as PlainValue, path, false);
      case "deferred":
        return mapEntries(value as Readonly<Record<string, unknown>>, (id, options) => [
          id,
          this.#option(this.catalog.get(id)?.options, options as PlainValue, keyPath(path, id)),
        ]);
    }
  }

  #object(spec: ObjectSpec, value: Readonly<Record<string, unknown>>, path: string): PlainMap {
    const result: PlainMap = {};
    for (const [key, field] of Object.entries(spec.fields)) {
      const written = this.encode(field.spec, value[codeName(key, field)], keyPath(path, key));
      if (written !== undefined) result[key] = written;
    }
    if (!spec.isOpen) return result;
    const options = this.#option(
      this.catalog.get(String(value["type"]))?.options,
      value["options"] as PlainValue,
      path,
    );
    return { ...result, ...(options as PlainMap) };
  }

  #map(spec: MapSpec, value: unknown, path: string): PlainMap {
    const { form } = spec;
    const entries: (readonly [string, unknown])[] =
      form.kind === "record"
        ? Object.entries(value as Readonly<Record<string, unknown>>)
        : (value as readonly Readonly<Record<string, unknown>>[]).map((entry) =>
            form.kind === "pairs" ? [String(entry[form.key]), entry[form.value]] : [String(entry["name"]), entry],
          );
    const result: PlainMap = {};
    for (const [key, entry] of entries) {
      const where = keyPath(path, key);
      const isSecret = spec.secretKeys?.test(key) === true;
      const written = isSecret
        ? this.show(where, entry as PlainValue, [String(entry)])
        : this.encode(spec.value, entry, where);
      if (written !== undefined) result[key] = written;
    }
    return result;
  }

  /** Free values have no schema: there the name tells. */
  #free(value: PlainValue, path: string, isSecret: boolean): PlainValue {
    if (isList(value)) return value.map((item, index) => this.#free(item, itemPath(path, index), isSecret));
    if (typeof value === "object" && value !== null) {
      return mapEntries(value, (key, entry) => [
        key,
        this.#free(entry as PlainValue, keyPath(path, key), isSecretName(key)),
      ]);
    }
    return this.show(path, value, isSecret && typeof value === "string" && value !== "" ? [value] : []);
  }

  #option(schema: TSchema | undefined, value: PlainValue, path: string): PlainValue {
    if (isList(value)) {
      const items: TSchema | undefined = Array.isArray(schema?.["items"]) ? undefined : schema?.["items"];
      return value.map((item, index) => this.#option(items, item, itemPath(path, index)));
    }
    if (typeof value === "object" && value !== null) {
      const properties = schema === undefined ? {} : propertiesOf(schema);
      return mapEntries(value, (name, entry) => {
        // Names that the plugin declares are in code's spelling, names that the operator chose are not.
        const key = schema === undefined || Object.hasOwn(properties, name) ? toSnakeCase(name) : name;
        return [key, this.#option(properties[name], entry as PlainValue, keyPath(path, key))];
      });
    }
    const isSecret = schema !== undefined && isSecretOption(schema) && typeof value === "string" && value !== "";
    return this.show(path, value, isSecret ? [value] : []);
  }
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}

function mapEntries(value: object, change: (key: string, entry: unknown) => readonly [string, PlainValue]): PlainMap {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => change(key, entry)));
}
