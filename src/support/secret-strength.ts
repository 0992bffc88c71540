/** How hard a secret is to guess that somebody else has made up. */

/** Values from published examples: whoever scans for relays tries them first. */
const SAMPLES: ReadonlySet<string> = new Set([
  "prisma-relay-change-me",
  "your-secret-access-key",
  "change-me",
  "8-D-8-D-8-D-8-D",
  "sk-1234",
]);

export function isPublishedSample(secret: string): boolean {
  return SAMPLES.has(secret);
}

/** As if each character had been drawn from the classes that appear; a UUID passes 128. */
export function countBits(secret: string): number {
  const classes = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/] as const;
  const sizes = [26, 26, 10, 7] as const;
  const alphabet = classes.reduce((sum, pattern, index) => sum + (pattern.test(secret) ? sizes[index]! : 0), 0);
  // Of one character over and over nothing has been drawn.
  return new Set(secret).size < 2 ? 0 : secret.length * Math.log2(alphabet);
}
