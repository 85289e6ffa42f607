/** Preloaded into a Node process, makes the packages named in `HIDDEN_PACKAGES` look uninstalled. */
import Module, { register } from 'node:module';

const hidden = (process.env.HIDDEN_PACKAGES ?? '').split(',');

function refuse(name) {
  const error = new Error(`Cannot find package '${name}'`);
  throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
}

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (hidden.includes(request)) refuse(request);
  return resolveFilename.call(this, request, ...rest);
};

const hooks = `
const hidden = ${JSON.stringify(hidden)};
${refuse}
export function resolve(specifier, context, next) {
  if (hidden.includes(specifier)) refuse(specifier);
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
