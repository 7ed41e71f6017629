/** A small run that `ffn view` can be started for. */
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { type RequestFields, type TinyRun, tinyRun } from "./tiny_run.ts";

/** Size of its volume where nothing else is said. */
export const VIEWED_SIZE: Zyx = [24, 24, 32];

/** A run's folder with a request on disk, and what `ffn view` is told of it. */
export interface ViewedRun extends TinyRun {
  readonly options: { readonly volume: string; readonly request: string; readonly output: string };
}

/** Writes such a folder, removed when it goes out of scope. */
export async function viewedRun(
  fields: RequestFields = {},
  size: Zyx = VIEWED_SIZE,
): Promise<ViewedRun> {
  const run = await tinyRun(size);
  await Deno.writeTextFile(run.of("request.pbtxt"), run.request(fields));
  return {
    ...run,
    options: {
      volume: `${run.of("em.npz")}:raw`,
      request: run.of("request.pbtxt"),
      output: run.of("view"),
    },
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
}
