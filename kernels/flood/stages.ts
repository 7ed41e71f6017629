/** The kernels of a flood step: source, entry point, the buffers each one binds, and its grid. */
import accept from "./accept.wgsl" with { type: "text" };
import fov from "./fov.wgsl" with { type: "text" };
import move from "./move.wgsl" with { type: "text" };
import pick from "./pick.wgsl" with { type: "text" };
import seek from "./seek.wgsl" with { type: "text" };

/** Buffers of a flood by their names in WGSL. */
export type FloodBuffer =
  | "states"
  | "object_map"
  | "segmentation"
  | "blocked"
  | "image"
  | "fov_image"
  | "fov_seed"
  | "logits"
  | "queue"
  | "done"
  | "traces"
  | "probs"
  | "seeds"
  | "objects"
  | "labels"
  | "overlaps";

/** How many workgroups a stage has per canvas. */
export type StageGrid =
  /** A few that share the box of the object. */
  | "box"
  /** One for every 64 voxels of the field of view. */
  | "fov"
  /** One for every 64 voxels of the prediction. */
  | "prediction"
  | "one";

/** One kernel of the flood. */
export interface FloodStage {
  readonly entryPoint: string;
  readonly source: string;
  readonly grid: StageGrid;
  /** Storage buffers and their binding numbers. */
  readonly bindings: readonly {
    readonly name: FloodBuffer;
    /** Which of the buffers that the array is cut into; 0 where it is not. */
    readonly slab: number;
    readonly at: number;
    readonly write: boolean;
  }[];
}

/** Binding number of `Config`. */
export const CONFIG_BINDING = 15;

/** A stage with the bindings that its source declares: a module holds only what its entry points need. */
export function readStage(entryPoint: string, source: string, grid: StageGrid): FloodStage {
  const declaration = /@binding\((\d+)\) var<storage, (read|read_write)> (\w+?)(?:_(\d))?:/g;
  const bindings = [...source.matchAll(declaration)].map(([, at, access, name, slab]) => ({
    name: name as FloodBuffer,
    slab: Number(slab ?? 0),
    at: Number(at),
    write: access === "read_write",
  }));
  return { entryPoint, source, grid, bindings };
}

/** Ends objects and begins the next ones. */
export const TURNOVER: readonly FloodStage[] = [
  readStage("count", accept, "box"),
  readStage("decide", accept, "one"),
  readStage("write", accept, "box"),
  readStage("seek", seek, "one"),
  readStage("clear", seek, "box"),
];

/** Begins what the host asked for between two rounds. */
export const PROLOGUE: readonly FloodStage[] = [
  readStage("clear", seek, "box"),
  readStage("pick", pick, "one"),
];

/** Before the network. */
export const GATHER: FloodStage = readStage("gather", fov, "fov");

/** After the network, into the object map. */
export const MAP_UPDATE: readonly FloodStage[] = [
  readStage("inspect", fov, "prediction"),
  readStage("scatter", fov, "prediction"),
];

/** After the network. */
export const UPDATE: readonly FloodStage[] = [
  ...MAP_UPDATE,
  readStage("advance", move, "one"),
  readStage("pick", pick, "one"),
];
