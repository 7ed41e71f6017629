import { join } from "node:path";
import { encodePng } from "../formats/png.ts";
import type { Box } from "../geometry/box.ts";
import { spatialSize, wholeBox } from "../volumes/volume.ts";
import { open } from "../volumes/open.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import {
  type OrthogonalPlanes,
  paintLabels,
  readOrthogonalPlanes,
} from "../viewers/orthogonal_planes.ts";
import { describeLabels, type OpenLabels } from "./open_labels.ts";

/** What a report is made of. */
export interface Report {
  /** The tables, as text. */
  readonly text: string;
  /** Everything that was measured, as JSON. */
  readonly json: string;
  /** By name: the segmentation and, where there is one, the truth. */
  readonly labels: Readonly<Record<string, OpenLabels>>;
  /** Image to paint the labels over; its origin is that of the coordinates of the labels. */
  readonly image?: string;
}

/**
 * Writes `report.md` with a picture of each labelling, three slices through its middle, and `report.json`.
 *
 * @returns Path of the report.
 */
export async function writeReport(folder: string, report: Report): Promise<string> {
  const sections: string[] = [];
  for (const [name, labels] of Object.entries(report.labels)) {
    const { volume } = labels;
    const planes = await readOrthogonalPlanes((box) => volume.read(box), wholeBox(volume));
    const place: Box = { start: labels.box.start, size: spatialSize(volume) };
    const picture = paintLabels(await imagePlanes(report.image, place, planes), planes);
    await writeFileAtomically(
      join(folder, `${name}.png`),
      encodePng({ ...picture, channels: 3 }),
    );
    sections.push(`## ${name}\n\n${describeLabels(labels)}\n\n![${name}](${name}.png)\n`);
  }
  const text = `# Evaluation\n\n\`\`\`\n${report.text}\n\`\`\`\n\n${sections.join("\n")}`;
  const encoder = new TextEncoder();
  await writeFileAtomically(join(folder, "report.json"), encoder.encode(`${report.json}\n`));
  const path = join(folder, "report.md");
  await writeFileAtomically(path, encoder.encode(text));
  return path;
}

/** Planes of the image at the place of labels; of even grey without an image. */
async function imagePlanes(
  image: string | undefined,
  place: Box,
  like: OrthogonalPlanes,
): Promise<OrthogonalPlanes> {
  if (image === undefined) {
    const grey = (plane: OrthogonalPlanes["yx"]) => ({
      ...{ height: plane.height, width: plane.width },
      data: new Uint8Array(plane.height * plane.width).fill(128),
    });
    return { yx: grey(like.yx), zx: grey(like.zx), zy: grey(like.zy) };
  }
  await using volume = await open(image);
  return await readOrthogonalPlanes((box) => volume.read(box), place);
}
