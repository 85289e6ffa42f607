#!/usr/bin/env node
import { describeFailure, exitCodeOfParser } from './failure.ts';
import { createProgram } from './program.ts';

// A reader that has seen enough (`gatefold … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  const parserCode = exitCodeOfParser(error);
  if (parserCode === undefined) {
    const { text, exitCode } = describeFailure(error, process.env.GATEFOLD_DEBUG === '1');
    console.error(text);
    process.exitCode = exitCode;
  } else {
    process.exitCode = parserCode;
  }
}
