/** Numbers as the page writes them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const counted = (value: number): string => whole.format(value);

/** Three digits or so; a minus sign where there is one. */
export function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  if (!Number.isFinite(value)) return 'not a number';
  const size = Math.abs(value);
  const text =
    size >= 100
      ? size.toFixed(0)
      : size >= 10
        ? size.toFixed(1)
        : size >= 0.1 || size === 0
          ? size.toFixed(2)
          : size.toFixed(3);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Steps per second: a slow run needs a decimal. */
export const perSecond = (value: number): string => (value >= 10 ? counted(value) : shown(value));
