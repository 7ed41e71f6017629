import { deepStrictEqual, ok } from "node:assert/strict";
import {
  copyDemoCheckpoint,
  DEMO_FOV_RADIUS,
  DEMO_REQUEST,
} from "../../engine/models/demo/demo_network.ts";
import { checkCheckpointFits } from "../../engine/models/checkpoint_fit.ts";
import { createModel } from "../../engine/models/registry.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("copyDemoCheckpoint() writes at most 1 MB that fits the model of DEMO_REQUEST", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const prefix = await copyDemoCheckpoint(folder);
  const sizes = Array.from(
    Deno.readDirSync(folder),
    ({ name }) => Deno.statSync(`${folder}/${name}`).size,
  );
  deepStrictEqual(sizes.length, 2);
  ok(sizes[0] + sizes[1] <= 2 ** 20, `${sizes} bytes`);
  const model = createModel(DEMO_REQUEST.modelName!, JSON.parse(DEMO_REQUEST.modelArgs!));
  deepStrictEqual(model.imageSize.map((n) => (n - 1) / 2), new Array(3).fill(DEMO_FOV_RADIUS));
  await using checkpoint = await openCheckpoint(prefix);
  checkCheckpointFits(model, prefix, checkpoint.variables);
});
