/**
 * Meshes of one resolution beside a Neuroglancer precomputed segmentation ("legacy" in the format's description): a folder
 * with `info`, for each object a manifest `ID:0`, and the fragments that manifests name.
 */
import type { JsonObject } from "./json_document.ts";

/** The `info` of a folder of meshes. */
export const MESH_INFO: JsonObject = { "@type": "neuroglancer_legacy_mesh" };

/** Key of the manifest of an object. */
export function meshManifestKey(id: number | bigint): string {
  return `${id}:0`;
}

/** The manifest of an object, by the names of its fragments. */
export function meshManifest(fragments: readonly string[]): JsonObject {
  return { fragments };
}

/**
 * A part of a mesh.
 *
 * @param positionsNm Vertices, triples xyz in nanometres.
 * @param triangles Triples of vertices, counter-clockwise seen from outside.
 */
export function encodeMeshFragment(
  positionsNm: Float32Array,
  triangles: Uint32Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + positionsNm.byteLength + triangles.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, positionsNm.length / 3, true);
  positionsNm.forEach((value, i) => view.setFloat32(4 + 4 * i, value, true));
  const begin = 4 + positionsNm.byteLength;
  triangles.forEach((vertex, i) => view.setUint32(begin + 4 * i, vertex, true));
  return bytes;
}
