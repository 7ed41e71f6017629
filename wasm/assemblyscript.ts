/** The AssemblyScript compiler: the one place that names the library. Only builds and benches need it. */
export { default as asc } from "npm:assemblyscript@0.28.20/asc";
