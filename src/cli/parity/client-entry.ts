import { serveCases } from './client.ts';

const { Deno } = globalThis as { Deno?: { readonly args: readonly string[] } };
await serveCases(Deno?.args[0] ?? location.href);
