import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { FolderStore } from "../volumes/object_store.ts";
import type { MeshSource } from "./served_volume.ts";

/** The meshes that a precomputed volume of this machine has beside its labels; null where it has none. */
export async function storedMeshes(folder: string): Promise<MeshSource | null> {
  const info = await new FolderStore(folder).get("info").catch(() => undefined);
  if (info === undefined) return null;
  const { mesh } = JSON.parse(new TextDecoder().decode(info));
  if (typeof mesh !== "string") return null;
  const store = new FolderStore(join(folder, mesh));
  return {
    async get(key) {
      const bytes = await store.get(key);
      if (bytes !== undefined) return bytes.slice();
      // As other programs leave them.
      const packed = await store.get(`${key}.gz`);
      return packed === undefined ? null : new Uint8Array(gunzipSync(packed));
    },
  };
}
