/**
 * Texts by key in the page's IndexedDB. By hand, since the package's modules load in browsers without a
 * bundler and so import no package.
 */
const DATABASE = 'gatefold';
const STORE = 'tunings';

/** The text that was kept by this key, if any. */
export async function readText(key: string): Promise<string | undefined> {
  const value: unknown = await inStore('readonly', (store) => store.get(key));
  return typeof value === 'string' ? value : undefined;
}

/** Keeps a text by this key. */
export async function writeText(key: string, text: string): Promise<void> {
  await inStore('readwrite', (store) => store.put(text, key));
}

async function inStore<T>(
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settle(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const result = await settle(act(transaction.objectStore(STORE)));
    return result;
  } finally {
    // Waits for the transaction by itself.
    database.close();
  }
}

function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
