/**
 * zarr-python, TensorStore, cloud-volume and h5py read what `ffn convert` writes of the FIB-25 image and labels. Needs python3;
 * downloads them on the first run.
 */
import { join } from "node:path";
import { ffn } from "../support/cli.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "zarr-python, TensorStore, cloud-volume and h5py read our exports";
export const ci = true;

const LIBRARIES = [
  "numpy==2.1.3",
  "zarr==3.1.3",
  "numcodecs==0.16.3",
  "tensorstore==0.1.78",
  "tifffile==2025.10.16",
  "imagecodecs==2025.8.2",
  "cloud-volume==12.6.2",
  "h5py==3.14.0",
];
export const environments = [LIBRARIES];

/** Sections and rows that end within chunks. */
const CROP = "[0:70, 10:140]";

/** Voxel size and place zyx, and what OME-NGFF makes of them: nanometres, to the centre of the first voxel. */
const PLACE = ["--voxel-size", "8,8,8.5", "--offset", "4,-2,100"];
const OME = [[8, 8, 8.5], [(4 + 0.5) * 8, (-2 + 0.5) * 8, (100 + 0.5) * 8.5]];
const ORIGIN = [100, -2, 4];
const HDF5_PLACE = [[8, 8, 8.5], [4, -2, 100]];

/** Place by what each library calls it. */
const WANTED = [["zarr-python", OME], ["precomputed", ORIGIN], ["h5py", HDF5_PLACE]] as const;

/** Exports both volumes to every kind and has them read. */
export async function run({ fib25, folder, check }: AcceptanceContext): Promise<void> {
  const convert = async (source: string, target: string, ...options: string[]) => {
    const result = await ffn("convert", source, join(folder, target), "--quiet", ...options);
    if (result.code !== 0) throw new Error(result.stderr);
  };
  for (
    const [name, file] of [["image", "grayscale_maps.h5:raw"], ["labels", "groundtruth.h5:stack"]]
  ) {
    const type = name === "labels" ? ["--dtype", "uint64"] : [];
    await convert(`${join(fib25, "training_sample2", file)}${CROP}`, `${name}.npy`, ...type);
    const source = join(folder, `${name}.npy`);
    await convert(source, `${name}3.zarr`, ...PLACE);
    await convert(source, `${name}.h5:a/b`, ...PLACE);
    await convert(source, `${name}2.zarr`, "--zarr-version", "2", ...PLACE);
    await convert(source, `${name}:precomputed`, ...PLACE);
    await convert(source, `${name}_gzip:precomputed`, "--gzip", ...PLACE);
    if (name === "labels") await convert(source, "meshed:precomputed", "--meshes", ...PLACE);
  }
  const python = await pythonWith(LIBRARIES);
  const report = await runProgram(python, [
    join(import.meta.dirname!, "exports_read_back.py"),
    folder,
  ]);
  const { exports, levels, mesh } = JSON.parse(report.trim().split("\n").at(-1)!);
  check("coarser levels", Object.keys(levels).length, "4", Object.keys(levels).length === 4);
  for (const [level, readers] of Object.entries<Record<string, boolean>>(levels)) {
    const wrong = Object.keys(readers).filter((reader) => !readers[reader]).join(", ") || "none";
    const all = Object.keys(readers).join(", ");
    check(`${level}: ${all}, different are`, wrong, "none", wrong === "none");
  }
  const share = mesh.share.toFixed(4);
  check(
    "mesh of the largest object, volume / voxels",
    share,
    "0.99 to 1.01",
    share >= 0.99 && share <= 1.01,
  );
  check("  open sides", mesh.open, "0", mesh.open === 0);
  const nm = Math.max(
    ...[0, 1].flatMap((end) =>
      [0, 1, 2].map((axis) => Math.abs(mesh.box[end][axis] - mesh.wanted[end][axis]))
    ),
  );
  check("  extent against that of the voxels, nm", nm, "<= 4", nm <= 4);
  for (
    const [what, [isEqual, place]] of Object.entries<[boolean, number[] | number[][]]>(exports)
  ) {
    const [, wanted] = WANTED.find(([part]) => what.includes(part)) ?? [what, []];
    const sameFirst = JSON.stringify(what.includes("precomputed") ? place.slice(0, 3) : place);
    check(what, isEqual ? "equal" : "different", "equal", isEqual);
    check(
      `${what}: place`,
      sameFirst,
      JSON.stringify(wanted),
      sameFirst === JSON.stringify(wanted),
    );
  }
}
