/** What of `node:util` reading volumes needs, in a browser; `import_map.json` puts it there. */

/** A function that gives a promise of what the last argument of `act`, a function, is called with. */
export function promisify<T>(
  // deno-lint-ignore no-explicit-any -- whatever comes before the last argument
  act: (...values: any[]) => void,
): (...values: unknown[]) => Promise<T> {
  return (...values) =>
    new Promise((resolve, reject) =>
      act(...values, (error: Error | null, value: T) => error ? reject(error) : resolve(value))
    );
}
