import { UsageError } from "../errors/errors.ts";
import { encodePng } from "../formats/png.ts";
import {
  type OrthogonalPlanes,
  paintLabels,
  readOrthogonalPlanes,
  type RgbPicture,
} from "../viewers/orthogonal_planes.ts";
import {
  type Activation,
  centreOf,
  joinPlanes,
  signedColours,
  withCrossHair,
} from "../viewers/plane_pictures.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { open } from "../volumes/open.ts";
import { spatialSize, wholeBox } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { openLabels } from "./open_labels.ts";

/** The options of `ffn planes`. */
export interface PlanesOptions {
  readonly volume: string;
  readonly output: string;
  /** `Z,Y,X` */
  readonly center?: string;
  readonly labels?: string;
  readonly crossHair: boolean;
  readonly signed?: Activation;
}

/**
 * Reads the three planes, and nothing else of the volumes, and writes the picture.
 *
 * @throws {RangeError} when the centre is outside, or the labels have another size.
 */
export async function drawPlanes(
  { volume: spec, output, center, labels, crossHair, signed }: PlanesOptions,
  context: Pick<Context, "note" | "print">,
): Promise<void> {
  if (signed !== undefined && labels !== undefined) {
    throw new UsageError("Cannot draw planes: give --labels or --signed, not both");
  }
  await using image = await open(spec);
  const size = spatialSize(image);
  const centre = centreOf(center, size);
  const cut = await readOrthogonalPlanes((box) => image.read(box), wholeBox(image), centre);
  const planes = crossHair ? withCrossHair(cut, centre) : cut;
  let picture: RgbPicture;
  if (signed !== undefined) {
    const joined = joinPlanes(planes);
    const data = Uint8Array.from(signedColours(joined, signed), (part) => Math.round(255 * part));
    picture = { height: joined.height, width: joined.width, data };
  } else {
    picture = paintLabels(planes, labels === undefined ? blank(planes) : await cutLabels(labels));
  }
  await writeFileAtomically(output, encodePng({ ...picture, channels: 3 }));
  context.print(`"${output}": planes through zyx (${centre.join(", ")})`);

  async function cutLabels(labelSpec: string): Promise<OrthogonalPlanes> {
    await using opened = await openLabels(labelSpec, context.note);
    const other = spatialSize(opened.volume);
    if (other.some((n, axis) => n !== size[axis])) {
      throw new RangeError(
        `Cannot paint "${labelSpec}" over "${spec}": sizes zyx must be equal, current sizes are ` +
          `(${other.join(", ")}) and (${size.join(", ")})`,
      );
    }
    const { volume } = opened;
    return await readOrthogonalPlanes((box) => volume.read(box), wholeBox(volume), centre);
  }
}

/** Planes of the same sizes without labels. */
function blank({ yx, zx, zy }: OrthogonalPlanes): OrthogonalPlanes {
  const empty = ({ height, width }: OrthogonalPlanes["yx"]) => ({
    ...{ height, width, data: new Uint8Array(height * width) },
  });
  return { yx: empty(yx), zx: empty(zx), zy: empty(zy) };
}
