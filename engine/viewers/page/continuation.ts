import { toXyz, type Zyx } from "../../geometry/vectors.ts";
import type { AcceptedObject } from "../accepted_object.ts";
import { canvasWithCorner } from "../view_description.ts";

/**
 * The commands with which a run goes on from accepted objects, one for each canvas that has some.
 *
 * @param folder Where the objects are.
 * @param size Of the volume.
 */
export function continuationCommands(
  folder: string,
  size: Zyx,
  objects: readonly Pick<AcceptedObject, "corner">[],
): string[] {
  const command = `ffn run-inference --request ${folder}/request.pbtxt`;
  const corners = new Map(objects.map(({ corner }) => [corner.join(), corner]));
  return [...corners.values()].map((corner) => {
    const canvas = canvasWithCorner(size, corner)!;
    // A run takes the whole volume where nothing is said.
    if (`${canvas.size}` === `${size}`) return command;
    const text = (v: Zyx) => Object.entries(toXyz(v)).map(([axis, n]) => `${axis}: ${n}`).join(" ");
    return `${command} --bounding-box 'start { ${text(corner)} } size { ${text(canvas.size)} }'`;
  });
}
