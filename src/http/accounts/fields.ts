/** Fields that several bodies share. What a text may say beyond its shape, the account services judge. */
import { type TProperties, Type } from "@sinclair/typebox";

/** A body of exactly these fields. */
export function Body<T extends TProperties>(fields: T) {
  return Type.Object(fields, { additionalProperties: false });
}

export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** Long enough for anything honest; the services know the real bounds and say them. */
export const Text = (max = 1024) => Type.String({ maxLength: max });

/** Longer ones never reach the hash, but have to be told so. */
export const Password = Type.String({ maxLength: 8192 });

export const Role = Type.Union([Type.Literal("owner"), Type.Literal("admin"), Type.Literal("member")]);
