/** What a GGUF file of a test holds; a tensor's bytes are zeros. */
export interface GgufParts {
  metadata: Record<string, GgufTestValue>;
  tensors?: { name: string; shape: number[]; type: number; bytes: number }[];
  version?: number;
}

export type GgufTestValue = string | number | boolean | string[];

/** A GGUF file as bytes, written without the code under test. Numbers are u32. */
export function ggufBytes({ metadata, tensors = [], version = 3 }: GgufParts): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  const u32 = (value: number) => {
    for (let i = 0; i < 4; i++) bytes.push(value >>> 8 * i & 255);
  };
  const u64 = (value: number) => (u32(value), u32(0));
  const text = (value: string) => {
    const utf8 = new TextEncoder().encode(value);
    u64(utf8.length);
    bytes.push(...utf8);
  };
  const pad = () => {
    while (bytes.length % 32) bytes.push(0);
  };
  bytes.push(...new TextEncoder().encode("GGUF"));
  u32(version);
  u64(tensors.length);
  u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    text(key);
    if (typeof value === "string") u32(8), text(value);
    else if (typeof value === "boolean") u32(7), bytes.push(Number(value));
    else if (typeof value === "number") u32(4), u32(value);
    else {
      u32(9), u32(8), u64(value.length);
      value.forEach(text);
    }
  }
  let at = 0;
  for (const { name, shape, type, bytes: size } of tensors) {
    text(name);
    u32(shape.length);
    shape.toReversed().forEach(u64);
    u32(type);
    u64(at);
    at += Math.ceil(size / 32) * 32;
  }
  pad();
  for (const { bytes: size } of tensors) {
    for (let i = 0; i < size; i++) bytes.push(0);
    pad();
  }
  return new Uint8Array(bytes);
}
