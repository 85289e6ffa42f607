import { accumulateCount, compileAccumulate } from './accumulate-plan.ts';
import { assertEqual, assertTrue, type DeviceCase } from './case.ts';

const values = Float32Array.from({ length: accumulateCount }, (_, index) => index - 7.5);

export const cases: readonly DeviceCase[] = [
  {
    name: 'bytes come back as they were uploaded, also a length that is no multiple of 4',
    async run(device) {
      const data = Uint8Array.from({ length: 1001 }, (_, index) => (index * 7) % 256);
      const buffer = device.createBuffer({ label: 'case/bytes', bytes: 1024 });
      device.upload(buffer, 8, data);
      assertEqual(await device.download(buffer, 8, data.length), data, 'downloaded bytes');
      assertEqual(await device.download(buffer, 0, 8), new Uint8Array(8), 'bytes before');
      device.destroyBuffer(buffer);
    },
  },
  {
    name: 'a plan runs once and then many times in one submit',
    async run(device) {
      const { executable, dispose } = await compileAccumulate(device);
      executable.write('values', values);
      const before = { ...device.counters };
      executable.run();
      assertEqual(await executable.read('inner'), values, 'inner after one run');
      assertEqual(
        await executable.read('total'),
        values.map((value) => 2 * value),
        'total after one run',
      );
      executable.run({ repeats: 3 });
      await executable.finished();
      // inner is 4 v after four runs; total is 2 (1 + 2 + 3 + 4) v.
      assertEqual(
        await executable.read('total'),
        values.map((value) => 20 * value),
        'total after four runs',
      );
      assertEqual(device.counters.dispatches - before.dispatches, 8, 'dispatches');
      assertEqual(device.counters.submits - before.submits, 2 + 3, 'submits: runs and reads');
      dispose();
    },
  },
  {
    name: 'reading does not see what is submitted after it',
    async run(device) {
      const buffer = device.createBuffer({ label: 'case/order', bytes: 4 });
      const finished: number[] = [];
      const reads = Array.from({ length: 12 }, async (_, index) => {
        device.upload(buffer, 0, Uint32Array.of(index));
        const bytes = await device.download(buffer, 0, 4);
        finished.push(index);
        return new Uint32Array(bytes.buffer)[0];
      });
      const expected = Array.from({ length: 12 }, (_, index) => index);
      assertEqual(await Promise.all(reads), expected, 'values read');
      assertEqual(finished, expected, 'order of arrival');
      device.destroyBuffer(buffer);
    },
  },
  {
    name: 'poisoned activations show a value that nobody wrote',
    async run(device) {
      const { executable, dispose } = await compileAccumulate(device, {}, { poison: true });
      const inner = await executable.read('inner');
      assertTrue(
        inner.every((value) => Number.isNaN(value)),
        'poisoned activations are NaN',
      );
      dispose();
    },
  },
  {
    name: 'a launch is timed where the adapter has timestamps',
    async run(device) {
      const { executable, dispose } = await compileAccumulate(device);
      const times = await executable.time({ repeats: 3 });
      assertEqual(times !== null, device.features.has('timestamp-query'), 'times measured');
      if (times) {
        const labels = times.map(({ label }) => label);
        assertEqual(labels, ['first/accumulate', 'second/accumulate'], 'labels of the times');
        assertTrue(
          times.every(({ ms }) => ms >= 0 && ms < 1000),
          `times are plausible: ${times.map(({ ms }) => ms).join(', ')}`,
        );
      }
      dispose();
    },
  },
];
