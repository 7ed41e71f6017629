import { NotFoundError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { loadNewest, readVariables, type RunState } from "../training/checkpoint_store.ts";
import { initialVariables } from "../training/initial_variables.ts";
import { Random } from "../training/random.ts";
import { slotNames } from "../training/training_graphs.ts";
import type { Context } from "./command.ts";
import type { TrainValues } from "./training_config.ts";
import type { TrainingSettings } from "./training_settings.ts";

/** Variables and state to begin with: those of the newest checkpoint, of the one named, or random ones. */
export async function startOf(
  { model, optimizer, trainDir }: TrainingSettings,
  values: TrainValues,
  seed: number,
  context: Context,
): Promise<{ variables: Map<string, NdArray>; state: RunState | null }> {
  const newest = await loadNewest(trainDir);
  if (newest) {
    const { prefix, variables, state } = newest;
    checkCheckpointFits(model, prefix, variables);
    const missing = slotNames(model.variables[0].name, optimizer).some((n) => !variables.has(n));
    if (missing) {
      context.note(`"${prefix}" has no states of ${optimizer.name}: they begin anew`);
    }
    if (!state) context.note(`"${prefix}" has no state of a run: examples begin anew`);
    context.note(`going on with "${prefix}"`);
    return { variables, state };
  }
  if (values.initFromCheckpoint === undefined) {
    return { variables: initialVariables(model, new Random(seed)), state: null };
  }
  const prefix = String(values.initFromCheckpoint);
  const all = await readVariables(prefix);
  checkCheckpointFits(model, prefix, all);
  const own = model.variables.map(({ name }) => {
    const array = all.get(name);
    if (array) return [name, array] as const;
    throw new NotFoundError(`Cannot begin with "${prefix}": it has no variable "${name}"`);
  });
  return { variables: new Map(own), state: null };
}
