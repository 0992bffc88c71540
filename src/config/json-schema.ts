/** The schema as JSON Schema draft-07, for editors: `monorelay config schema`. */
import type { TSchema } from "@sinclair/typebox";
import type { Json, JsonObject } from "../contract/chat.ts";
import { API_ALIAS, type Catalog } from "./catalog.ts";
import { isSecretOption, propertiesOf, toSnakeCase } from "./options.ts";
import { SCHEMA } from "./schema/index.ts";
import type { Field, Fields, MapSpec, ObjectSpec, Spec } from "./schema/kit.ts";
import { providers } from "./schema/providers.ts";

/** Any value may be put together from `${…}`. */
const REFERENCE: JsonObject = { type: "string", pattern: String.raw`\$\{` };

const DEFINITIONS = "#/definitions/";

/** `catalog` brings the options of plugins in; `null` leaves providers open to any. */
export function toJsonSchema(catalog: Catalog | null): JsonObject {
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "MonoRelay configuration",
    ...describeObject(SCHEMA, catalog),
    definitions: { reference: REFERENCE },
  };
}

function describeField(field: Field, catalog: Catalog | null): JsonObject {
  if (field.mode === "ignored" || field.mode === "special") return { description: field.description, deprecated: true };
  const described = describe(field.spec, catalog);
  const isNullable = field.mode === "optional" || (field.spec.kind !== "scalar" && isEmptyPreset(field));
  return {
    description: field.description + (field.restart === false ? "" : " Needs a restart."),
    ...(field.preset === undefined || field.preset === null ? {} : { default: field.preset as Json }),
    ...(isNullable ? withNull(described) : described),
  };
}

function isEmptyPreset({ preset }: Field): boolean {
  return preset === undefined || (typeof preset === "object" && preset !== null && Object.keys(preset).length === 0);
}

function withNull(schema: JsonObject): JsonObject {
  if (typeof schema["type"] === "string") return { ...schema, type: [schema["type"], "null"] };
  return { anyOf: [...((schema["anyOf"] as Json[] | undefined) ?? [schema]), { type: "null" }] };
}

function describe(spec: Spec, catalog: Catalog | null): JsonObject {
  switch (spec.kind) {
    case "scalar":
      return orReference(spec.json);
    case "list": {
      const items = describe(spec.item, catalog);
      return {
        type: "array",
        items,
        ...(spec.itemsMin > 0 ? { minItems: spec.itemsMin } : {}),
        ...(spec.isUnique ? { uniqueItems: true } : {}),
      };
    }
    case "object": {
      const object = describeObject(spec, catalog);
      return spec.shorthand === null ? object : { anyOf: [{ type: "string" }, object] };
    }
    case "map":
      return spec === (providers as MapSpec)
        ? describeProviders(catalog)
        : describeMap(spec, describe(spec.value, catalog));
    case "json":
      return { type: "object" };
    case "deferred":
      return describePluginOptions(catalog);
  }
}

/** A plain text takes references as it is; everything else needs to say so. */
function orReference(json: JsonObject): JsonObject {
  const isFreeText = json["type"] === "string" && json["pattern"] === undefined;
  if (isFreeText) return { ...json };
  return { anyOf: [...((json["anyOf"] as Json[] | undefined) ?? [{ ...json }]), { $ref: `${DEFINITIONS}reference` }] };
}

function describeMap(spec: MapSpec, value: JsonObject): JsonObject {
  const names = Object.keys(spec.key.json).length === 0 ? {} : { propertyNames: spec.key.json };
  return { type: "object", ...names, additionalProperties: value };
}

function describeFields(fields: Fields, catalog: Catalog | null): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, describeField(field, catalog)]));
}

function describeObject(spec: ObjectSpec, catalog: Catalog | null): JsonObject {
  const required = Object.entries(spec.fields).flatMap(([key, field]) => (field.mode === "required" ? [key] : []));
  return {
    type: "object",
    properties: describeFields(spec.fields, catalog),
    ...(required.length > 0 ? { required } : {}),
    ...(spec.isOpen ? {} : { additionalProperties: false }),
  };
}

/** The house's keys, and for each type the options of its plugin and nothing else. */
function describeProviders(catalog: Catalog | null): JsonObject {
  const block = describeObject(providers.value as ObjectSpec, catalog);
  const described: JsonObject = { ...block, type: ["object", "null"] };
  if (catalog !== null) {
    const plugins = [...catalog].filter(([, plugin]) => plugin.kind === "provider");
    const properties = block["properties"] as JsonObject;
    const house = Object.fromEntries(Object.keys(properties).map((key) => [key, true]));
    const types = [API_ALIAS.written, ...plugins.map(([id]) => id)];
    const typeField = properties["provider_type"] as JsonObject;
    described["properties"] = {
      ...properties,
      provider_type: { ...typeField, anyOf: [{ enum: types }, { $ref: `${DEFINITIONS}reference` }] },
    };
    described["allOf"] = plugins.map(([id, plugin]) => ({
      if: isOfType(id),
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { ...house, ...describeOptions(plugin.options) }, additionalProperties: false },
    }));
  }
  return describeMap(providers, described);
}

function isOfType(id: string): JsonObject {
  const isWritten: JsonObject = { required: ["provider_type"], properties: { provider_type: { const: id } } };
  if (id !== API_ALIAS.plugin) return isWritten;
  const isAlias: JsonObject = { properties: { provider_type: { const: API_ALIAS.written } } };
  return { anyOf: [isWritten, isAlias] };
}

function describePluginOptions(catalog: Catalog | null): JsonObject {
  const plugins = [...(catalog ?? [])].filter(([, plugin]) => plugin.kind === "auth");
  const properties = Object.fromEntries(
    plugins.map(([id, plugin]) => [
      id,
      { type: ["object", "null"], properties: describeOptions(plugin.options), additionalProperties: false },
    ]),
  );
  return { type: "object", properties };
}

function describeOptions(schema: TSchema): JsonObject {
  return Object.fromEntries(
    Object.entries(propertiesOf(schema)).map(([name, part]) => [toSnakeCase(name), orReference(describeOption(part))]),
  );
}

/** TypeBox is JSON Schema already; only the names of properties are spelled differently in the file. */
function describeOption(schema: TSchema): JsonObject {
  const { properties, required, ...rest } = JSON.parse(JSON.stringify(schema)) as JsonObject;
  delete rest["secret"];
  const result: JsonObject = isSecretOption(schema) ? { ...rest, writeOnly: true } : rest;
  if (properties === undefined) return result;
  const parts = Object.entries(propertiesOf(schema));
  const needed = parts.filter(
    ([name, part]) => (required as string[] | undefined)?.includes(name) && !("default" in part),
  );
  return {
    ...result,
    properties: Object.fromEntries(parts.map(([name, part]) => [toSnakeCase(name), describeOption(part)])),
    ...(needed.length > 0 ? { required: needed.map(([name]) => toSnakeCase(name)) } : {}),
    additionalProperties: false,
  };
}
