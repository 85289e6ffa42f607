/** Milliseconds with three digits that count. */
export function formatMs(ms: number): string {
  if (ms >= 9995) return `${(ms / 1000).toPrecision(3)} s`;
  return `${formatNumber(ms)} ms`;
}

/** A number with three digits that count, without an exponent. */
export function formatNumber(value: number): string {
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

/** A factor, e.g. `5.3×` or `420×`. */
export function formatFactor(factor: number): string {
  return `${factor >= 100 ? factor.toFixed(0) : factor.toPrecision(2)}×`;
}

/** Bytes in units of 1000, e.g. `61 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return `${formatNumber(bytes / 1000 ** power)} ${units[power]}`;
}

/** Rows as text in columns; the first column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
