/** Values for the top-level constants of a kernel: numbers and booleans for `const`, type names for `alias`. */
export type Constants = Readonly<Record<string, number | boolean | string>>;

/**
 * Replaces the values of top-level `const NAME: type = value;` and `alias Name = type;` declarations of a WGSL source.
 *
 * `override` constants would not do: WGSL does not allow them as the length of private arrays, and aliases have none.
 * A value of `f16` brings the directive that the type needs.
 *
 * @throws {RangeError} when the source declares no such name.
 */
export function specialize(source: string, constants: Constants): string {
  let text = source;
  for (const [name, value] of Object.entries(constants)) {
    const constant = new RegExp(`^(const ${name}\\s*:\\s*(\\w+)\\s*=)[^;]*;`, "m");
    const alias = new RegExp(`^(alias ${name}\\s*=)[^;]*;`, "m");
    const [pattern, literal] = constant.test(text)
      ? [constant, literalOf(value, constant.exec(text)![2])]
      : [alias, String(value)];
    if (!pattern.test(text)) {
      const names = [...source.matchAll(/^(?:const|alias) (\w+)/gm)].map((m) => m[1]);
      throw new RangeError(
        `Cannot set "${name}" in a kernel: it declares ${names.join(", ") || "no constants"}`,
      );
    }
    text = text.replace(pattern, (_, head) => `${head} ${literal};`);
  }
  return Object.values(constants).includes("f16") ? `enable f16;\n${text}` : text;
}

/** WGSL literal of a value for a constant of the given scalar type. */
function literalOf(value: number | boolean | string, type: string): string {
  if (type === "u32") return `${value}u`;
  if (type === "f32" && typeof value === "number") {
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }
  return String(value);
}
