import type { Command } from 'commander';
import type { DeviceInfo, DeviceLimits } from '../device/adapter.ts';
import { ParityError } from '../errors.ts';
import { selfTest } from '../training/self-test.ts';
import { type DeviceChoice, makeDeviceOption, openDevice } from './device-option.ts';
import { exitCodes } from './failure.ts';
import { formatBytes, formatCount } from './format.ts';

interface InfoFlags {
  readonly device?: DeviceChoice;
  readonly json?: boolean;
}

/** Outcome of the self-test; `reason` says what is wrong. */
export interface SelfTestReport {
  readonly passed: boolean;
  readonly ms: number;
  readonly reason?: string;
}

/** What `gatefold info` tells; null and empty where there is no device. */
export interface InfoReport {
  readonly adapter: string;
  readonly info: DeviceInfo | null;
  readonly features: readonly string[];
  readonly limits: DeviceLimits | null;
  readonly selfTest: SelfTestReport | null;
}

/** Adds `gatefold info`. */
export function addInfoCommand(program: Command): void {
  program
    .command('info')
    .description('Shows the adapter, its features and limits, and tests it.')
    .addOption(makeDeviceOption())
    .option('--json', 'print JSON: { adapter, info, features, limits, selfTest }')
    .addHelpText(
      'after',
      '\nThe self-test trains tiny networks and compares every gradient with the float64 reference.' +
        '\nExit code 1 where it fails.',
    )
    .action(showInfo);
}

async function showInfo(flags: InfoFlags): Promise<void> {
  using open = await openDevice(flags.device);
  const device = open.device === 'reference' ? null : open.device;
  const report: InfoReport = {
    adapter: open.description,
    info: device?.info ?? null,
    features: device ? [...device.features].sort() : [],
    limits: device?.limits ?? null,
    selfTest: device && (await reportSelfTest(() => selfTest(device))),
  };
  console.log(flags.json ? JSON.stringify(report, null, 2) : describeReport(report));
  if (report.selfTest?.passed === false) process.exitCode = exitCodes.failure;
}

async function reportSelfTest(run: () => ReturnType<typeof selfTest>): Promise<SelfTestReport> {
  const start = performance.now();
  try {
    return { passed: true, ms: (await run()).ms };
  } catch (error) {
    if (!(error instanceof ParityError)) throw error;
    return { passed: false, ms: performance.now() - start, reason: error.message };
  }
}

/** The report for people. */
export function describeReport({
  adapter,
  info,
  features,
  limits,
  selfTest: test,
}: InfoReport): string {
  const lines = [`adapter    ${adapter}`];
  if (info) {
    lines.push(
      `kind       ${info.software ? 'software: the CPU does the work' : 'hardware'}`,
      `vendor     ${info.vendor || 'not told'}, architecture ${info.architecture || 'not told'}`,
      `features   ${features.join(', ') || 'none beyond the core'}`,
    );
  }
  if (limits) {
    lines.push('limits');
    for (const [name, value] of Object.entries(limits)) {
      const isBytes = /Size$|StorageSize$|Alignment$/.test(name) && !/Workgroup(Size|s)/.test(name);
      lines.push(`  ${name.padEnd(34)} ${isBytes ? formatBytes(value) : formatCount(value)}`);
    }
  }
  if (test) {
    const outcome = test.passed ? 'passed' : `FAILED: ${test.reason}`;
    lines.push(`self-test  ${outcome} (${Math.round(test.ms)} ms)`);
  }
  return lines.join('\n');
}
