import '../setup/device-tests.ts';
