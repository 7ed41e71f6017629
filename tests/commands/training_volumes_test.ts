import { deepStrictEqual } from "node:assert/strict";
import { readSettings } from "../../engine/commands/training_settings.ts";
import { openLoader } from "../../engine/commands/training_volumes.ts";
import { Random } from "../../engine/training/random.ts";
import { flags, prepared } from "../support/training_run.ts";

Deno.test("openLoader() relabels as a map says and leaves the other labels", async () => {
  await using folder = await prepared();
  // Labels 1 and 2 are bars apart from each other.
  await Deno.writeTextFile(folder.of("map.csv"), "old,new\n2,1\n9,7\n");
  const positives = async (more: Record<string, unknown>) => {
    const values = flags(folder, {
      modelArgs: '{"depth": 1, "fov_size": [15, 15, 15], "deltas": [4, 4, 4]}',
      ...more,
    });
    const settings = readSettings(values);
    await using opened = new AsyncDisposableStack();
    const context = { note: () => {} } as never;
    const loader = await openLoader(settings.training, settings, values, context, opened);
    const draw = loader.draw({ center: [12, 13, 13], volume: "v" }, new Random(0));
    const background = await loader.load(draw);
    const bar = await loader.load({ ...draw, center: [12, 13, 16] });
    return [background, bar].map(({ labels }) => labels.filter((v) => v > 0.5).length);
  };
  // Patches of 23³: label 2 fills 15 rows by 12 columns of every section, label 1 another 8 by 7.
  deepStrictEqual(await positives({}), [0, 23 * 15 * 12]);
  const both = [0, 23 * (15 * 12 + 8 * 7)];
  deepStrictEqual(await positives({ relabelMaps: `v:${folder.of("map.csv")}` }), both);
  const [, other] = await positives({ relabelMaps: `u:${folder.of("map.csv")}` });
  deepStrictEqual(other, 23 * 15 * 12);
});
