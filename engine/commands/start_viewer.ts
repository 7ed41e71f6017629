import { basename } from "node:path";
import { UnsupportedError, UsageError } from "../errors/errors.ts";
import type { JsonObject } from "../formats/json_document.ts";
import { addZyx, type Zyx } from "../geometry/vectors.ts";
import { zyxOf } from "../formats/protobuf/requests.ts";
import { readResegmentationRequest } from "../resegmentation/request.ts";
import { listSegmentations } from "../segmentation/subvolume_paths.ts";
import { middleOf } from "../viewers/orthogonal_planes.ts";
import { centreOf } from "../viewers/plane_pictures.ts";
import { isAnnotationFolder } from "../viewers/point_annotations.ts";
import { parseReviewItems, ReviewList } from "../viewers/proofreading/review_list.ts";
import { listen, randomToken } from "../viewers/listen.ts";
import { type ServedVolume, volumeHandler } from "../viewers/served_volume.ts";
import { checkClient, clientHandler, fileAt } from "../viewers/neuroglancer_client.ts";
import { ServedMeshes } from "../viewers/served_meshes.ts";
import { storedMeshes } from "../viewers/stored_meshes.ts";
import {
  PUBLIC_VIEWER,
  type ViewerPoint,
  viewerState,
  viewerUrl,
} from "../viewers/viewer_state.ts";
import { openCoarserLevels } from "../volumes/coarser_levels.ts";
import { isVolumeFolder, open } from "../volumes/open.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { openLabels } from "./open_labels.ts";
import { readTextFile } from "./read_request.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";

/** The options of `ffn ngvis`. */
export interface ViewerOptions {
  readonly raw?: string;
  readonly labels?: readonly string[];
  readonly names?: readonly string[];
  /** `Z,Y,X` in nanometres. */
  readonly voxelSize?: string;
  /** `Z,Y,X` */
  readonly center?: string;
  /** File with the objects to go through, and which of them are shown. */
  readonly review?: string;
  readonly index?: number;
  readonly batch?: number;
  readonly host: string;
  readonly port: number;
  /** Where the viewer's page comes from: an address, or the folder of a built client that is served with the volumes. */
  readonly client?: string;
  /** File with a resegmentation request, or a folder of annotations, whose points are shown. */
  readonly points?: string;
}

/** A viewer that is being served; disposing it ends that. */
export interface RunningViewer extends AsyncDisposable {
  readonly state: JsonObject;
  readonly url: string;
}

/** Voxels of what says nothing else. */
const DEFAULT_VOXEL_NM: Zyx = [8, 8, 8];

/** The served client shows all that it has. */
const CLIENT_CONFIG = { showUIControls: true, showPanelBorders: true };

/** Opens the volumes and serves them; what the browser asks for is read then, nothing before. */
export async function startViewer(
  options: ViewerOptions,
  context: Pick<Context, "note">,
): Promise<RunningViewer> {
  const { raw, host, port, client = PUBLIC_VIEWER } = options;
  const isServed = !/^https?:/.test(client);
  if (isServed) await checkClient(client);
  const voxelSize = parseVoxelSize(options.voxelSize);
  const specs = await labelSpecs(options.labels ?? []);
  const names = options.names ?? specs.map(nameOf);
  if (raw === undefined && specs.length === 0) {
    throw new UsageError("Cannot show anything: give --raw, --labels or both");
  }
  if (names.length !== specs.length) {
    throw new UsageError(
      `Cannot name ${specs.length} volumes of labels: --names has ${names.length}`,
    );
  }
  const shown = options.review === undefined ? null : await reviewOf(options.review, options);
  if (shown !== null && specs.length === 0) {
    throw new UsageError("Cannot show the objects of --review without --labels");
  }
  await using resources = new AsyncDisposableStack();
  const volumes = new Map<string, ServedVolume>();
  if (raw !== undefined) {
    const volume = resources.use(await open(raw));
    const voxelSizeNm = voxelSize ?? volume.voxelSizeNm ?? DEFAULT_VOXEL_NM;
    volumes.set("raw", {
      ...{ volume, type: "image", offset: volume.offset ?? [0, 0, 0], voxelSizeNm },
      coarser: await openCoarserLevels(volume, resources, context.note),
    });
  }
  const image = volumes.get("raw");
  for (const [i, spec] of specs.entries()) {
    const { volume, box } = resources.use(await openLabels(spec, context.note));
    const voxelSizeNm = voxelSize ?? image?.voxelSizeNm ?? volume.voxelSizeNm ?? DEFAULT_VOXEL_NM;
    volumes.set(free(names[i], volumes), {
      ...{ volume, type: "segmentation", offset: box.start, voxelSizeNm },
      coarser: await openCoarserLevels(volume, resources, context.note),
      meshes: await meshesOf(spec, volume, { voxelSizeNm, offset: box.start }),
    });
  }
  for (const { volume } of volumes.values()) {
    if (volume.dtype !== "float16") continue;
    throw new UnsupportedError(
      `Cannot show "${volume.spec}": the viewer knows no float16, convert it to float32`,
    );
  }
  const [first] = volumes.values();
  const size = spatialSize(first.volume);
  const position = options.center === undefined
    ? shown?.location ?? addZyx(first.offset, middleOf(size))
    : centreOf(options.center, size);
  const judged = await judgedPairs(options.points, (name) => free(name, volumes));
  const points = options.points === undefined || judged !== null
    ? []
    : await pointsOf(options.points, requestOrigin(volumes));
  const token = randomToken();
  const stop = new AbortController();
  const answerVolume = volumeHandler(volumes, `/${token}/`);
  const answer = (request: Request) => {
    const { pathname } = new URL(request.url);
    const prefix = `/${token}/${judged?.path}/`;
    return judged !== null && pathname.startsWith(prefix)
      ? fileAt(judged.folder, decodeURIComponent(pathname.slice(prefix.length)), request)
      : answerVolume(request);
  };
  // The state holds the address, which the port belongs to; nobody asks for it before it is there.
  const viewer = clientHandler(client, CLIENT_CONFIG, () => state, stop.signal);
  const { origin } = resources.use(
    listen(
      { host, port },
      token,
      async (request) => (isServed ? await viewer(request) : null) ?? await answer(request),
    ),
  );
  resources.defer(() => stop.abort());
  const state: JsonObject = viewerState({
    ...{ points, voxelSizeNm: first.voxelSizeNm, position },
    annotations: judged && {
      name: judged.name,
      source: `precomputed://${origin}/${token}/${judged.path}`,
      segmentation: [...volumes].find(([, { type }]) => type === "segmentation")?.[0] ?? null,
    },
    layers: [...volumes].map(([name, { type }], i) => ({
      ...{ name, type, source: `precomputed://${origin}/${token}/${encodeURIComponent(name)}` },
      // The image and the first labels; others wait for a click.
      isVisible: type === "image" || i === (image ? 1 : 0),
      ...(type === "segmentation" && shown !== null ? { segments: shown.shown } : {}),
    })),
  });
  const opened = resources.move();
  return {
    state,
    url: isServed ? `${origin}/v/${token}/` : viewerUrl(state, client),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Serves until it is told to stop; prints the address, or the state. */
export async function serveViewer(
  options: ViewerOptions,
  printsState: boolean,
  context: Pick<Context, "note" | "print" | "signal">,
): Promise<void> {
  await using viewer = await startViewer(options, context);
  context.print(printsState ? JSON.stringify(viewer.state) : viewer.url);
  await untilStopped(context);
}

/** Waits for Ctrl-C. */
export async function untilStopped(
  { note, signal }: Pick<Context, "note" | "signal">,
): Promise<void> {
  note("Serving until Ctrl-C");
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

/** A request counts voxels from the corner of the labels that it was made for: the first ones, or of the image. */
function requestOrigin(volumes: ReadonlyMap<string, ServedVolume>): Zyx {
  const [first, ...others] = volumes.values();
  return (first.type === "segmentation" ? first : others[0] ?? first).offset;
}

/** Places of a resegmentation request that counts from `origin`, with the objects that they are about. */
async function pointsOf(path: string, origin: Zyx): Promise<ViewerPoint[]> {
  const { points = [] } = await readResegmentationRequest(path);
  return points.map(({ idA, idB, point }) => ({
    position: addZyx(origin, zyxOf(point ?? {}, "point")),
    description: idB === undefined ? `end of ${idA}` : `${idA} and ${idB}: one object?`,
  }));
}

/** The meshes that lie beside labels, else some that are made on demand where that does not take too long. */
async function meshesOf(spec: string, volume: Volume, place: { voxelSizeNm: Zyx; offset: Zyx }) {
  const stored = await storedMeshes(spec);
  // Those are where the volume itself says that its voxels are.
  if (stored !== null && `${volume.voxelSizeNm}` === `${place.voxelSizeNm}`) return stored;
  return ServedMeshes.fits(volume) ? new ServedMeshes(volume, place) : undefined;
}

/** A folder of annotations, and what its layer is called; null where no such folder is meant. */
async function judgedPairs(folder: string | undefined, freeName: (name: string) => string) {
  if (folder === undefined || !await isAnnotationFolder(folder)) return null;
  const name = freeName("points");
  return { folder, name, path: encodeURIComponent(name) };
}

/** The list of a file, at what is to be shown of it. */
async function reviewOf(path: string, { index, batch }: ViewerOptions) {
  return new ReviewList(parseReviewItems(await readTextFile("review", path), path), {
    index,
    batch,
  });
}

/** A folder of results stands for all of its segmentations. */
async function labelSpecs(specs: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(specs.map(async (spec) => {
    const stat = await Deno.stat(spec).catch(() => null);
    if (!stat?.isDirectory || await isVolumeFolder(spec)) return [spec];
    const found = await listSegmentations(spec);
    return found.length === 0 ? [spec] : found.map(({ path }) => path);
  }));
  return lists.flat();
}

/** The file name without its ending, as in `volume` for `out/volume.h5:seg`. */
function nameOf(spec: string): string {
  return basename(spec).replace(/\.(h5|hdf5|npz|npy|zarr|n5)(?=$|[:[])/, "").replace(/[:[].*$/, "");
}

/** The name, with a number behind it where it is taken. */
function free(name: string, taken: ReadonlyMap<string, unknown>): string {
  if (!taken.has(name)) return name;
  for (let i = 2;; i++) if (!taken.has(`${name} ${i}`)) return `${name} ${i}`;
}
