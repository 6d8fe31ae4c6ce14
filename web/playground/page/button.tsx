/** A button that keeps the focus while it cannot be used: one that is `disabled` loses a keyboard user's place. */

import type { ComponentChildren } from 'preact';

export interface ButtonProps {
  /** What the button does cannot be done right now. */
  off?: boolean;
  primary?: boolean;
  submits?: boolean;
  describedBy?: string;
  onClick?: () => void;
  children: ComponentChildren;
}

export function Button({
  off = false,
  primary = false,
  submits = false,
  describedBy,
  onClick,
  children,
}: ButtonProps) {
  return (
    <button
      type={submits ? 'submit' : 'button'}
      class={primary ? 'primary' : undefined}
      aria-disabled={off}
      aria-describedby={describedBy}
      onClick={(event) => {
        if (off) event.preventDefault();
        else onClick?.();
      }}
    >
      {children}
    </button>
  );
}
