/** One entry of a TensorBoard event file (`tensorboard/compat/proto/event.proto`). */
export interface EventRecord {
  /** Seconds since 1970. */
  wallTime: number;
  /** The step that it is of. @default 0 */
  step?: number;
  /** What a file begins with: `brain.Event:2`. */
  fileVersion?: string;
  /** Scalars by tag. */
  scalars?: Record<string, number>;
  /** That writing begins (again) at `step`: what the folder's files say of it and later is void. */
  start?: boolean;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C of the bytes, rotated and moved as TFRecord files have it (`tensorflow/core/lib/hash/crc32c.h`). */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

const bytesOf = (size: number, write: (view: DataView) => void): number[] => {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return Array.from(bytes);
};

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); bytes.push(Number(rest & 0x7fn)), rest >>= 7n;) {
    bytes[bytes.length - 1] |= 0x80;
  }
  return bytes;
}

/** A field of known length: its number and type, its length, its bytes. */
const message = (field: number, bytes: number[]) => [field << 3 | 2, ...varint(bytes.length), ...bytes];
const text = (field: number, value: string) => message(field, Array.from(new TextEncoder().encode(value)));
const float = (field: number, value: number) => [
  field << 3 | 5,
  ...bytesOf(4, (view) => view.setFloat32(0, value, true)),
];

/** An event as protocol buffer: wall_time 1, step 2, file_version 3, summary 5, session_log 7. */
function encoded({ wallTime, step = 0, fileVersion, scalars, start }: EventRecord): Uint8Array {
  const values = Object.entries(scalars ?? {}).flatMap(([tag, value]) =>
    message(1, [...text(1, tag), ...float(2, value)]) // Summary.value: tag 1, simple_value 2
  );
  return Uint8Array.from([
    1 << 3 | 1,
    ...bytesOf(8, (view) => view.setFloat64(0, wallTime, true)),
    2 << 3,
    ...varint(step),
    ...fileVersion ? text(3, fileVersion) : [],
    ...scalars ? message(5, values) : [],
    ...start ? message(7, [1 << 3, 1]) : [], // SessionLog.status 1: START
  ]);
}

/**
 * An event as a record of a TFRecord file: its length (uint64, little-endian), the length's masked CRC, the event, the event's masked CRC.
 *
 * npm has no writer to take: `@tensorflow/tfjs-node` writes such files by TensorFlow's own binary of some 500 MB, and nothing else is kept up.
 */
export function eventRecord(event: EventRecord): Uint8Array {
  const data = encoded(event),
    length = Uint8Array.from(
      bytesOf(8, (view) => view.setBigUint64(0, BigInt(data.length), true)),
    );
  const crc = (bytes: Uint8Array) => bytesOf(4, (view) => view.setUint32(0, maskedCrc(bytes), true));
  return Uint8Array.from([...length, ...crc(length), ...data, ...crc(data)]);
}
