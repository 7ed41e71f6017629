import type { Zyx } from "../geometry/vectors.ts";
import { CanvasSession } from "../viewers/canvas_session.ts";
import { FloodSource } from "../viewers/flood_source.ts";
import { listen, randomToken } from "../viewers/listen.ts";
import { bundlePage } from "../viewers/page_bundle.ts";
import { describeServed, type ServedVolume, volumeHandler } from "../viewers/served_volume.ts";
import type { FloodDescription, ViewDescription } from "../viewers/view_description.ts";
import { UnfinishedSeeds } from "../viewers/unfinished_seeds.ts";
import { viewHandler } from "../viewers/view_server.ts";
import { openCoarserLevels } from "../volumes/coarser_levels.ts";
import { open } from "../volumes/open.ts";
import { spatialSize } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { openLabels } from "./open_labels.ts";
import { readRequestFile } from "./read_request.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";

/** The options of `ffn view`. */
export interface ViewOptions {
  readonly volume: string;
  readonly labels?: string;
  readonly request?: string;
  readonly output: string;
  readonly backend: FloodDescription["backend"];
  /** `Z,Y,X` in nanometres. */
  readonly voxelSize?: string;
  readonly host: string;
  readonly port: number;
}

/** A page that is being served; disposing it saves what was accepted and ends that. */
export interface RunningView extends AsyncDisposable {
  /** Address of the page, its token included. */
  readonly url: string;
}

/** Voxels of what says nothing else. */
const DEFAULT_VOXEL_NM: Zyx = [8, 8, 8];

/** Opens the volumes and serves the page; voxels are read when the page asks for them. */
export async function startView(
  options: ViewOptions,
  context: Pick<Context, "note">,
): Promise<RunningView> {
  await using resources = new AsyncDisposableStack();
  const volume = resources.use(await open(options.volume));
  const voxelSizeNm = parseVoxelSize(options.voxelSize) ?? volume.voxelSizeNm ?? DEFAULT_VOXEL_NM;
  const place = { offset: volume.offset ?? [0, 0, 0] as const, voxelSizeNm };
  const image: ServedVolume = {
    ...{ volume, type: "image", ...place },
    coarser: await openCoarserLevels(volume, resources, context.note),
  };
  const volumes = new Map<string, ServedVolume>([["image", image]]);
  if (options.labels !== undefined) {
    const { volume, box } = resources.use(await openLabels(options.labels, context.note));
    volumes.set("labels", {
      ...{ volume, type: "segmentation", offset: box.start, voxelSizeNm },
      coarser: await openCoarserLevels(volume, resources, context.note),
    });
  }
  const listeners = new Set<(event: string) => void>();
  const flood = await openFlood(options, spatialSize(volume), resources, (event) => {
    for (const listener of listeners) listener(event);
  });
  const labels = volumes.get("labels");
  const view: ViewDescription = {
    title: options.volume,
    image: describeServed("image", image),
    labels: labels === undefined ? null : describeServed("labels", labels),
    voxelSizeNm,
    flood: flood && flood.source.describe(options.backend, options.output),
  };
  const token = randomToken();
  // It takes a moment, in which the address is printed and a browser opens.
  const scripts = bundlePage();
  resources.defer(() => scripts.then(() => {}, () => {}));
  const handle = viewHandler(token, {
    ...{ view, scripts, flood },
    volumes: volumeHandler(volumes, `/${token}/data/`),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  const server = resources.use(listen(options, token, handle));
  const opened = resources.move();
  return {
    url: `${server.origin}/${token}/`,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** What growing objects needs; null without a request. */
async function openFlood(
  { volume, request: path, output }: ViewOptions,
  size: Zyx,
  resources: AsyncDisposableStack,
  onChange: (event: string) => void,
) {
  if (path === undefined) return null;
  const request = await readRequestFile(path);
  const source = resources.use(await FloodSource.open(request, volume, size));
  const session = resources.use(
    await CanvasSession.open({
      ...{ folder: output, size, request: request.message, onChange },
      baseLabels: (canvas) => source.baseLabels(canvas),
    }),
  );
  return { source, session, unfinished: await UnfinishedSeeds.open(output, size) };
}
