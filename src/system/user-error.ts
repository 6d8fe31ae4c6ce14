/**
 * The error for everything that a user can mend: its message is the one line that the command line prints, naming
 * what was wrong, where, what was expected and what to do.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
