/**
 * Neuroglancer's own client shows what `ffn convert` and `ffn run-consensus` write: pictures of one section, in which every
 * pixel must have the colour of its voxel, one of the meshes, and one of all panels to be looked at. Needs python3 and libnss3;
 * downloads the client and a browser on the first run.
 */
import { dirname, join } from "node:path";
import { decode } from "npm:fast-png@8.0.0";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { startViewer } from "../../engine/commands/start_viewer.ts";
import { mapZyx, type Zyx } from "../../engine/geometry/vectors.ts";
import { writeResegmentationRequest } from "../../engine/resegmentation/request.ts";
import { writePointAnnotations } from "../../engine/viewers/point_annotations.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { type Picture, takePictures } from "../support/chromium.ts";
import { ffn } from "../support/cli.ts";
import { scrambledPart, writeSubvolume } from "../support/inference_results.ts";
import { serveNeuroglancer } from "../support/neuroglancer_server.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "Neuroglancer's own client shows our exports, each voxel in its place";

/** The built client needs nothing of its package. */
const CLIENT = ["--no-deps", "neuroglancer==2.41.2"];
const CLIENT_FOLDER =
  `import importlib.util as u; print(u.find_spec("neuroglancer").submodule_search_locations[0])`;

/** Rows and sections that end within chunks. */
const SIZE: Zyx = [70, 130, 250];
const CROP = "[0:70, 10:140]";
/** Of the first voxel, and edges in nanometres. */
const OFFSET: Zyx = [4, 20, 100];
const VOXEL: Zyx = [8, 8, 10];

/** The section that is shown, relative to the volume, and how many nanometres a pixel is wide. */
const SECTION = 31;
const PIXEL_NM = 2;
const [WIDTH, HEIGHT] = [1200, 500];
/** Rows of pixels that buttons of the client may cover. */
const BUTTONS = 70;
/** Share of the labels' colour. */
const ALPHA = 0.5;

export async function run(context: AcceptanceContext): Promise<void> {
  const { fib25, folder, check } = context;
  const { image, labels } = await exportVolumes(fib25, folder);
  const cache = join(cacheFolder() ?? folder, "browsers");
  const python = await pythonWith(CLIENT);
  const client = (await runProgram(python, ["-c", CLIENT_FOLDER])).trim();
  await using server = serveNeuroglancer(join(client, "static", "client"), folder);
  const ids = [...new Set(labels)].filter((id) => id !== 0);
  const sourcesOf = (scheme: string, em: string, seg: string) => ({
    em: `${scheme}://${server.data}/${em}`,
    seg: `${scheme}://${server.data}/${seg}`,
  });
  const precomputed = sourcesOf("precomputed", "em", "meshed");
  const zarr = sourcesOf("zarr", "em.zarr", "seg.zarr");
  const shot = ({ em, seg }: typeof zarr, layout: string) => ({
    url: server.show(viewerState(em, seg, ids, layout)),
    ...(layout === "xy" ? { width: WIDTH, height: HEIGHT } : { width: 700, height: 700 }),
    isReady: "globalThis.viewer?.layerManager.managedLayers.length === 2 && viewer.isReady()",
    measure: `JSON.stringify(document.querySelector(".neuroglancer-rendered-data-panel")
      .getBoundingClientRect())`,
  });
  const shots = [
    shot(precomputed, "xy"),
    shot(zarr, "xy"),
    shot(precomputed, "3d"),
    shot(zarr, "4panel"),
  ];
  const [first, second, meshes, panels] = await takePictures(shots, cache);
  for (const [kind, section] of [["precomputed", first], ["Zarr", second]] as const) {
    const { same, compared, objects } = compareSection(section, image, labels);
    check(
      `${kind}: pixels of ${compared} with the colour of their voxel`,
      same,
      "all",
      compared > 10_000 && same === compared,
    );
    check(`${kind}: labels in the picture`, objects, ">= 10", objects >= 10);
    await keep(section, `${kind}_section`, context);
  }
  await checkMeshes(meshes, ids, context);
  await keep(panels, "panels", context);
  await checkServed(join(client, "static", "client"), ids, context);
}

/** What `ffn view --neuroglancer` serves with the same client: image, labels, meshes made on demand, and points of either kind. */
async function checkServed(client: string, ids: readonly number[], context: AcceptanceContext) {
  const { folder, check } = context;
  const of = (name: string) => join(folder, name);
  await Deno.writeTextFile(of("review.txt"), ids.map((id) => `${id}\n`).join(""));
  const position = mapZyx(Math.floor, centre());
  const [z, y, x] = position.map(BigInt);
  await writeResegmentationRequest(of("points.pbtxt"), {
    points: [{ idA: 1n, point: { z, y, x } }],
  });
  const asked = await picturePoints(client, "points.pbtxt", ids, context);
  check(
    "ffn view --neuroglancer: coloured pixels",
    asked.coloured,
    "> 10000",
    asked.coloured > 10_000,
  );
  // The most that speaks for a pair is green.
  await writePointAnnotations(of("judged"), [{ position, objects: [1n, 2n], score: 1 }], {
    voxelSizeNm: VOXEL,
  });
  const judged = await picturePoints(client, "judged", ids, context);
  check(
    "  pixels of a judged pair, and where there is none",
    `${judged.green}, ${asked.green}`,
    ">= 50, 0",
    judged.green >= 50 && asked.green === 0,
  );
}

/** Pixels of the colour of any label, and of the highest score, in a picture with the points of a file or folder. */
async function picturePoints(
  client: string,
  points: string,
  ids: readonly number[],
  context: AcceptanceContext,
) {
  const { folder } = context;
  const of = (name: string) => join(folder, name);
  await using viewer = await startViewer({
    ...{ raw: of("em"), labels: [of("seg")], client, host: "127.0.0.1", port: 0 },
    ...{ review: of("review.txt"), batch: ids.length, points: of(points) },
    voxelSize: VOXEL.join(","),
  }, { note: () => {} });
  const [picture] = await takePictures([{
    ...{ url: viewer.url, width: 1000, height: 800, measure: "0" },
    isReady: "globalThis.viewer?.layerManager.managedLayers.length === 3 && viewer.isReady()",
  }], join(cacheFolder() ?? folder, "browsers"));
  const { data, channels } = decode(picture.png);
  let coloured = 0, green = 0;
  for (let at = 0; at < data.length; at += channels) {
    const pixel = [data[at], data[at + 1], data[at + 2]];
    if (Math.max(...pixel) - Math.min(...pixel) > 40) coloured++;
    if (pixel[1] > 250 && Math.abs(pixel[0] - 38) < 5 && Math.abs(pixel[2] - 38) < 5) green++;
  }
  await keep(picture, `ffn_view_${points.split(".")[0]}`, context);
  return { coloured, green };
}

/** The 3-d view: everything that is not background is a label's colour in more or less light. */
async function checkMeshes(meshes: Picture, ids: readonly number[], context: AcceptanceContext) {
  const { data, channels } = decode(meshes.png);
  let painted = 0, known = 0;
  const seen = new Set<number>();
  const colours = ids.map(colourOf);
  for (let at = 0; at < data.length; at += channels) {
    const pixel = [data[at], data[at + 1], data[at + 2]];
    const most = Math.max(...pixel);
    if (most < 64) continue;
    painted++;
    const found = colours.findIndex((colour) => {
      const light = most / Math.max(...colour);
      return colour.every((c, i) => Math.abs(c * light - pixel[i]) <= 4);
    });
    if (found < 0) continue;
    known++;
    seen.add(found);
  }
  const { check } = context;
  const share = known / painted;
  check("meshes: pixels that are painted", painted, "> 50000", painted > 50_000);
  check("  with the colour of a label", share.toFixed(4), ">= 0.9", share >= 0.9);
  check("  labels seen", seen.size, ">= 20", seen.size >= 20);
  await keep(meshes, "meshes", context);
}

/** Keeps a picture for somebody to look at. */
async function keep({ png }: Picture, name: string, { folder, print }: AcceptanceContext) {
  const path = join(cacheFolder() ?? folder, "acceptance", `neuroglancer_${name}.png`);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, png);
  print(`picture: ${path}`);
}

/** Writes image and combined labels as both kinds; returns their voxels `[z, y, x]`. */
async function exportVolumes(fib25: string, folder: string) {
  const command = async (...args: string[]) => {
    const { code, stderr } = await ffn(...args, "--quiet");
    if (code !== 0) throw new Error(stderr);
  };
  const data = join(fib25, "training_sample2");
  const voxelSize = ["--voxel-size", VOXEL.join(",")];
  for (const target of ["em:precomputed", "em.zarr"]) {
    const place = [...voxelSize, "--offset", OFFSET.join(",")];
    await command(
      "convert",
      `${data}/grayscale_maps.h5:raw${CROP}`,
      join(folder, target),
      ...place,
    );
  }
  const truth = Uint32Array.from(await readAll(`${data}/groundtruth.h5:stack${CROP}`), Number);
  const dir = join(folder, "inference");
  for (const [i, [from, width]] of [[0, 140], [110, 140]].entries()) {
    const part = scrambledPart(truth, SIZE, { start: [0, 0, from], size: [70, 130, width] }, i);
    const start: Zyx = [OFFSET[0], OFFSET[1], OFFSET[2] + from];
    await writeSubvolume(dir, { start, size: [70, 130, width] }, part);
  }
  for (const target of ["seg:precomputed", "seg.zarr"]) {
    const path = join(folder, target);
    await command("run-consensus", path, "--segmentation-dirs", dir, ...voxelSize);
  }
  await command("convert", join(folder, "seg"), join(folder, "meshed:precomputed"), "--meshes");
  const image = Array.from(await readAll(join(folder, "em")), Number);
  const labels = Array.from(await readAll(join(folder, "seg")), Number);
  return { image, labels };
}

async function readAll(spec: string): Promise<ArrayLike<number | bigint>> {
  await using volume = await open(spec);
  return await volume.read(wholeBox(volume));
}

/** The state of a viewer that looks at the middle of {@linkcode SECTION}. Its vectors are xyz. */
function viewerState(em: string, seg: string, ids: readonly number[], layout: string) {
  const meter = (axis: number) => [VOXEL[axis] * 1e-9, "m"];
  return {
    dimensions: { x: meter(2), y: meter(1), z: meter(0) },
    position: centre().toReversed(),
    crossSectionScale: PIXEL_NM / Math.min(...VOXEL),
    projectionScale: 420,
    projectionOrientation: [0.2, 0.25, 0.05, 0.95],
    showSlices: false,
    showAxisLines: false,
    showScaleBar: false,
    layout,
    layers: [
      { type: "image", name: "em", source: em },
      {
        ...{ type: "segmentation", name: "seg", source: seg, segments: ids.map(String) },
        ...{ selectedAlpha: ALPHA, notSelectedAlpha: 0 },
        segmentColors: Object.fromEntries(ids.map((id) => [
          id,
          `#${colourOf(id).map((c) => c.toString(16).padStart(2, "0")).join("")}`,
        ])),
      },
    ],
  };
}

/** In voxels of the data set, zyx; between two voxels along y and x, in the middle of one along z. */
function centre(): Zyx {
  return [OFFSET[0] + SECTION + 0.5, OFFSET[1] + SIZE[1] / 2, OFFSET[2] + SIZE[2] / 2];
}

/** Red, green and blue that differ from grey and from label to label. */
function colourOf(id: number): number[] {
  const byte = (n: number) => (Math.imul(id + 1, 0x9e3779b1) >>> n) & 0xff;
  return [byte(0) | 0x80, byte(8), byte(16) & 0x7f];
}

/** Compares the pixels in the middle of voxels with what image and label say. */
function compareSection(
  { png, measured }: Picture,
  image: readonly number[],
  labels: readonly number[],
) {
  const picture = decode(png);
  const panel = JSON.parse(String(measured));
  const [, cy, cx] = centre();
  let same = 0, compared = 0;
  const seen = new Set<number>();
  for (let y = 0; y < SIZE[1]; y++) {
    for (let x = 0; x < SIZE[2]; x++) {
      const place = (voxel: number, offset: number, middle: number, edge: number) =>
        Math.floor((voxel + 0.5 + offset - middle) * edge / PIXEL_NM);
      const column = panel.x + panel.width / 2 + place(x, OFFSET[2], cx, VOXEL[2]);
      const row = panel.y + panel.height / 2 + place(y, OFFSET[1], cy, VOXEL[1]);
      if (column < panel.left + 2 || column > panel.right - 2) continue;
      if (row < panel.top + BUTTONS || row > panel.bottom - 2) continue;
      const at = (SECTION * SIZE[1] + y) * SIZE[2] + x;
      const pixel = (Math.floor(row) * picture.width + Math.floor(column)) * picture.channels;
      const isRight = [0, 1, 2].every((channel) => {
        const colour = colourOf(labels[at])[channel];
        const wanted = labels[at] === 0 ? image[at] : ALPHA * colour + (1 - ALPHA) * image[at];
        return Math.abs(picture.data[pixel + channel] - wanted) <= 2;
      });
      compared++;
      if (isRight) same++;
      seen.add(labels[at]);
    }
  }
  return { same, compared, objects: seen.size };
}
