/** Vite gives a file's address for an import that ends so. */
declare module '*?url' {
  const url: string;
  export default url;
}

declare module '*.css';
