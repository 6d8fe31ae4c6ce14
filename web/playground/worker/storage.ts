/** The browser's own storage as a few files: its private file system, or IndexedDB where that is missing. */

export interface Storage {
  /** What was written last under that name, whole; undefined where there is nothing. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Replaces a file at once or not at all, as far as the browser keeps its word. */
  write(name: string, parts: readonly Uint8Array[]): Promise<void>;
  remove(name: string): Promise<void>;
}

const FOLDER = 'gan-onnx-playground';

const isMissing = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'NotFoundError';

async function openFileSystem(): Promise<Storage> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  return {
    async read(name) {
      try {
        const file = await (await folder.getFileHandle(name)).getFile();
        return new Uint8Array(await file.arrayBuffer());
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async write(name, parts) {
      const handle = await folder.getFileHandle(name, { create: true });
      // The browser writes to a file beside it, which takes its place when it is closed.
      const writable = await handle.createWritable();
      try {
        for (const part of parts) await writable.write(part as Uint8Array<ArrayBuffer>);
        await writable.close();
      } catch (error) {
        await writable.abort().catch(() => {});
        throw error;
      }
    },
    async remove(name) {
      await folder.removeEntry(name).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    },
  };
}

function asked<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const STORE = 'files';

async function openDatabase(): Promise<Storage> {
  const opening = indexedDB.open(FOLDER, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await asked(opening);
  /** Resolves when the transaction is done, and not before. */
  const change = (act: (store: IDBObjectStore) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      act(transaction.objectStore(STORE));
    });
  return {
    async read(name) {
      const blob: Blob | undefined = await asked(database.transaction(STORE).objectStore(STORE).get(name));
      return blob === undefined ? undefined : new Uint8Array(await blob.arrayBuffer());
    },
    write: (name, parts) => change((store) => store.put(new Blob(parts as Uint8Array<ArrayBuffer>[]), name)),
    remove: (name) => change((store) => store.delete(name)),
  };
}

const hasFileSystem = (): boolean =>
  typeof navigator.storage?.getDirectory === 'function' && 'createWritable' in FileSystemFileHandle.prototype;

/**
 * Opens the storage.
 *
 * @throws what the browser says when it refuses
 */
export async function openStorage(): Promise<Storage> {
  if (hasFileSystem()) {
    const found = await openFileSystem().catch(() => undefined);
    if (found !== undefined) return found;
  }
  return openDatabase();
}
