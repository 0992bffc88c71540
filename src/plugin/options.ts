/** TypeBox as plugin authors see it: the usual builders plus `Type.Secret()`. */
import { Type as Base, type Static, type TObject, type TSchema, type TString } from "@sinclair/typebox";

/** A string that is shown nowhere: redacted in logs, answers and forms. */
function secret(options: Parameters<typeof Base.String>[0] = {}): TString {
  return Base.String({ ...options, secret: true });
}

/**
 * Builders for a plugin's options. Every option wants a `description`; a `default` makes it optional for the operator.
 *
 * @example
 * const options = Type.Object({
 *   region: Type.String({ default: "eu", description: "Where calls are processed" }),
 *   signingKey: Type.Optional(Type.Secret({ description: "Signs each call when set" })),
 * });
 */
export const Type: typeof Base & { readonly Secret: typeof secret } = Object.create(Base, {
  // By definition, not by assignment: the builders are a module's namespace, and nothing that inherits from one can be assigned to.
  Secret: { value: secret, enumerable: true },
});

export type { Static, TObject, TSchema };
