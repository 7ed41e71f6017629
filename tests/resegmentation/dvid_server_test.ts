/**
 * Merges on a DVID server. `DVID_URL` is a node of a repository to try things in, `http://HOST:8000/api/node/UUID`, which
 * is not committed: an instance of its own is added to it and stays there.
 */
import { deepStrictEqual } from "node:assert/strict";
import { postMerges } from "../../engine/resegmentation/post_merges.ts";
import { DvidLabelmap } from "../../engine/volumes/dvid/labelmap.ts";

const node = Deno.env.get("DVID_URL")?.replace(/\/+$/, "");
const EDGE = 64;

async function post(url: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await fetch(url, { method: "POST", body });
  deepStrictEqual(response.status, 200, await response.text());
}

/** A new labelmap of one block, cut along z into slabs of these supervoxels. */
async function addLabelmap(supervoxels: readonly bigint[]): Promise<string> {
  const name = `ffn_test_${crypto.randomUUID().slice(0, 8)}`;
  const instance = {
    ...{ typename: "labelmap", dataname: name, BlockSize: `${EDGE},${EDGE},${EDGE}` },
    ...{ VoxelSize: "8,8,8", VoxelUnits: "nanometers,nanometers,nanometers" },
  };
  await post(`${node!.replace("/api/node/", "/api/repo/")}/instance`, JSON.stringify(instance));
  const labels = new BigUint64Array(EDGE ** 3);
  const slab = EDGE ** 3 / supervoxels.length;
  supervoxels.forEach((id, i) => labels.fill(id, i * slab, (i + 1) * slab));
  await post(
    `${node}/${name}/raw/0_1_2/${EDGE}_${EDGE}_${EDGE}/0_0_0`,
    new Uint8Array(labels.buffer),
  );
  return `${node}/${name}`;
}

Deno.test({
  name: `postMerges() merges bodies on a real server${node ? "" : ": no server, set DVID_URL"}`,
  ignore: node === undefined,
  async fn() {
    const far = 2n ** 53n;
    const supervoxels = [1n, 2n, 3n, 4n, far + 1n, far + 2n, far + 3n, 9n];
    const labelmap = new DvidLabelmap(await addLabelmap(supervoxels), { user: "ffn" });
    const bodies = [[1n, 2n, 4n], [far + 1n, far + 3n]];
    const merged = { merged: 2, before: 0, conflicts: [] };
    deepStrictEqual(await postMerges(labelmap, bodies), merged);
    deepStrictEqual(await labelmap.mapping(supervoxels), [
      ...[1n, 1n, 3n, 1n, far + 1n, far + 2n, far + 1n, 9n],
    ]);
    deepStrictEqual(await postMerges(labelmap, bodies), { ...merged, before: 2 });
    // 4 belongs to 1 by now, and is left alone.
    deepStrictEqual((await postMerges(labelmap, [[3n, 4n]])).conflicts, [4n]);
    deepStrictEqual(await labelmap.mapping([3n, 4n]), [3n, 1n]);
  },
});
