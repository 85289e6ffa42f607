/** The module that works under Node: the package's `main` entry exports nothing there. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
