/** Reads answers without a type: a test states the shape by what it expects. */

// biome-ignore lint/suspicious/noExplicitAny: the expectations that follow are the type.
export async function readJson(response: Response): Promise<any> {
  return response.json();
}
