/** Castagnoli polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

/** Added after the rotation by TensorFlow, so that a checksum of data that holds checksums stays meaningful. */
const MASK_DELTA = 0xa282ead8;

/** `TABLES[256·k + b]`: effect of byte `b` followed by `k` zero bytes; eight tables let eight bytes go at once. */
const TABLES = new Uint32Array(8 * 256);
for (let b = 0; b < 256; b++) {
  let crc = b;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  TABLES[b] = crc;
}
for (let i = 256; i < TABLES.length; i++) {
  const shorter = TABLES[i - 256];
  TABLES[i] = (shorter >>> 8) ^ TABLES[shorter & 0xff];
}

/**
 * CRC-32C of `bytes`, unsigned. `previous` is the checksum of the bytes before them, so that long data can be summed in
 * pieces.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const t = TABLES;
  const wholeEnd = bytes.length - bytes.length % 8;
  let crc = ~previous;
  let i = 0;
  for (; i < wholeEnd; i += 8) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc = t[1792 + (crc & 0xff)] ^ t[1536 + ((crc >>> 8) & 0xff)] ^
      t[1280 + ((crc >>> 16) & 0xff)] ^ t[1024 + (crc >>> 24)] ^
      t[768 + bytes[i + 4]] ^ t[512 + bytes[i + 5]] ^ t[256 + bytes[i + 6]] ^ t[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

/** The form in which TensorFlow stores a checksum. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** Inverse of `maskCrc`. */
export function unmaskCrc(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
