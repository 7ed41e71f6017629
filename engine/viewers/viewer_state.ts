import type { JsonObject } from "../formats/json_document.ts";
import { toXyz, type Zyx } from "../geometry/vectors.ts";

/** Where the viewer itself comes from; it runs in the browser and sends no data back. */
export const PUBLIC_VIEWER = "https://neuroglancer-demo.appspot.com/";

/** One layer of a viewer. */
export interface ViewerLayer {
  readonly name: string;
  readonly type: "image" | "segmentation";
  /** `precomputed://…` or `zarr://…` with an address that the browser reaches. */
  readonly source: string;
  readonly isVisible: boolean;
  /** Of a segmentation: the only objects to show; absent or empty shows all. */
  readonly segments?: readonly bigint[];
  /** Of a segmentation: groups of objects to show as one each. */
  readonly equivalences?: readonly (readonly bigint[])[];
}

/** A place with what it is about. */
export interface ViewerPoint {
  readonly position: Zyx;
  readonly description: string;
}

/** A folder of annotations with scores, such as `ffn run-resegmentation analyze --annotations` writes. */
export interface ViewerAnnotations {
  readonly name: string;
  /** `precomputed://…` */
  readonly source: string;
  /** Name of the layer whose objects they are about; null without. */
  readonly segmentation: string | null;
}

/** What a viewer shows. */
export interface ViewerView {
  readonly layers: readonly ViewerLayer[];
  /** Shown in a layer of their own, where there are some. */
  readonly points?: readonly ViewerPoint[];
  readonly annotations?: ViewerAnnotations | null;
  readonly voxelSizeNm: Zyx;
  /** Voxel in the middle. */
  readonly position: Zyx;
}

/** The state of Neuroglancer, as its page takes it behind `#!`. */
export function viewerState(
  { layers, points = [], annotations = null, voxelSizeNm, position }: ViewerView,
): JsonObject {
  const { x, y, z } = toXyz(voxelSizeNm), at = toXyz(position);
  return {
    dimensions: { x: [x * 1e-9, "m"], y: [y * 1e-9, "m"], z: [z * 1e-9, "m"] },
    // The middle of the voxel.
    position: [at.x + 0.5, at.y + 0.5, at.z + 0.5],
    layers: [
      ...layers.map(volumeLayer),
      ...(points.length === 0 ? [] : [pointLayer(points)]),
      ...(annotations === null ? [] : [annotationLayer(annotations)]),
    ],
    layout: "4panel",
  };
}

function volumeLayer(layer: ViewerLayer): JsonObject {
  return {
    type: layer.type,
    name: layer.name,
    source: layer.source,
    visible: layer.isVisible,
    ...(layer.type === "segmentation" ? { selectedAlpha: 0.35 } : {}),
    ...(layer.segments === undefined ? {} : { segments: layer.segments.map(String) }),
    ...(layer.equivalences === undefined
      ? {}
      : { equivalences: layer.equivalences.map((group) => group.map(String)) }),
  };
}

/** Annotations that live in the state itself. */
function pointLayer(points: readonly ViewerPoint[]): JsonObject {
  return {
    ...{ type: "annotation", name: "points", source: "local://annotations", tab: "annotations" },
    annotations: points.map(({ position: [z, y, x], description }, i) => ({
      ...{ type: "point", id: String(i), point: [x + 0.5, y + 0.5, z + 0.5], description },
    })),
  };
}

/** Points from red, where little speaks for their objects being one or nothing grew (NaN), to green. */
const SCORE_SHADER = `void main() {
  float score = prop_score() >= 0.0 ? prop_score() : 0.0;
  setColor(mix(vec3(1.0, 0.15, 0.15), vec3(0.15, 1.0, 0.15), score));
  setPointMarkerSize(12.0);
}`;

function annotationLayer({ name, source, segmentation }: ViewerAnnotations): JsonObject {
  return {
    ...{ type: "annotation", name, source, tab: "annotations", shader: SCORE_SHADER },
    ...(segmentation === null ? {} : { linkedSegmentationLayer: { objects: segmentation } }),
  };
}

/** The address that opens a viewer with a state. */
export function viewerUrl(state: JsonObject, viewer = PUBLIC_VIEWER): string {
  return `${viewer}#!${encodeURIComponent(JSON.stringify(state))}`;
}
