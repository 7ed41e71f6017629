/** Variables of a model that come from several checkpoints, as one. */
import { NotFoundError } from "../errors/errors.ts";
import { type Checkpoint, openCheckpoint } from "../volumes/checkpoint_file.ts";
import type { Model } from "./model.ts";

/**
 * Opens the checkpoint of a model, and those that its arguments name, from which some variables come instead.
 *
 * @throws {NotFoundError} when one of them lacks a variable that it should hold.
 */
export async function openModelCheckpoint(
  model: Pick<Model, "name" | "otherCheckpoints" | "variables">,
  path: string,
): Promise<Checkpoint> {
  const own = await openCheckpoint(path);
  if (!model.otherCheckpoints) return own;
  const opened = [own];
  const close = () => Promise.all(opened.map((checkpoint) => checkpoint.close())).then(() => {});
  const places = new Map([...own.variables.keys()].map((name) => [name, { from: own, name }]));
  try {
    for (const other of model.otherCheckpoints) {
      const from = await openCheckpoint(other.path);
      opened.push(from);
      for (const { name: known } of model.variables) {
        const name = other.nameThere(known);
        if (name === null) continue;
        if (!from.variables.has(name)) {
          throw new NotFoundError(
            `Cannot load "${other.path}" into ${model.name}: it has no variable "${name}"`,
          );
        }
        places.set(known, { from, name });
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    prefix: own.prefix,
    variables: new Map(
      [...places].map(([known, { from, name }]) => [known, from.variables.get(name)!]),
    ),
    read(known) {
      const place = places.get(known);
      return place ? place.from.read(place.name) : own.read(known);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
