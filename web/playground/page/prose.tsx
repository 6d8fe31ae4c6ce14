/** Sentences with the paper's symbols set as such, and names of commands and folders as code. */

const SYMBOLS: Readonly<Record<string, [letter: string, below: string]>> = {
  p_data: ['p', 'data'],
  p_g: ['p', 'g'],
};

/** @param props.text plain text; `p_data` and `p_g` are symbols, and what stands between backticks is code */
export function Prose({ text }: { text: string }) {
  const parts = text.split(/(p_data|p_g|`[^`]*`)/);
  return (
    <>
      {parts.map((part, i) => {
        const symbol = SYMBOLS[part];
        if (symbol !== undefined) {
          return (
            <span key={i} class="symbol">
              <i>{symbol[0]}</i>
              <sub>{symbol[1]}</sub>
            </span>
          );
        }
        return part.startsWith('`') ? <code key={i}>{part.slice(1, -1)}</code> : part;
      })}
    </>
  );
}
