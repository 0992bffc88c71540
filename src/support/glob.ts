/** Globs over whole names: `*`, `?` and `[...]`, without regard to case. */

const SPECIAL = /[\\^$.*+?()[\]{}|/]/g;

/** `[!a-z]` negates; an unclosed `[` is an ordinary character. */
export function compileGlob(pattern: string): (name: string) => boolean {
  if (pattern === "*") return () => true;
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!;
    if (character === "*") source += ".*";
    else if (character === "?") source += ".";
    else if (character === "[") {
      const end = pattern.indexOf("]", at + 2);
      if (end < 0) {
        source += "\\[";
        continue;
      }
      const body = pattern.slice(at + 1, end);
      const isNegated = body.startsWith("!") || body.startsWith("^");
      const members = (isNegated ? body.slice(1) : body).replace(/[\\\]^]/g, "\\$&");
      source += `[${isNegated ? "^" : ""}${members}]`;
      at = end;
    } else source += character.replace(SPECIAL, "\\$&");
  }
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`, "is");
  } catch {
    // A range such as [z-a] names nothing.
    return () => false;
  }
  return (name) => expression.test(name);
}

export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}
