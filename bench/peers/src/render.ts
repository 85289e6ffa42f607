import { parseHTML } from 'linkedom';
import type { Report } from '../../report.ts';
import { drawPlot } from './plot.ts';

/** The plot of a report as the text of an SVG file. */
export function renderPlot(report: Report): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return `${drawPlot(report, { width: 960, document }).outerHTML}\n`;
}
