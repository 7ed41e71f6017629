/** Bytes, or the part of them that a request asks for: one range, as `bytes=first-last`, `first-` or `-count`. */
export function rangeResponse(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  given: HeadersInit,
): Response {
  const headers = new Headers(given);
  headers.set("accept-ranges", "bytes");
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
  // Other units and lists of ranges may be answered with everything.
  if (first === undefined || first + last === "") return new Response(bytes, { headers });
  const start = first === "" ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes.length : Math.min(bytes.length, Number(last) + 1);
  if (start >= end) {
    headers.set("content-range", `bytes */${bytes.length}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set("content-range", `bytes ${start}-${end - 1}/${bytes.length}`);
  return new Response(bytes.subarray(start, end), { status: 206, headers });
}
