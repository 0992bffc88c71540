/** One answer for everybody who asks while it is on its way. */

/** Runs `work` again only once the last run has ended, well or badly; failures are shared too, and not remembered. */
export function sharing<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
