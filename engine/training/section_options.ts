/** Which changes of sections and which rotations an example may get: `--augmentations`, an object of objects. */
import { didYouMean } from "../errors/suggest.ts";

/** A number's value where none is given, and its bounds. */
type Limits = readonly [fallback: number, min: number, max: number];

/** Probability of doing nothing. */
const SKIP: Limits = [0, 0, 1];
/** Up to this share of the sections, one at least. */
const SECTIONS: Limits = [0.1, 0, 1];

/** Every change with its numbers; the names are those of newer upstream. */
const FIELDS = {
  elastic_warp: {
    skip_ratio: SKIP,
    section_ratio: SECTIONS,
    /** Control points per pixel of an axis. */
    control_point_ratio: [0.1, 0, 1],
    /** Standard deviation of displacements, per pixel of the shorter side. */
    stdev_ratio: [0.01, 0, 1],
  },
  affine_transform: {
    skip_ratio: SKIP,
    section_ratio: SECTIONS,
    /** Largest angle in radians. */
    rotation_max: [0.05, 0, Math.PI],
    scale_max: [0.05, 0, 0.9],
    /** Largest angle in radians. */
    shear_max: [0.05, 0, 1],
  },
  misalignment: {
    skip_ratio: SKIP,
    /** Largest offset in pixels. */
    max_offset: [4, 0, 1000],
    /** Probability that one section slips, instead of everything after it. */
    slip_ratio: [0.5, 0, 1],
  },
  missing_section: {
    skip_ratio: SKIP,
    section_ratio: SECTIONS,
    /** Grey value; -1 draws one of 0 to 256. */
    fill_value: [-1, -1, 1e9],
  },
  out_of_focus_section: {
    skip_ratio: SKIP,
    section_ratio: SECTIONS,
    /** Largest standard deviation of the blur in pixels. */
    max_sigma: [3, 0, 100],
  },
  grayscale_perturb: {
    skip_ratio: SKIP,
    max_contrast_factor: [0.3, 0, 10],
    max_brightness_factor: [0.3, 0, 10],
  },
  rotation: {
    skip_ratio: SKIP,
    /** 2: about z; 3: in space. */
    dimensions: [2, 2, 3],
  },
} as const satisfies Record<string, Record<string, Limits>>;

/** Names of the changes. */
export type ChangeName = keyof typeof FIELDS;

/** Numbers of every change that is wanted. */
export type SectionOptions = {
  readonly [N in ChangeName]?: { readonly [F in keyof typeof FIELDS[N]]: number };
};

/**
 * Checks what `--augmentations` holds and fills in what is left out.
 *
 * @throws {TypeError | RangeError} naming the key, its value and what is allowed.
 */
export function readSectionOptions(json: unknown): SectionOptions {
  const options: Record<string, Record<string, number>> = {};
  for (const [name, given] of Object.entries(objectOf("--augmentations", json))) {
    const fields: Record<string, Limits> | undefined = Object.hasOwn(FIELDS, name)
      ? FIELDS[name as ChangeName]
      : undefined;
    if (!fields) {
      throw new RangeError(
        `Cannot use --augmentations: there is no "${name}"${
          didYouMean(name, Object.keys(FIELDS))
        }; there are ${Object.keys(FIELDS).join(", ")}`,
      );
    }
    const values = objectOf(`--augmentations "${name}"`, given);
    const unknown = Object.keys(values).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) {
      throw new RangeError(
        `Cannot use --augmentations: "${name}" has no "${unknown}"${
          didYouMean(unknown, Object.keys(fields))
        }; it has ${Object.keys(fields).join(", ")}`,
      );
    }
    options[name] = Object.fromEntries(
      Object.entries(fields).map(([key, [fallback, min, max]]) => {
        const value = values[key] ?? fallback;
        if (typeof value === "number" && value >= min && value <= max) return [key, value];
        throw new RangeError(
          `Cannot use --augmentations: "${name}.${key}" must be a number from ${min} to ${max}, current value is ${
            JSON.stringify(value)
          }`,
        );
      }),
    );
  }
  if (options.rotation && !Number.isInteger(options.rotation.dimensions)) {
    throw new RangeError(
      `Cannot use --augmentations: "rotation.dimensions" must be 2 or 3, current value is ${options.rotation.dimensions}`,
    );
  }
  if (options.misalignment && !Number.isInteger(options.misalignment.max_offset)) {
    throw new RangeError(
      `Cannot use --augmentations: "misalignment.max_offset" must be a whole number, current value is ${options.misalignment.max_offset}`,
    );
  }
  return options as SectionOptions;
}

function objectOf(what: string, json: unknown): Record<string, unknown> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new TypeError(
    `Cannot use ${what}: it must be a JSON object, current value is ${JSON.stringify(json)}`,
  );
}
