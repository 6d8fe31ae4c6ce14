/** The files that were dropped or chosen, those of folders too, as many as a page can take. */

export const MAX_FILES = 10_000;

export interface Collected {
  files: File[];
  /** Whether there were more than `MAX_FILES`. */
  more: boolean;
}

const asFile = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** The next entries of a folder; browsers give them in parts. */
function nextEntries(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

/** Walks folders breadth first; what cannot be read is left out. */
async function walk(roots: readonly FileSystemEntry[]): Promise<Collected> {
  const queue = [...roots];
  const files: File[] = [];
  while (queue.length > 0 && files.length <= MAX_FILES) {
    const entry = queue.shift()!;
    try {
      if (entry.isFile) files.push(await asFile(entry as FileSystemFileEntry));
      if (!entry.isDirectory) continue;
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (let some = await nextEntries(reader); some.length > 0; some = await nextEntries(reader)) {
        queue.push(...some);
        if (queue.length > 2 * MAX_FILES) break;
      }
    } catch {
      // A file that went away in between, or a folder that the browser may not read.
    }
  }
  return limited(files);
}

function limited(files: File[]): Collected {
  return { files: files.slice(0, MAX_FILES), more: files.length > MAX_FILES };
}

/** What a file input has. Hidden files of a folder are left out. */
export function chosenFiles(list: FileList | null): Collected {
  return limited([...(list ?? [])].filter(({ name }) => !name.startsWith('.')));
}

/** What was dropped. To be called at once: the browser takes the data back after the event. */
export function droppedFiles(transfer: DataTransfer | null): Promise<Collected> {
  const entries = [...(transfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  if (entries.length > 0) return walk(entries);
  return Promise.resolve(chosenFiles(transfer?.files ?? null));
}
