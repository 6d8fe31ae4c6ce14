/** The visitor's own images: chosen one by one, as a folder, or dropped. */

import { useId, useRef, useState } from 'preact/hooks';
import { type Collected, chosenFiles, droppedFiles, MAX_FILES } from './collect-files.js';
import { counted } from './numbers.js';

export interface ImageFilesProps {
  files: readonly File[];
  onChange: (files: readonly File[]) => void;
}

const megabytes = (files: readonly File[]): string =>
  (files.reduce((sum, { size }) => sum + size, 0) / 1e6).toLocaleString('en', { maximumFractionDigits: 1 });

export function ImageFiles({ files, onChange }: ImageFilesProps) {
  const id = useId();
  const folder = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [note, setNote] = useState('');

  function take({ files: some, more }: Collected): void {
    setOver(false);
    setNote(more ? `Only the first ${counted(MAX_FILES)} files are taken.` : '');
    if (some.length > 0) onChange(some);
  }

  return (
    <fieldset
      class={over ? 'drop over' : 'drop'}
      aria-label="Your images"
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        void droppedFiles(event.dataTransfer).then(take);
      }}
    >
      <p>Drop images or a folder here, or</p>
      <div class="field">
        <label for={`${id}-files`}>choose images</label>
        <input
          id={`${id}-files`}
          type="file"
          multiple
          accept="image/*"
          aria-describedby={`${id}-hint`}
          onChange={(event) => take(chosenFiles(event.currentTarget.files))}
        />
      </div>
      <div class="field">
        <label for={`${id}-folder`}>or a folder</label>
        <input
          id={`${id}-folder`}
          type="file"
          multiple
          ref={(element) => {
            folder.current = element;
            element?.setAttribute('webkitdirectory', '');
          }}
          onChange={(event) => take(chosenFiles(event.currentTarget.files))}
        />
      </div>
      <p class="hint" id={`${id}-hint`}>
        They stay in this page: nothing is uploaded. Each is made square, its middle cut out.
      </p>
      <p role="status" class="count">
        {files.length === 0
          ? 'No files yet.'
          : `${counted(files.length)} ${files.length === 1 ? 'file' : 'files'}, ${megabytes(files)} MB. `}
        {note}
      </p>
    </fieldset>
  );
}
