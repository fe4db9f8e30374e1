// Protocol Buffers by table: a message type is a table of its fields, and one reader and one writer serve every
// type. A decoded message looks as protojson writes it (camelCase names, enums by name, default values left out),
// so that the rest of the page need not know in which of the two encodings a message came. One difference: 64-bit
// integers are numbers, which are exact up to 2^53.
//
// A table maps a field number to [name, type, shape]. The type is 'uint', 'bool', 'string' or 'bytes', an array of
// names for an enum, or another table for a message. The shape is absent, 'repeated' or 'map' (string to string).

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const utf8 = { encode: (text) => new TextEncoder().encode(text), decode: (bytes) => new TextDecoder().decode(bytes) };

// Throws RangeError when the bytes end inside a field or hold a wire type that has no length.
export function decode(table, bytes) {
  const message = {};
  const reader = new Reader(bytes);
  while (!reader.atEnd()) {
    const key = reader.varint();
    const value = reader.value(key & 7);
    const field = table[key >>> 3];
    if (field) assign(message, field, value);
  }
  return message;
}

export function encode(table, message) {
  const out = [];
  for (const [number, [name, type, shape]] of Object.entries(table)) {
    if (message[name] === undefined) continue;
    for (const value of listed(message[name], shape)) writeField(out, Number(number), type, shape, value);
  }
  return Uint8Array.from(out);
}

class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  atEnd() {
    return this.#at >= this.#bytes.length;
  }

  varint() {
    let result = 0;
    // Multiplied instead of shifted: shifts work on 32 bits only.
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.#take(1)[0];
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
    }
    throw new RangeError('a varint is longer than ten bytes');
  }

  value(wireType) {
    switch (wireType) {
      case VARINT: return this.varint();
      case FIXED64: return this.#take(8);
      case LENGTH_DELIMITED: return this.#take(this.varint());
      case FIXED32: return this.#take(4);
      default: throw new RangeError(`wire type ${wireType} is unknown`);
    }
  }

  #take(length) {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a message ends inside a field');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function assign(message, [name, type, shape], raw) {
  if (shape === 'map') {
    const entry = decode({ 1: ['key', 'string'], 2: ['value', type] }, raw);
    message[name] ??= Object.create(null); // keys come from strangers: no prototype to reach
    message[name][entry.key ?? ''] = entry.value ?? '';
  } else if (shape === 'repeated') {
    (message[name] ??= []).push(parse(type, raw));
  } else {
    message[name] = parse(type, raw);
  }
}

function parse(type, raw) {
  if (Array.isArray(type)) return type[raw] ?? raw;
  switch (type) {
    case 'uint': return raw;
    case 'bool': return raw !== 0;
    case 'string': return utf8.decode(raw);
    case 'bytes': return raw;
    default: return decode(type, raw);
  }
}

function listed(value, shape) {
  if (shape === 'repeated') return value;
  return shape === 'map' ? Object.entries(value) : [value];
}

function writeField(out, number, type, shape, value) {
  if (shape === 'map') {
    const [key, mapped] = value;
    return writeBytes(out, number, encode({ 1: ['key', 'string'], 2: ['value', type] }, { key, value: mapped }));
  }
  if (type === 'string') return writeBytes(out, number, utf8.encode(value));
  if (type === 'bytes') return writeBytes(out, number, value);
  if (type === 'uint' || type === 'bool' || Array.isArray(type)) {
    writeVarint(out, number * 8 + VARINT);
    return writeVarint(out, Array.isArray(type) ? type.indexOf(value) : Number(value));
  }
  return writeBytes(out, number, encode(type, value));
}

function writeBytes(out, number, bytes) {
  writeVarint(out, number * 8 + LENGTH_DELIMITED);
  writeVarint(out, bytes.length);
  for (const byte of bytes) out.push(byte);
}

function writeVarint(out, value) {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
}
