import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../../../src/errors.ts';
import { readSafetensors, writeSafetensors } from '../../../src/interop/safetensors.ts';

/** A file with this header text, as many data bytes as wanted, and an honest length unless given. */
function makeFile(header: string | Uint8Array, dataBytes = 0, claimed?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

function entry(dtype: unknown, shape: unknown, offsets: unknown): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

const FOUR = entry('F32', [1], [0, 4]);

function nest(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

describe('readSafetensors on hostile files', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /the file has 0 bytes, expected at least 8/],
    ['seven bytes', new Uint8Array(7), /the file has 7 bytes, expected at least 8/],
    ['no header', makeFile(''), /starts with "", expected "\{"/],
    ['a header longer than the file', makeFile('{}', 0, 3n), /claims 3 bytes.*at most the 2/],
    [
      'a header over 100 MB',
      makeFile('{}', 0, 100_000_001n),
      /claims 100000001.*at most 100000000/,
    ],
    [
      'a header of 2^64 - 1 bytes',
      makeFile('{}', 0, 2n ** 64n - 1n),
      /claims 18446744073709551615/,
    ],
    ['text that is not UTF-8', makeFile(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ['a byte order mark', makeFile('\ufeff{}'), /expected "\{"/],
    ['leading white space', makeFile(' {}'), /starts with " ", expected "\{"/],
    ['an array', makeFile('[]'), /starts with "\[", expected "\{"/],
    ['broken JSON', makeFile('{"a":'), /the header is not JSON/],
    ['two JSON values', makeFile('{}{}'), /the header is not JSON/],
    ['a tensor twice', makeFile(`{"a":${FOUR},"a":${FOUR}}`, 4), /key "a" twice/],
    ['a tensor twice by escape', makeFile(`{"a":${FOUR},"\\u0061":${FOUR}}`, 4), /key "a" twice/],
    [
      'a field twice',
      makeFile('{"a":{"dtype":"F32","shape":[9],"shape":[1],"data_offsets":[0,4]}}', 4),
      /key "shape" twice/,
    ],
    ['metadata twice', makeFile('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" twice/],
    ['a metadata key twice', makeFile('{"__metadata__":{"k":"1","k":"2"}}'), /key "k" twice/],
    [
      'a tensor called __proto__',
      makeFile(`{"__proto__":${FOUR}}`, 4),
      /"__proto__" has a reserved/,
    ],
    ['metadata called __proto__', makeFile('{"__metadata__":{"__proto__":"x"}}'), /"__proto__"/],
    ['a field called __proto__', makeFile('{"a":{"__proto__":{"dtype":"F32"}}}'), /"__proto__"/],
    ['a lone surrogate', makeFile(`{"\\ud800":${FOUR}}`, 4), /reserved or ill-formed name/],
    ['an entry that is a number', makeFile('{"a":1}'), /tensor "a" is 1, expected dtype, shape/],
    ['an entry that is null', makeFile('{"a":null}'), /tensor "a" is null/],
    ['an unknown field', makeFile('{"a":{"strides":[1]}}'), /field "strides"/],
    ['no dtype', makeFile(`{"a":${entry(undefined, [1], [0, 4])}}`, 4), /dtype is undefined/],
    ['an unknown dtype', makeFile(`{"a":${entry('F31', [1], [0, 4])}}`, 4), /dtype is "F31"/],
    ['an inherited dtype', makeFile(`{"a":${entry('toString', [], [0, 4])}}`, 4), /"toString"/],
    ['a shape that is a number', makeFile(`{"a":${entry('F32', 1, [0, 4])}}`, 4), /shape is 1,/],
    ['a negative size', makeFile(`{"a":${entry('F32', [-1], [0, 4])}}`, 4), /shape is \[-1\]/],
    ['a fractional size', makeFile(`{"a":${entry('F32', [0.5], [0, 4])}}`, 4), /shape is \[0.5\]/],
    ['a size as text', makeFile(`{"a":${entry('F32', ['1'], [0, 4])}}`, 4), /shape is \["1"\]/],
    ['an unsafe size', makeFile(`{"a":${entry('F32', [2 ** 53], [0, 4])}}`, 4), /shape is \[9007/],
    [
      'a product beyond 2^53',
      makeFile(`{"a":${entry('F32', [2 ** 27, 2 ** 27], [0, 4])}}`, 4),
      /counts more than 2\^53 - 1 bytes/,
    ],
    [
      'a product that hides behind a zero',
      makeFile(`{"a":${entry('F32', [2 ** 52, 2 ** 52, 0], [0, 0])}}`),
      /counts more than 2\^53 - 1 bytes/,
    ],
    ['a deeply nested shape', makeFile(`{"a":{"shape":${nest(200_000)}}}`), /dtype is undefined/],
    [
      'a deeply nested shape with a dtype',
      makeFile(`{"a":{"dtype":"F32","shape":${nest(200_000)}}}`),
      /shape is \[\[\.\.\.\]\]/,
    ],
    [
      'no offsets',
      makeFile(`{"a":${entry('F32', [1], undefined)}}`, 4),
      /data_offsets is undefined/,
    ],
    ['one offset', makeFile(`{"a":${entry('F32', [1], [4])}}`, 4), /data_offsets is \[4\]/],
    ['offsets as text', makeFile(`{"a":${entry('F32', [1], ['0', '4'])}}`, 4), /\["0", "4"\]/],
    [
      'a negative offset',
      makeFile(`{"a":${entry('F32', [1], [-4, 0])}}`, 4),
      /\[-4, 0\], expected two/,
    ],
    [
      'begin after end',
      makeFile(`{"a":${entry('F32', [1], [4, 0])}}`, 4),
      /\[4, 0\], expected 0 <=/,
    ],
    ['data outside', makeFile(`{"a":${entry('F32', [2], [0, 8])}}`, 4), /\[0, 8\], expected 0 <=/],
    [
      'too few bytes',
      makeFile(`{"a":${entry('F32', [2], [0, 4])}}`, 4),
      /hold 4 bytes, expected 8/,
    ],
    [
      'too many bytes',
      makeFile(`{"a":${entry('F32', [], [0, 8])}}`, 8),
      /hold 8 bytes, expected 4/,
    ],
    [
      'overlapping tensors',
      makeFile(`{"a":${FOUR},"b":${entry('F32', [1], [2, 6])}}`, 6),
      /tensor "b" begins at byte 2 and overlaps tensor "a", expected it to begin at 4/,
    ],
    [
      'the same data twice',
      makeFile(`{"a":${FOUR},"b":${FOUR}}`, 4),
      /"b" begins at byte 0 and overlaps/,
    ],
    [
      'a gap between tensors',
      makeFile(`{"a":${FOUR},"b":${entry('F32', [1], [8, 12])}}`, 12),
      /leaves a gap after tensor "a"/,
    ],
    [
      'a gap before the first tensor',
      makeFile(`{"a":${entry('F32', [1], [4, 8])}}`, 8),
      /leaves a gap after the header/,
    ],
    ['trailing bytes', makeFile(`{"a":${FOUR}}`, 5), /5 bytes of data.*expected the 4/],
    ['data without tensors', makeFile('{}', 1), /1 bytes of data.*expected the 0/],
    ['metadata that is a list', makeFile('{"__metadata__":["a"]}'), /__metadata__ is \["a"\]/],
    ['metadata that is null', makeFile('{"__metadata__":null}'), /__metadata__ is null/],
    [
      'metadata of numbers',
      makeFile('{"__metadata__":{"a":1}}'),
      /__metadata__ "a" is 1, expected a/,
    ],
  ];

  it.each(cases)('refuses %s', (_, bytes, message) => {
    let thrown: unknown;
    try {
      readSafetensors(bytes, { source: 'w.safetensors' });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(FileFormatError);
    const text = (thrown as Error).message;
    expect(text).toMatch(message);
    expect(text).toMatch(/^w\.safetensors: /);
    expect(text).toMatch(/download or export it again\.$/);
    expect(text.length).toBeLessThan(500);
  });

  it('does not take keys inside strings, values or sibling objects for duplicates', () => {
    const header = `{"__metadata__":{"a":"{\\"a\\":1,\\"a\\":2}","b\\\\":"a","b\\"":"\\\\"},"a":${FOUR}}`;
    const { metadata, tensors } = readSafetensors(makeFile(header, 4));
    expect(metadata).toEqual({ a: '{"a":1,"a":2}', 'b\\': 'a', 'b"': '\\' });
    expect([...tensors.keys()]).toEqual(['a']);
  });
});

describe('readSafetensors on damaged files', () => {
  const intact = writeSafetensors(
    [
      ['weight', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['ids', { dtype: 'I32', shape: [3], data: Int32Array.of(7, 8, 9) }],
      ['"quoted" \\ ü', { dtype: 'U8', shape: [2, 1], data: Uint8Array.of(1, 2) }],
    ],
    { note: 'a "b" \\' },
  );
  const headerBytes = Number(new DataView(intact.buffer).getBigUint64(0, true));

  function readOrRefuse(bytes: Uint8Array): number {
    try {
      const { tensors } = readSafetensors(bytes);
      let total = 0;
      for (const { shape, data } of tensors.values()) {
        expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
        total += data.byteLength;
      }
      return total;
    } catch (error) {
      expect(error).toBeInstanceOf(FileFormatError);
      return -1;
    }
  }

  it('reads the intact file', () => {
    expect(readOrRefuse(intact)).toBe(24 + 12 + 2);
  });

  it('refuses the file cut at every length', () => {
    for (let bytes = 0; bytes < intact.length; bytes += 1) {
      expect(readOrRefuse(intact.slice(0, bytes)), `cut to ${bytes} bytes`).toBe(-1);
    }
  });

  it('reads or refuses the file with any header byte replaced by any other', () => {
    let refused = 0;
    for (let at = 0; at < 8 + headerBytes; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        const damaged = intact.slice();
        damaged[at] = value;
        const total = readOrRefuse(damaged);
        if (total < 0) refused += 1;
        else expect(total).toBe(38);
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it('reads or refuses the file with any stretch of the header removed', () => {
    for (let from = 8; from < 8 + headerBytes; from += 3) {
      for (let length = 1; length < 40; length += 2) {
        const rest = intact.subarray(Math.min(from + length, 8 + headerBytes));
        const damaged = new Uint8Array([...intact.subarray(0, from), ...rest]);
        const view = new DataView(damaged.buffer);
        view.setBigUint64(0, BigInt(headerBytes - (intact.length - damaged.length)), true);
        readOrRefuse(damaged);
      }
    }
  });
});
