import { rejects, strictEqual } from "node:assert/strict";
import { VolumeCache } from "../../engine/volumes/volume_cache.ts";
import { FIXTURES } from "./kinds.ts";

Deno.test("VolumeCache opens a volume once and closes all of them", async () => {
  const name = `${FIXTURES}/c_order.npy`;
  await using cache = new VolumeCache();
  const [first, second] = await Promise.all([cache.open(name), cache.open(name)]);
  strictEqual(first, second);
  strictEqual((await cache.open(`${name}[1:]`)).shape[0], 5);
  // One that cannot be opened does not keep the others from being closed.
  await rejects(cache.open({ hdf5: `${FIXTURES}/none.h5:raw` }), { name: "NotFoundError" });
});
